import { fromHex, type Rng, toBase64 } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type { ApiRequest, Operation, Transaction } from '../wire/index.ts'
import type { ConnectOptions, OperationOptions } from './client.ts'
import { createHttp, type Http, jsonOfAnswer } from './http.ts'
import type { Trust } from './trust.ts'

/** How long a request that is made on the spot stays valid: covers slow holders and modest clock skew. */
export const REQUEST_LIFETIME_MS = 30_000

/** What a daemon says of itself at `/`, to anybody. */
interface RootJson {
  readonly networkId: string
}

/** Sends the requests of one client with its authority: a bearer token of the daemon, or a principal's own signature. */
export class Requests {
  readonly principal: SigningKey | undefined
  readonly trust: Trust | undefined
  readonly #http: Http
  readonly #token: string | undefined
  readonly #rng: Rng
  #networkId: Uint8Array | undefined

  constructor({ api, token, principal, timeoutMs, trust }: ConnectOptions, rng: Rng) {
    this.#http = createHttp(api, timeoutMs)
    this.#token = token
    this.principal = principal
    this.trust = trust
    this.#rng = rng
  }

  /** The answer's status and text as they came. */
  async bare(path: string, timeoutMs?: number): ReturnType<Http['send']> {
    const headers = await this.#authorization('GET', path)
    return this.#http.send({
      method: 'GET',
      path,
      headers,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
  }

  close(): void {
    this.#http.close()
  }

  /** As JSON with the bearer token, or as the transaction that the principal signs itself. */
  async change(
    method: 'POST' | 'PUT',
    path: string,
    body: unknown,
    transaction: () => Transaction,
  ): Promise<unknown> {
    const principal = this.principal
    if (principal === undefined) return this.sendJson(method, path, body)
    const { signTransaction } = await import('./signing.ts')
    const { transactionCodec } = await import('../wire/index.ts')
    const signed = signTransaction(principal, await this.network(), transaction())
    return this.sendEnvelope(method, path, transactionCodec.encode(signed))
  }

  /** One operation on a batch of inputs, which JSON calls `field`; version 0 is the active one. */
  async operate(
    name: string,
    operation: Operation,
    field: string,
    inputs: readonly Uint8Array[],
    { version = 0 }: OperationOptions = {},
    isBlinded = false,
  ): Promise<Record<string, unknown> & { readonly version: number }> {
    const path = `${keyPath(name)}/${operation}`
    const principal = this.principal
    if (principal === undefined) {
      const body = {
        [field]: inputs.map(toBase64),
        ...(version === 0 ? {} : { version }),
        ...(isBlinded ? { blinded: true } : {}),
      }
      return (await this.sendJson('POST', path, body)) as { version: number }
    }
    const { signOperation } = await import('./signing.ts')
    const { signedOperationCodec } = await import('../wire/index.ts')
    const call = { key: name, operation, inputs, version, isBlinded }
    const signed = signOperation(principal, await this.network(), call, Date.now(), this.#rng)
    return (await this.sendEnvelope('POST', path, signedOperationCodec.encode(signed))) as {
      version: number
    }
  }

  /** The id of the network: the one that the client trusts, else as the daemon says, asked for once. */
  async network(): Promise<Uint8Array> {
    this.#networkId ??=
      this.trust?.checkpoint.networkId ??
      fromHex((jsonOfAnswer(await this.#http.send({ method: 'GET', path: '/' })) as RootJson).networkId)
    return this.#networkId
  }

  async get(path: string): Promise<unknown> {
    return jsonOfAnswer(
      await this.#http.send({ method: 'GET', path, headers: await this.#authorization('GET', path) }),
    )
  }

  /** All pages of a list as one answer; `field` names the list in it. */
  async getPages<Page, Field extends string & keyof Page>(path: string, field: Field): Promise<Page> {
    const items: unknown[] = []
    let after: string | undefined
    for (;;) {
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`
      const { next, ...page } = (await this.get(`${path}${query}`)) as Record<string, readonly unknown[]> & {
        readonly next?: string
      }
      for (const item of page[field] ?? []) items.push(item)
      if (next === undefined) return { ...page, [field]: items } as Page
      after = next
    }
  }

  async sendJson(method: 'POST' | 'PUT', path: string, body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json', ...(await this.#authorization(method, path)) }
    return jsonOfAnswer(await this.#http.send({ method, path, headers, body: JSON.stringify(body) }))
  }

  async sendEnvelope(method: 'POST' | 'PUT' | 'DELETE', path: string, body: Uint8Array): Promise<unknown> {
    const headers = { 'content-type': 'application/cbor' }
    return jsonOfAnswer(await this.#http.send({ method, path, headers, body }))
  }

  /** A principal signs each request that has no signed body; a token is shown as it is. */
  async #authorization(method: ApiRequest['method'], target: string): Promise<Record<string, string>> {
    if (this.principal !== undefined) {
      const { signedAuthorization } = await import('./signing.ts')
      const request = { method, target, expiresMs: Date.now() + REQUEST_LIFETIME_MS }
      return { authorization: signedAuthorization(this.principal, await this.network(), request) }
    }
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }
  }
}

export function keyPath(name: string): string {
  return `/api/v1/keys/${encodeURIComponent(name)}`
}

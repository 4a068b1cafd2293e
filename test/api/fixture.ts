import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  authorityOf,
  type Client,
  connect,
  createToken,
  type Listening,
  PrincipalVault,
  startApi,
  TokenRegister,
} from '../../src/api/index.ts'
import { type Clock, Secret, SeededRng } from '../../src/base/index.ts'
import { cryptoReady, SigningKey } from '../../src/crypto/index.ts'
import { SystemClock, SystemRng } from '../../src/io/index.ts'
import { SoloNode } from './solo-node.ts'

export interface ApiFixture {
  readonly url: string
  readonly node: SoloNode
  readonly dir: string
  readonly owner: SigningKey
  readonly stranger: SigningKey
  readonly token: string
  /** As the owner, by bearer token. */
  readonly client: Client
  /** What the server told of its own failures. */
  readonly internalErrors: readonly unknown[]
  /** Time stands still for the server from now on: buckets gain nothing. */
  freeze(): void
  tokenOf(key: 'owner' | 'stranger', ttlMs?: number): string
  as(principal: SigningKey): Client
  stop(): Promise<void>
}

/** The real HTTP server over a node of one process. */
export async function startFixture(at: Listening = { host: '127.0.0.1', port: 0 }): Promise<ApiFixture> {
  await cryptoReady
  const dir = mkdtempSync(join(tmpdir(), 'ostraka-api-'))
  const rng = new SeededRng(dir)
  const seeds = { owner: new Secret(rng.bytes(32)), stranger: new Secret(rng.bytes(32)) }
  const owner = new SigningKey(seeds.owner)
  const stranger = new SigningKey(seeds.stranger)
  const vault = new PrincipalVault(join(dir, 'principals'), new Secret(rng.bytes(32)))
  vault.add(seeds.owner, rng)
  vault.add(seeds.stranger, rng)
  const tokens = join(dir, 'tokens.json')
  const tokenOf = (key: 'owner' | 'stranger', ttlMs = 60_000): string =>
    createToken(tokens, { owner, stranger }[key].publicKey, ttlMs, Date.now())
  const token = tokenOf('owner')
  const node = await SoloNode.create(new SigningKey(new Secret(rng.bytes(32))), [owner.publicKey], rng)
  const internalErrors: unknown[] = []
  const system = new SystemClock()
  let frozenMs: number | undefined
  const clock: Clock = {
    nowMs: () => frozenMs ?? system.nowMs(),
    schedule: (delayMs, task) => system.schedule(delayMs, task),
  }
  const options = {
    port: node,
    authority: authorityOf(new TokenRegister(tokens), vault),
    clock,
    rng: new SystemRng(),
    software: 'ostraka/test',
    addresses: () => [],
    counters: () => node.counters(),
    onInternalError: (error: unknown) => internalErrors.push(error),
  }
  const { url, stop } = await startApi(options, at)
  const clients: Client[] = []
  const open = (credentials: { token: string } | { principal: SigningKey }): Client => {
    const client = connect({ api: url, ...credentials })
    clients.push(client)
    return client
  }
  return {
    ...{ url, node, dir, owner, stranger, token, internalErrors, tokenOf },
    client: open({ token }),
    as: principal => open({ principal }),
    freeze() {
      frozenMs = system.nowMs()
    },
    async stop() {
      for (const client of clients) client.close()
      await stop()
      rmSync(dir, { recursive: true })
    },
  }
}

/** A problem document, as far as tests look at it. */
export interface ProblemAnswer {
  readonly status: number
  readonly code: string
  readonly type: string | null
  readonly detail: string
}

export async function problemOf(response: Response): Promise<ProblemAnswer> {
  const type = response.headers.get('content-type')
  const body = (await response.json()) as { code: string; status: number; detail: string }
  if (body.status !== response.status) throw new Error('the document’s status is not the answer’s')
  return { status: response.status, code: body.code, type, detail: body.detail }
}

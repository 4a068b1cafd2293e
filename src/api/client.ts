import { randomBytes } from 'node:crypto'
import { fromBase64, fromHex, type PeerId, type Rng, type Secret, toBase64 } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type {
  ChangeKey,
  Genesis,
  KeyKind,
  Operation,
  PolicyRule,
  RetireVersion,
  SignedTransaction,
  Transaction,
} from '../wire/index.ts'
import { createHttp, type Http, jsonOfAnswer } from './http.ts'
import type {
  AuditCheckpointJson,
  AuditJson,
  BlockJson,
  KeyJson,
  MembershipJson,
  PeerJson,
  PlanJson,
  PolicyJson,
  ProofJson,
  StatusJson,
  TrustJson,
} from './json.ts'
import type { ChangeJson } from './routes-changes.ts'

export interface ConnectOptions {
  /** Base URL of a daemon, such as `http://127.0.0.1:7801`. */
  readonly api: string
  /** A bearer token of that daemon. */
  readonly token?: string
  /** Signs every request itself instead: works with any daemon of the network. */
  readonly principal?: SigningKey
  /** How long an answer may take; two minutes unless told, which suits ceremonies. A late one ends its connection. */
  readonly timeoutMs?: number
}

export interface NewKey {
  readonly name: string
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly rules?: readonly PolicyRule[]
  readonly isExportable?: boolean
  readonly entropy?: number
}

export interface OperationOptions {
  /** 0 or absent: the active version. */
  readonly version?: number
}

export interface Evaluated {
  readonly version: number
  readonly outputs: readonly Uint8Array[]
}

export interface BlindEvaluated extends Evaluated {
  readonly proofs: readonly ProofJson[]
}

export interface Signatures {
  readonly version: number
  readonly publicKey: Uint8Array
  readonly signatures: readonly Uint8Array[]
}

/** What the control log has decided of a member, in the block at `height`. */
export interface MembershipDecision {
  readonly height: number
  readonly member: MembershipJson
}

/** A daemon's HTTP interface as typed calls. Every rejection is an OstrakaError with the daemon's code. */
export interface Client {
  readonly api: string
  health(): Promise<{ readonly status: string; readonly reasons: readonly string[] }>
  metrics(): Promise<string>
  status(): Promise<StatusJson>
  peers(): Promise<readonly PeerJson[]>
  trust(): Promise<TrustJson>
  /** Every member that there is or was. */
  members(): Promise<readonly MembershipJson[]>
  genesis(): Promise<{ readonly genesis: Genesis; readonly addresses: readonly string[] }>
  /** Hands in a signed `join`. */
  admit(join: SignedTransaction): Promise<MembershipDecision>
  /** Hands in a signed `remove-member` or `leave`. */
  removeMember(peerId: PeerId, departure: SignedTransaction): Promise<MembershipDecision>
  keys(): Promise<readonly KeyJson[]>
  key(name: string): Promise<KeyJson>
  /** Resolves when the key's first version is active. */
  createKey(key: NewKey): Promise<KeyJson>
  /** Shares `secret` (as `--secret-file` holds it) here and sends the sealed shares only; wipes nothing of the caller's. */
  importKey(key: NewKey, secret: Secret): Promise<KeyJson>
  policy(name: string): Promise<PolicyJson>
  /** `revision` is that of the policy that is replaced. */
  setPolicy(name: string, revision: number, rules: readonly PolicyRule[]): Promise<PolicyJson>
  /** Each resolves when its ceremony has ended well. */
  rotateKey(name: string): Promise<KeyJson>
  refreshKey(name: string): Promise<KeyJson>
  reshareKey(name: string, change: ChangeJson): Promise<KeyJson>
  archiveVersion(name: string, version: number, retainUntilMs?: number): Promise<KeyJson>
  destroyVersion(name: string, version: number): Promise<KeyJson>
  sign(name: string, messages: readonly Uint8Array[], options?: OperationOptions): Promise<Signatures>
  derive(name: string, inputs: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated>
  /** Evaluates elements that the caller blinded; their proofs are the caller's to check. */
  evaluateBlinded(
    name: string,
    elements: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<BlindEvaluated>
  /** Blinds, has evaluated, checks the proofs and finalizes: the same outputs as `derive`, unseen by the network. */
  deriveBlinded(name: string, inputs: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated>
  /** Raw X25519 shared secrets with the given public keys. */
  decrypt(name: string, encapsulations: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated>
  /** Blocks from a height on; with `waitMs`, waits that long for the first. */
  log(
    from: number,
    options?: { readonly limit?: number; readonly waitMs?: number },
  ): Promise<{ readonly height: number; readonly blocks: readonly BlockJson[] }>
  /** Entries of the daemon's audit log from one on, with their proofs. */
  audit(from: number, options?: { readonly limit?: number }): Promise<AuditJson>
  /** The last recorded checkpoint of every node's audit log. */
  auditCheckpoints(): Promise<readonly AuditCheckpointJson[]>
  /** Ends the pooled connections. */
  close(): void
}

export function connect(options: ConnectOptions): Client {
  return new HttpClient(options, createHttp(options.api, options.timeoutMs))
}

const systemRng: Rng = { bytes: length => new Uint8Array(randomBytes(length)) }

class HttpClient implements Client {
  readonly api: string
  readonly #http: Http
  readonly #token: string | undefined
  readonly #principal: SigningKey | undefined
  #networkId: Uint8Array | undefined

  constructor(options: ConnectOptions, http: Http) {
    this.api = options.api
    this.#http = http
    this.#token = options.token
    this.#principal = options.principal
  }

  async health(): Promise<{ readonly status: string; readonly reasons: readonly string[] }> {
    const answer = await this.#http.send({ method: 'GET', path: '/health', timeoutMs: 5000 })
    if (answer.status === 503 && answer.text.includes('"reasons"')) return JSON.parse(answer.text)
    return jsonOfAnswer(answer) as { status: string; reasons: string[] }
  }

  async metrics(): Promise<string> {
    return (await this.#http.send({ method: 'GET', path: '/metrics' })).text
  }

  async status(): Promise<StatusJson> {
    return (await this.#get('/api/v1/status')) as StatusJson
  }

  async peers(): Promise<readonly PeerJson[]> {
    return ((await this.#get('/api/v1/peers')) as { peers: PeerJson[] }).peers
  }

  async trust(): Promise<TrustJson> {
    return (await this.#get('/api/v1/trust')) as TrustJson
  }

  async members(): Promise<readonly MembershipJson[]> {
    return ((await this.#get('/api/v1/members')) as { members: MembershipJson[] }).members
  }

  async genesis(): Promise<{ readonly genesis: Genesis; readonly addresses: readonly string[] }> {
    const { genesisCodec } = await import('../wire/index.ts')
    const answer = (await this.#get('/api/v1/genesis')) as { genesis: string; addresses: string[] }
    return { genesis: genesisCodec.decode(fromBase64(answer.genesis)), addresses: answer.addresses }
  }

  admit(join: SignedTransaction): Promise<MembershipDecision> {
    return this.#hand('POST', '/api/v1/members', join)
  }

  removeMember(peerId: PeerId, departure: SignedTransaction): Promise<MembershipDecision> {
    return this.#hand('DELETE', `/api/v1/members/${encodeURIComponent(peerId)}`, departure)
  }

  async #hand(
    method: 'POST' | 'DELETE',
    path: string,
    transaction: SignedTransaction,
  ): Promise<MembershipDecision> {
    const { transactionCodec } = await import('../wire/index.ts')
    return (await this.#sendEnvelope(
      method,
      path,
      transactionCodec.encode(transaction),
    )) as MembershipDecision
  }

  async keys(): Promise<readonly KeyJson[]> {
    return ((await this.#get('/api/v1/keys')) as { keys: KeyJson[] }).keys
  }

  async key(name: string): Promise<KeyJson> {
    return (await this.#get(keyPath(name))) as KeyJson
  }

  async createKey(key: NewKey): Promise<KeyJson> {
    const body = { name: key.name, ...newKeyJson(key) }
    return (await this.#change('POST', '/api/v1/keys', body, () => createKeyOf(key, 'generate'))) as KeyJson
  }

  async importKey(key: NewKey, secret: Secret): Promise<KeyJson> {
    const { dealAs, dealFor, scalarOfSecret } = await import('./dealing-client.ts')
    const scalar = await scalarOfSecret(key.kind, secret)
    try {
      const path = `${keyPath(key.name)}/import`
      const open = () => createKeyOf(key, 'import')
      const plan = (await this.#change('POST', path, newKeyJson(key), open)) as PlanJson
      const dealer = { kind: key.kind, networkId: await this.#network(), rng: systemRng }
      const dealing =
        this.#principal === undefined
          ? dealFor(dealer, plan, scalar)
          : dealAs(this.#principal, dealer, plan, scalar)
      return (await this.#sendJson('POST', path, { dealing })) as KeyJson
    } finally {
      scalar.wipe()
    }
  }

  async policy(name: string): Promise<PolicyJson> {
    return (await this.#get(`${keyPath(name)}/policy`)) as PolicyJson
  }

  async setPolicy(name: string, revision: number, rules: readonly PolicyRule[]): Promise<PolicyJson> {
    const body = { revision, rules: rulesJson(rules) }
    const path = `${keyPath(name)}/policy`
    const transaction = (): Transaction => ({ type: 'set-policy', name, revision, rules })
    return (await this.#change('PUT', path, body, transaction)) as PolicyJson
  }

  rotateKey(name: string): Promise<KeyJson> {
    return this.#changeKey(name, 'rotate', {})
  }

  refreshKey(name: string): Promise<KeyJson> {
    return this.#changeKey(name, 'refresh', {})
  }

  reshareKey(name: string, change: ChangeJson): Promise<KeyJson> {
    return this.#changeKey(name, 'reshare', change)
  }

  archiveVersion(name: string, version: number, retainUntilMs?: number): Promise<KeyJson> {
    const until = retainUntilMs === undefined ? {} : { retainUntilMs }
    return this.#retire(name, 'archive', {
      type: 'retire-version',
      name,
      version,
      state: 'archived',
      ...until,
    })
  }

  destroyVersion(name: string, version: number): Promise<KeyJson> {
    return this.#retire(name, 'destroy', { type: 'retire-version', name, version, state: 'destroyed' })
  }

  async #changeKey(name: string, change: ChangeKey['change'], body: ChangeJson): Promise<KeyJson> {
    const { version, generation } = await this.key(name)
    const nonce = systemRng.bytes(16)
    const value: ChangeKey = { type: 'change-key', nonce, name, change, version, generation, ...body }
    return (await this.#change('POST', `${keyPath(name)}/${change}`, body, () => value)) as KeyJson
  }

  async #retire(name: string, verb: string, value: RetireVersion): Promise<KeyJson> {
    const { version, retainUntilMs } = value
    const body = { version, ...(retainUntilMs === undefined ? {} : { retainUntilMs }) }
    return (await this.#change('POST', `${keyPath(name)}/${verb}`, body, () => value)) as KeyJson
  }

  async sign(name: string, messages: readonly Uint8Array[], options?: OperationOptions): Promise<Signatures> {
    const answer = await this.#operate(name, 'sign', 'messages', messages, options)
    return {
      version: answer.version,
      publicKey: fromBase64(answer.publicKey as string),
      signatures: (answer.signatures as string[]).map(fromBase64),
    }
  }

  async derive(name: string, inputs: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated> {
    const answer = await this.#operate(name, 'derive', 'inputs', inputs, options)
    return { version: answer.version, outputs: (answer.outputs as string[]).map(fromBase64) }
  }

  async evaluateBlinded(
    name: string,
    elements: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<BlindEvaluated> {
    const answer = await this.#operate(name, 'derive', 'inputs', elements, options, true)
    return {
      version: answer.version,
      outputs: (answer.outputs as string[]).map(fromBase64),
      proofs: (answer.proofs ?? []) as ProofJson[],
    }
  }

  async deriveBlinded(
    name: string,
    inputs: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<Evaluated> {
    const { deriveBlinded } = await import('./blinding-client.ts')
    const evaluator = {
      key: () => this.key(name),
      evaluate: (elements: readonly Uint8Array[]) => this.evaluateBlinded(name, elements, options),
    }
    return deriveBlinded(evaluator, inputs, systemRng)
  }

  async decrypt(
    name: string,
    encapsulations: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<Evaluated> {
    const answer = await this.#operate(name, 'decrypt', 'encapsulations', encapsulations, options)
    return { version: answer.version, outputs: (answer.sharedSecrets as string[]).map(fromBase64) }
  }

  async log(
    from: number,
    options: { readonly limit?: number; readonly waitMs?: number } = {},
  ): Promise<{ readonly height: number; readonly blocks: readonly BlockJson[] }> {
    const query = new URLSearchParams({ from: String(from) })
    for (const [name, value] of Object.entries(options)) query.set(name, String(value))
    return (await this.#get(`/api/v1/log?${query}`)) as { height: number; blocks: BlockJson[] }
  }

  async audit(from: number, { limit }: { readonly limit?: number } = {}): Promise<AuditJson> {
    const query = new URLSearchParams({ from: String(from) })
    if (limit !== undefined) query.set('limit', String(limit))
    return (await this.#get(`/api/v1/audit?${query}`)) as AuditJson
  }

  async auditCheckpoints(): Promise<readonly AuditCheckpointJson[]> {
    const answer = await this.#get('/api/v1/audit/checkpoints')
    return (answer as { checkpoints: AuditCheckpointJson[] }).checkpoints
  }

  close(): void {
    this.#http.close()
  }

  /** As JSON with the bearer token, or as the transaction that the principal signs itself. */
  async #change(
    method: 'POST' | 'PUT',
    path: string,
    body: unknown,
    transaction: () => Transaction,
  ): Promise<unknown> {
    const principal = this.#principal
    if (principal === undefined) return this.#sendJson(method, path, body)
    const { signTransaction } = await import('./signing.ts')
    const { transactionCodec } = await import('../wire/index.ts')
    const signed = signTransaction(principal, await this.#network(), transaction())
    return this.#sendEnvelope(method, path, transactionCodec.encode(signed))
  }

  async #operate(
    name: string,
    operation: Operation,
    field: string,
    inputs: readonly Uint8Array[],
    { version = 0 }: OperationOptions = {},
    isBlinded = false,
  ): Promise<Record<string, unknown> & { readonly version: number }> {
    const path = `${keyPath(name)}/${operation}`
    const principal = this.#principal
    if (principal === undefined) {
      const body = {
        [field]: inputs.map(toBase64),
        ...(version === 0 ? {} : { version }),
        ...(isBlinded ? { blinded: true } : {}),
      }
      return (await this.#sendJson('POST', path, body)) as { version: number }
    }
    const { signOperation } = await import('./signing.ts')
    const { signedOperationCodec } = await import('../wire/index.ts')
    const call = { key: name, operation, inputs, version, isBlinded }
    const signed = signOperation(principal, await this.#network(), call, Date.now(), systemRng)
    return (await this.#sendEnvelope('POST', path, signedOperationCodec.encode(signed))) as {
      version: number
    }
  }

  async #network(): Promise<Uint8Array> {
    this.#networkId ??= fromHex((await this.status()).networkId)
    return this.#networkId
  }

  async #get(path: string): Promise<unknown> {
    return jsonOfAnswer(await this.#http.send({ method: 'GET', path, headers: this.#authorization() }))
  }

  async #sendJson(method: 'POST' | 'PUT', path: string, body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json', ...this.#authorization() }
    return jsonOfAnswer(await this.#http.send({ method, path, headers, body: JSON.stringify(body) }))
  }

  async #sendEnvelope(method: 'POST' | 'PUT' | 'DELETE', path: string, body: Uint8Array): Promise<unknown> {
    const headers = { 'content-type': 'application/cbor' }
    return jsonOfAnswer(await this.#http.send({ method, path, headers, body }))
  }

  #authorization(): Record<string, string> {
    return this.#token === undefined || this.#principal !== undefined
      ? {}
      : { authorization: `Bearer ${this.#token}` }
  }
}

function keyPath(name: string): string {
  return `/api/v1/keys/${encodeURIComponent(name)}`
}

function newKeyJson(key: NewKey): Record<string, unknown> {
  return {
    kind: key.kind,
    threshold: key.threshold,
    shares: key.shares,
    ...(key.rules === undefined ? {} : { policy: { rules: rulesJson(key.rules) } }),
    ...(key.isExportable === undefined ? {} : { exportable: key.isExportable }),
    ...(key.entropy === undefined ? {} : { entropy: key.entropy }),
  }
}

function rulesJson(rules: readonly PolicyRule[]): unknown {
  return rules.map(rule => ({ ...rule, principal: toBase64(rule.principal) }))
}

function createKeyOf(key: NewKey, origin: 'generate' | 'import'): Transaction {
  return {
    type: 'create-key',
    nonce: systemRng.bytes(16),
    name: key.name,
    kind: key.kind,
    threshold: key.threshold,
    shares: key.shares,
    rules: key.rules ?? [],
    isExportable: key.isExportable ?? false,
    entropy: key.entropy ?? 0,
    origin,
  }
}

import { randomBytes } from 'node:crypto'
import {
  fromBase64,
  fromHex,
  listFromBase64,
  OstrakaError,
  type Rng,
  type Secret,
  toBase64,
  toHex,
} from '../base/index.ts'
import type { ChangeKey, ExportAct, PolicyRule, RetireVersion, Transaction } from '../wire/index.ts'
import type { SharedVersion } from './blinding-client.ts'
import type {
  BlindEvaluated,
  Client,
  ConnectOptions,
  Evaluated,
  ExportedSecret,
  ExportRequest,
  NewKey,
  OperationOptions,
  ProposedExport,
  Signatures,
} from './client.ts'
import type { SecretForm } from './dealing-client.ts'
import type { ExportJson, KeyJson, PlanJson, PolicyJson, ProofJson, ProposalJson } from './json.ts'
import { NetworkClient } from './network-client.ts'
import type { Prover } from './proving-client.ts'
import { keyPath, Requests } from './requests.ts'
import type { ChangeJson } from './routes-changes.ts'
import type { ProvenKey, Verified } from './trust.ts'

export function connect(options: ConnectOptions): Client {
  return new HttpClient(options)
}

const systemRng: Rng = { bytes: length => new Uint8Array(randomBytes(length)) }

class HttpClient extends NetworkClient implements Client {
  #prover: Prover | undefined

  constructor(options: ConnectOptions) {
    super(new Requests(options, systemRng), options.api)
  }

  async proposeExport(
    name: string,
    { reason, version = 0, expiresMs }: ExportRequest,
  ): Promise<ProposedExport> {
    const { keyId, version: wanted } = await this.#exportable(name, version)
    const { newOneTimeKey } = await import('./export-client.ts')
    const { publicKey, secretKey: oneTimeKey } = await newOneTimeKey(systemRng)
    const recipient = publicKey.bytes
    const act = { type: 'export-key', name, keyId, version: wanted, recipient } as const
    try {
      const path = `${keyPath(name)}/export`
      const body = { recipient: toBase64(recipient), reason, version: wanted, expiresMs }
      const value: Transaction = { type: 'propose', nonce: systemRng.bytes(16), act, reason, expiresMs }
      const proposal = (await this.requests.change('POST', path, body, () => value)) as ProposalJson
      requireSameAct(proposal, act)
      if (this.requests.trust === undefined) return { proposal, oneTimeKey }
      const prover = await this.#prove()
      const verified = await prover.requireProposal(proposal.id, { act, reason, expiresMs })
      return { proposal, oneTimeKey, verified }
    } catch (error) {
      oneTimeKey.wipe()
      throw error
    }
  }

  async #exportable(
    name: string,
    version: number,
  ): Promise<{ readonly keyId: Uint8Array; readonly version: number }> {
    if (this.requests.trust !== undefined) return this.provenKey(name, { version })
    const key = await this.key(name)
    return { keyId: fromHex(key.keyId), version: version === 0 ? key.version : version }
  }

  async collectExport(name: string, proposal: string, oneTimeKey: Secret): Promise<ExportedSecret> {
    const { openExport, recipientOf } = await import('./export-client.ts')
    // what is proven stands before the use, which is loud and can be had once
    const proven =
      this.requests.trust === undefined
        ? undefined
        : await (await this.#prove()).exportedKey(proposal, name, await recipientOf(oneTimeKey))
    const value: Transaction = { type: 'use-approval', proposal: fromHex(proposal) }
    const path = `${keyPath(name)}/export`
    const answer = (await this.requests.change('POST', path, { proposal }, () => value)) as ExportJson
    if (proven === undefined) return openExport(oneTimeKey, await this.requests.network(), answer)
    if (answer.kind !== proven.kind || answer.publicKey !== toBase64(proven.publicKey)) {
      throw new OstrakaError('unproven', 'the daemon gives shares of another key', { name, proposal })
    }
    const secret = await openExport(oneTimeKey, await this.requests.network(), answer)
    return { ...secret, verified: proven.verified }
  }

  async keys(): Promise<readonly KeyJson[]> {
    type Page = { readonly keys: readonly KeyJson[] }
    return (await this.requests.getPages<Page, 'keys'>('/api/v1/keys', 'keys')).keys
  }

  async key(name: string): Promise<KeyJson> {
    return (await this.requests.get(keyPath(name))) as KeyJson
  }

  async createKey(key: NewKey): Promise<KeyJson> {
    const body = { name: key.name, ...newKeyJson(key) }
    return (await this.requests.change('POST', '/api/v1/keys', body, () =>
      createKeyOf(key, 'generate'),
    )) as KeyJson
  }

  async importKey(
    key: NewKey,
    secret: Secret,
    form?: SecretForm,
  ): Promise<KeyJson & { readonly verified?: Verified }> {
    const { dealAs, dealFor, scalarOfSecret } = await import('./dealing-client.ts')
    const scalar = await scalarOfSecret(key.kind, secret, form)
    try {
      const path = `${keyPath(key.name)}/import`
      const open = () => createKeyOf(key, 'import')
      const plan = (await this.requests.change('POST', path, newKeyJson(key), open)) as PlanJson
      const verified =
        this.requests.trust === undefined
          ? {}
          : { verified: await (await this.#prove()).requirePlan(key, plan) }
      const dealer = { kind: key.kind, networkId: await this.requests.network(), rng: systemRng }
      const dealing =
        this.requests.principal === undefined
          ? dealFor(dealer, plan, scalar)
          : dealAs(this.requests.principal, dealer, plan, scalar)
      const made = (await this.requests.sendJson('POST', path, { dealing })) as KeyJson
      return { ...made, ...verified }
    } finally {
      scalar.wipe()
    }
  }

  async policy(name: string): Promise<PolicyJson> {
    return (await this.requests.get(`${keyPath(name)}/policy`)) as PolicyJson
  }

  async setPolicy(
    name: string,
    revision: number,
    rules: readonly PolicyRule[],
    isPublic = false,
  ): Promise<PolicyJson> {
    const body = { revision, rules: rulesJson(rules), public: isPublic }
    const path = `${keyPath(name)}/policy`
    const transaction = (): Transaction => ({ type: 'set-policy', name, revision, rules, isPublic })
    return (await this.requests.change('PUT', path, body, transaction)) as PolicyJson
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
    return this.#retire(name, 'archive', { version, ...until })
  }

  destroyVersion(name: string, version: number): Promise<KeyJson> {
    return this.#retire(name, 'destroy', { version })
  }

  cancelDestroy(name: string, version: number): Promise<KeyJson> {
    return this.#retire(name, 'cancel-destroy', { version })
  }

  async proposeDestruction(
    name: string,
    version: number,
    { reason, expiresMs }: { readonly reason: string; readonly expiresMs: number },
  ): Promise<ProposalJson> {
    const { keyId } = await this.key(name)
    const act = { type: 'destroy-version', name, keyId: fromHex(keyId), version } as const
    const value: Transaction = { type: 'propose', nonce: systemRng.bytes(16), act, reason, expiresMs }
    const body = { version, reason, expiresMs }
    return (await this.requests.change(
      'POST',
      `${keyPath(name)}/destroy-now`,
      body,
      () => value,
    )) as ProposalJson
  }

  async #changeKey(name: string, change: ChangeKey['change'], body: ChangeJson): Promise<KeyJson> {
    const { version, generation } = await this.key(name)
    const nonce = systemRng.bytes(16)
    const value: ChangeKey = { type: 'change-key', nonce, name, change, version, generation, ...body }
    return (await this.requests.change('POST', `${keyPath(name)}/${change}`, body, () => value)) as KeyJson
  }

  async #retire(
    name: string,
    change: RetireVersion['change'],
    body: Pick<RetireVersion, 'version' | 'retainUntilMs'>,
  ): Promise<KeyJson> {
    const { versions } = await this.key(name)
    const revision = versions.find(({ version }) => version === body.version)?.revision ?? 0
    const value: RetireVersion = { type: 'retire-version', name, revision, change, ...body }
    return (await this.requests.change('POST', `${keyPath(name)}/${change}`, body, () => value)) as KeyJson
  }

  async sign(name: string, messages: readonly Uint8Array[], options?: OperationOptions): Promise<Signatures> {
    const answer = await this.requests.operate(name, 'sign', 'messages', messages, options)
    return {
      version: answer.version,
      publicKey: fromBase64(answer.publicKey as string, 'publicKey'),
      signatures: listFromBase64(answer.signatures as string[], 'signatures'),
    }
  }

  async derive(name: string, inputs: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated> {
    const answer = await this.requests.operate(name, 'derive', 'inputs', inputs, options)
    return { version: answer.version, outputs: listFromBase64(answer.outputs as string[], 'outputs') }
  }

  async evaluateBlinded(
    name: string,
    elements: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<BlindEvaluated> {
    const answer = await this.requests.operate(name, 'derive', 'inputs', elements, options, true)
    return {
      version: answer.version,
      outputs: listFromBase64(answer.outputs as string[], 'outputs'),
      proofs: (answer.proofs ?? []) as ProofJson[],
    }
  }

  async deriveBlinded(
    name: string,
    inputs: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<Evaluated> {
    const { deriveBlinded } = await import('./blinding-client.ts')
    let verified: Verified | undefined
    const evaluator = {
      version: async (number = options?.version ?? 0): Promise<SharedVersion> => {
        if (this.requests.trust === undefined) return sharedVersion(await this.key(name), number)
        const proven = await this.provenKey(name, { version: number, above: verified?.height ?? 0 })
        verified = proven.verified
        return proven
      },
      evaluate: (elements: readonly Uint8Array[]) => this.evaluateBlinded(name, elements, options),
    }
    const derived = await deriveBlinded(evaluator, inputs, systemRng)
    return { ...derived, ...(verified === undefined ? {} : { verified }) }
  }

  async provenKey(
    name: string,
    { version, above }: { readonly version?: number; readonly above?: number } = {},
  ): Promise<ProvenKey> {
    // a key that the daemon does not know is not waited for
    await this.key(name)
    return (await this.#prove()).key(name, version, above)
  }

  async #prove(): Promise<Prover> {
    const { trust } = this.requests
    if (trust === undefined) throw new OstrakaError('unproven', 'no genesis or checkpoint to prove it by')
    const { Prover: Proving } = await import('./proving-client.ts')
    this.#prover ??= new Proving(this.requests, trust)
    return this.#prover
  }

  async decrypt(
    name: string,
    encapsulations: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<Evaluated> {
    const answer = await this.requests.operate(name, 'decrypt', 'encapsulations', encapsulations, options)
    return {
      version: answer.version,
      outputs: listFromBase64(answer.sharedSecrets as string[], 'sharedSecrets'),
    }
  }
}

/** As the daemon tells it; 0 is the active version. Errors: `unknown_version`. */
function sharedVersion(key: KeyJson, number: number): SharedVersion {
  const wanted = number === 0 ? key.version : number
  const found = key.versions.find(other => other.version === wanted)
  if (found === undefined)
    throw new OstrakaError('unknown_version', 'the key has no such version', { version: wanted })
  const { version, generation, commitments } = found
  return { version, generation, commitments: listFromBase64(commitments, 'commitments') }
}

/** A daemon that signs for the bearer of a token could propose to seal the shares to itself. Errors: `unproven`. */
function requireSameAct({ act }: ProposalJson, asked: ExportAct): void {
  const isSame =
    act.type === 'export-key' &&
    act.name === asked.name &&
    act.keyId === toHex(asked.keyId) &&
    act.version === asked.version &&
    act.recipient === toBase64(asked.recipient)
  if (!isSame)
    throw new OstrakaError('unproven', 'the daemon has proposed something else than was asked', { act })
}

function newKeyJson(key: NewKey): Record<string, unknown> {
  return {
    kind: key.kind,
    threshold: key.threshold,
    shares: key.shares,
    policy: { rules: rulesJson(key.rules ?? []), public: key.isPublic ?? false },
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
    isPublic: key.isPublic ?? false,
    isExportable: key.isExportable ?? false,
    entropy: key.entropy ?? 0,
    origin,
  }
}

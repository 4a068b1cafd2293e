import { OstrakaError, peerIdOf, type Rng, Secret, SeededRng, toHex } from '../../src/base/index.ts'
import { proveFounders } from '../../src/control/index.ts'
import {
  combineShares,
  cryptoReady,
  type DealingContext,
  deal,
  decodeEncapsulation,
  type Element,
  edwards25519,
  evaluatePartial,
  finalizeDirect,
  type Group,
  generateSealingKey,
  groupByName,
  hashInput,
  ProvenEncapsulation,
  publicKeyFromEdwards,
  receiveShare,
  ristretto255,
  type SealingKeyPair,
  type SigningKey,
  sealingContext,
  sha256,
  sha512,
  verifyDealing,
  verifyingShare,
  verifySigned,
} from '../../src/crypto/index.ts'
import { dealingContext, recordHashOf, recordKeyOf, suiteOf } from '../../src/keys/index.ts'
import type {
  ApprovalsView,
  AttestationView,
  AuditCheckpointView,
  AuditLossView,
  AuditView,
  CreatorView,
  ImportPlan,
  KeyView,
  MembershipView,
  NodePort,
  OperationResult,
  PeerView,
  StatusView,
  TrustView,
} from '../../src/node/index.ts'
import {
  type CertifiedBlock,
  type CreateKey,
  canonicalBytes,
  type Deal,
  type Genesis,
  type GenesisDocument,
  type OperationRequest,
  type SealedDealing,
  type SetPolicy,
  type Signed,
  type SignedTransaction,
  type StateProof,
  sealedDealingCodec,
} from '../../src/wire/index.ts'

interface SoloKey {
  view: KeyView
  ceremony: Uint8Array
  commitments: readonly Element[]
  /** Shares by slot: this one process holds them all, which a network's node never does. */
  shares: readonly Secret[]
}

/** The answer to every port call by one process: rights, replay, real dealings and real operations, no network. */
export class SoloNode implements NodePort {
  readonly networkId: Uint8Array = new Uint8Array(32).fill(7)
  readonly peerId: string
  readonly records: Map<string, Uint8Array> = new Map()
  complaint: string | undefined
  shortcoming: string | undefined
  readonly #keys = new Map<string, SoloKey>()
  readonly #nonces = new Set<string>()
  readonly #blocks: CertifiedBlock[] = []
  readonly #listeners = new Set<(block: CertifiedBlock) => void>()
  readonly #sealing: SealingKeyPair
  readonly #creators: ReadonlySet<string>
  readonly #rng: Rng

  private constructor(identity: SigningKey, creators: readonly Uint8Array[], rng: Rng) {
    this.peerId = peerIdOf(identity.publicKey)
    this.#creators = new Set(creators.map(toHex))
    this.#rng = rng
    this.#sealing = generateSealingKey(rng)
  }

  static async create(identity: SigningKey, creators: readonly Uint8Array[], rng: Rng): Promise<SoloNode> {
    await cryptoReady
    return new SoloNode(identity, creators, rng)
  }

  status(): StatusView {
    const { peerId } = this
    const member = {
      peerId,
      region: 'local',
      state: 'self',
      trust: 1,
      roundTripMs: null,
      attestation: 'unrequired',
    } as const
    return {
      networkId: toHex(this.networkId),
      name: 'solo',
      peerId,
      software: 'solo/1',
      height: this.#blocks.length,
      lowest: 1,
      epoch: 0,
      coordinator: peerId,
      validators: [peerId],
      members: [member],
      convictions: [],
      clockOffsetMs: null,
      warnings: [],
      approvals: [],
    }
  }

  complaints(): readonly string[] {
    return this.complaint === undefined ? [] : [this.complaint]
  }

  shortcomings(): readonly string[] {
    return this.shortcoming === undefined ? [] : [this.shortcoming]
  }

  peers(): readonly PeerView[] {
    const location = { region: 'local', latitude: 0, longitude: 0 }
    const unheard = {
      software: null,
      height: null,
      load: null,
      beaconAgeMs: null,
      clockOffsetMs: null,
      measurements: [],
    }
    return this.status().members.map(member => ({ ...member, ...unheard, location }))
  }

  creators(): readonly CreatorView[] {
    return []
  }

  approvals(): ApprovalsView {
    return { needed: 1, operators: [], proposals: [] }
  }

  onNotice(): () => void {
    return () => {}
  }

  async exportShares(): Promise<never> {
    throw new OstrakaError('not_found', 'nothing is exported here')
  }

  members(): readonly MembershipView[] {
    const { peerId } = this
    const member = { peerId, region: 'local', state: 'active', isValidator: true, trust: 1 }
    return [{ ...member, joinedHeight: 0, addresses: [], attestation: 'unrequired' }]
  }

  get genesis(): Genesis {
    const member = {
      peerId: this.peerId,
      sealingKey: this.#sealing.publicKey.bytes,
      location: { region: 'local', latitude: 0, longitude: 0 },
    }
    const waits = { proposeMs: 1000, voteMs: 500, roundDeltaMs: 250, dealMs: 1000, acknowledgeMs: 1000 }
    const document: GenesisDocument = {
      name: 'solo',
      createdMs: 1_700_000_000_000,
      operators: [],
      approvals: 1,
      members: [member],
      creators: [],
      timing: { epochMs: 3000, ...waits },
    }
    return proveFounders(document, [this.#sealing], new SeededRng('founders'))
  }

  /** One process needs no key to agree with itself. */
  randomness(): undefined {
    return undefined
  }

  trust(): TrustView {
    const { peerId } = this
    const scores = [
      { peerId, state: 'active', score: 1, opinion: 1, fines: 0, attestation: 'unrequired' } as const,
    ]
    return { epoch: 0, scores, reports: [], convictions: [] }
  }

  attestation(): AttestationView {
    const policy = { method: 'none', maxAgeEpochs: 20, measurements: [], attestationKeys: [] } as const
    const member = { peerId: this.peerId, standing: 'unrequired', record: null } as const
    return { epoch: 0, revision: 0, policy, eligible: 1, accepted: 1, isMoving: true, members: [member] }
  }

  keys(after: string, limit: number): readonly KeyView[] {
    const names = [...this.#keys.keys()].filter(name => name > after).sort()
    return names.slice(0, limit).map(name => this.key(name)!)
  }

  keyCount(): number {
    return this.#keys.size
  }

  isPublicKey(name: string): boolean {
    return this.key(name)?.isPublic ?? false
  }

  mayRead(principal: Uint8Array, keyName: string | undefined): boolean {
    if (this.#creators.has(toHex(principal))) return true
    const key = keyName === undefined ? undefined : this.key(keyName)
    return key?.rules.some(rule => toHex(rule.principal) === toHex(principal)) ?? false
  }

  key(name: string): KeyView | undefined {
    return this.#keys.get(name)?.view
  }

  async blocks(from: number, limit: number): Promise<readonly CertifiedBlock[]> {
    return this.#blocks.slice(from - 1, from - 1 + limit)
  }

  /** One process certifies nothing. */
  prove(): StateProof {
    throw new OstrakaError('not_ready', 'no block has been applied here yet')
  }

  async handovers(): Promise<readonly StateProof[]> {
    return []
  }

  /** What `audit` answers with; a test sets it. */
  auditView: AuditView | undefined

  async audit(): Promise<AuditView> {
    if (this.auditView === undefined) throw new OstrakaError('storage_corrupt', 'no audit log')
    return this.auditView
  }

  auditCheckpoints(): readonly AuditCheckpointView[] {
    const checkpoint = this.auditView?.checkpoint
    return checkpoint ? [checkpoint] : []
  }

  auditLosses(): readonly AuditLossView[] {
    return []
  }

  /** How many follow the blocks now. */
  get listeners(): number {
    return this.#listeners.size
  }

  onBlock(listener: (block: CertifiedBlock) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async submit(transaction: SignedTransaction): Promise<{ transactionId: Uint8Array; height: number }> {
    if (!verifySigned('transaction', this.networkId, transaction)) {
      throw new OstrakaError('bad_signature', 'the transaction is not signed by its signer')
    }
    const { value, signer } = transaction
    if (value.type === 'create-key') this.#create(value, signer)
    else if (value.type === 'deal') this.#deal(value, signer)
    else if (value.type === 'set-policy') this.#setPolicy(value, signer)
    else throw new OstrakaError('unsupported', value.type)
    return { transactionId: sha256(canonicalBytes(transaction)), height: this.seal([transaction]) }
  }

  /** Appends a block, as the control log would. */
  seal(transactions: readonly SignedTransaction[]): number {
    const height = this.#blocks.length + 1
    const none = new Uint8Array(32)
    const certified: CertifiedBlock = {
      block: {
        header: {
          height,
          previous: none,
          stateRoot: none,
          timeMs: height,
          round: 0,
          proposer: none,
          certificateHash: none,
          transactionsHash: none,
        },
        previousCertificate: null,
        transactions,
      },
      certificate: { height, round: 0, blockId: none, signatures: [] },
    }
    this.#blocks.push(certified)
    for (const listener of this.#listeners) listener(certified)
    return height
  }

  async ceremonyEnd(name: string): Promise<KeyView> {
    return this.#require(name).view
  }

  async importPlan(name: string): Promise<ImportPlan> {
    const { view, ceremony } = this.#require(name)
    const sealingKey = this.#sealing.publicKey.bytes
    const slots = Array.from({ length: view.shares }, (_, index) => index + 1)
    return {
      keyId: new Uint8Array(Buffer.from(view.keyId, 'hex')),
      ceremony,
      version: 1,
      threshold: view.threshold,
      recipients: slots.map(slot => ({ slot, peerId: this.peerId, sealingKey })),
    }
  }

  async putRecord(record: Uint8Array): Promise<void> {
    this.records.set(toHex(recordKeyOf(record)!), record)
  }

  async operate(signed: Signed<OperationRequest>, _signal?: AbortSignal): Promise<OperationResult> {
    const { value: request, signer } = signed
    if (!verifySigned('operation', this.networkId, signed)) {
      throw new OstrakaError('bad_signature', 'the request is not signed by its signer')
    }
    const key = this.#require(request.key)
    if (request.expiresMs <= Date.now()) throw new OstrakaError('expired', 'the request has expired')
    if (this.#nonces.has(toHex(request.nonce))) throw new OstrakaError('replayed', 'seen before')
    this.#nonces.add(toHex(request.nonce))
    const rule = key.view.rules.find(other => toHex(other.principal) === toHex(signer))
    const isOwner = toHex(key.view.owner) === toHex(signer)
    if (!isOwner && !rule?.operations.includes(request.operation)) {
      throw new OstrakaError('forbidden', 'no right')
    }
    if ((rule?.ratePerMinute ?? Number.POSITIVE_INFINITY) < request.inputs.length) {
      throw new OstrakaError('rate_limited', 'over the rate', { retryAfterMs: 60_000 })
    }
    if (suiteOf(key.view.kind).operation !== request.operation) {
      throw new OstrakaError('wrong_kind', `a ${key.view.kind} key cannot ${request.operation}`)
    }
    return this.#answer(key, request)
  }

  counters(): Readonly<Record<string, number>> {
    return { solo: 1 }
  }

  #require(name: string): SoloKey {
    const key = this.#keys.get(name)
    if (key === undefined) throw new OstrakaError('unknown_key', 'no such key', { name })
    return key
  }

  #create(value: CreateKey, signer: Uint8Array): void {
    if (!this.#creators.has(toHex(signer))) throw new OstrakaError('forbidden', 'may not create keys')
    if (this.#keys.has(value.name)) throw new OstrakaError('name_taken', 'taken', { name: value.name })
    const ceremony = sha256(canonicalBytes(value))
    const view: KeyView = {
      ...value,
      keyId: toHex(ceremony),
      version: 0,
      generation: 0,
      publicKey: new Uint8Array(0),
      holders: [],
      state: 'creating',
      owner: signer,
      isPublic: value.isPublic ?? false,
      policyRevision: 0,
      versions: [],
    }
    this.#keys.set(value.name, { view, ceremony, commitments: [], shares: [] })
    if (value.origin === 'generate') this.#generate(value.name, signer)
  }

  #generate(name: string, dealer: Uint8Array): void {
    const key = this.#require(name)
    const group = groupOf(key)
    const secret = new Secret(group.randomScalar(this.#rng))
    const slots = Array.from({ length: key.view.shares }, (_, index) => index + 1)
    const dealing = deal({
      group,
      threshold: key.view.threshold,
      recipients: slots.map(slot => ({ slot, sealingKey: this.#sealing.publicKey })),
      secret,
      context: this.#contextOf(key, dealer),
      rng: this.#rng,
    })
    this.#activate(key, dealing, dealing.sealedShares, dealer)
  }

  #deal(value: Deal, signer: Uint8Array): void {
    const key = [...this.#keys.values()].find(other => toHex(other.ceremony) === toHex(value.ceremony))
    const record = this.records.get(toHex(recordHashOf({ ...value, dealer: signer }, value.root)))
    if (key === undefined || record === undefined) throw new OstrakaError('not_found', 'nothing to deal for')
    if (toHex(key.view.owner) !== toHex(signer)) throw new OstrakaError('forbidden', 'another dealer')
    const sealed: Signed<SealedDealing> = sealedDealingCodec.decode(record)
    if (!verifySigned('sealed-dealing', this.networkId, sealed) || toHex(sealed.signer) !== toHex(signer)) {
      throw new OstrakaError('bad_dealing', 'the record is not the dealer’s')
    }
    this.#activate(key, value, sealed.value.shares, signer)
  }

  #activate(
    key: SoloKey,
    dealt: Pick<Deal, 'commitments' | 'possession' | 'encapsulation'>,
    sealedShares: SealedDealing['shares'],
    dealer: Uint8Array,
  ): void {
    const group = groupOf(key)
    const context = this.#contextOf(key, dealer)
    const { commitments: committed, possession } = dealt
    const commitments = verifyDealing(group, key.view.threshold, committed, context, possession)
    const encapsulation = ProvenEncapsulation.verify(dealt.encapsulation, sealingContext(context))
    if (encapsulation === undefined) throw new OstrakaError('bad_dealing', 'no proof of the encapsulation')
    key.commitments = commitments
    key.shares = sealedShares.map(({ slot, sealed }) =>
      combineShares(group, [
        receiveShare({ group, commitments, slot, encapsulation, sealed, context }, this.#sealing),
      ]),
    )
    const publicKey = publicKeyOf(key, commitments[0]!)
    const version = {
      version: 1,
      generation: 0,
      ...{ state: 'active' as const, revision: 0, retainUntilMs: 0, destroyAtMs: null },
      publicKey,
      height: this.#blocks.length + 1,
      dealers: [this.peerId],
      commitments: committed,
    }
    const holders = sealedShares.map(({ slot }) => ({ slot, peerId: this.peerId }))
    key.view = { ...key.view, version: 1, state: 'active', publicKey, holders, versions: [version] }
  }

  #setPolicy(value: SetPolicy, signer: Uint8Array): void {
    const key = this.#require(value.name)
    if (toHex(key.view.owner) !== toHex(signer)) throw new OstrakaError('forbidden', 'not the owner')
    if (value.revision !== key.view.policyRevision) throw new OstrakaError('conflict', 'another revision')
    const { rules, isPublic = false } = value
    key.view = { ...key.view, rules, isPublic, policyRevision: value.revision + 1 }
  }

  #contextOf(key: SoloKey, dealer: Uint8Array): DealingContext {
    const ceremony = { id: key.ceremony, keyId: key.ceremony, version: 1 }
    return dealingContext(this.networkId, ceremony, { dealer, fromSlot: 0 })
  }

  #answer(key: SoloKey, request: OperationRequest): OperationResult {
    const { publicKey } = key.view
    const secret = secretOf(key)
    if (request.isBlinded) return { version: 1, publicKey, ...this.#evaluateBlinded(key, request.inputs) }
    const outputs = request.inputs.map(input => {
      if (request.operation === 'derive') {
        return finalizeDirect(input, ristretto255.multiply(hashInput(ristretto255, input), secret)).expose()
      }
      if (request.operation === 'decrypt') {
        const shared = edwards25519.multiply(decodeEncapsulation(edwards25519, input), secret)
        return publicKeyFromEdwards(shared)
      }
      return schnorr(secret, publicKey, input, this.#rng)
    })
    return { version: 1, publicKey, outputs }
  }

  #evaluateBlinded(
    key: SoloKey,
    inputs: readonly Uint8Array[],
  ): Required<Pick<OperationResult, 'outputs' | 'proofs'>> {
    const elements = inputs.map(input => ristretto255.decode(input))
    const proofs = key.shares.slice(0, key.view.threshold).map((share, index) => {
      const slot = index + 1
      const publicShare = verifyingShare(ristretto255, key.commitments, slot)
      const made = evaluatePartial(ristretto255, share, elements, publicShare, this.#rng)
      const evaluated = made.elements.map(element => element.bytes)
      return { slot, verifyingShare: publicShare.bytes, elements: evaluated, ...made.proof }
    })
    const secret = secretOf(key)
    return { outputs: elements.map(element => ristretto255.multiply(element, secret).bytes), proofs }
  }
}

function groupOf(key: SoloKey): Group {
  return groupByName(suiteOf(key.view.kind).group)
}

function publicKeyOf(key: SoloKey, element: Element): Uint8Array {
  if (key.view.kind === 'x25519') return publicKeyFromEdwards(element)
  return key.view.kind === 'secp256k1' ? element.bytes.slice(1) : element.bytes
}

/** Lagrange at 0 over all slots, in the open: this is a fake. */
function secretOf(key: SoloKey): Uint8Array {
  const group = groupOf(key)
  let sum = group.scalarFromInt(0)
  for (const [i, share] of key.shares.entries()) {
    let weight = group.scalarFromInt(1)
    for (let j = 1; j <= key.shares.length; j++) {
      if (j === i + 1) continue
      const difference = group.scalarSubtract(group.scalarFromInt(j), group.scalarFromInt(i + 1))
      const quotient = group.scalarMultiply(group.scalarFromInt(j), group.scalarInvert(difference))
      weight = group.scalarMultiply(weight, quotient)
    }
    sum = group.scalarAdd(sum, group.scalarMultiply(weight, share.expose()))
  }
  return sum
}

/** RFC 8032's signature equation with a random nonce. */
function schnorr(secret: Uint8Array, publicKey: Uint8Array, message: Uint8Array, rng: Rng): Uint8Array {
  const nonce = edwards25519.randomScalar(rng)
  const point = edwards25519.multiplyBase(nonce).bytes
  const challenge = edwards25519.scalarFromWide(sha512(point, publicKey, message))
  const s = edwards25519.scalarAdd(nonce, edwards25519.scalarMultiply(challenge, secret))
  return new Uint8Array(Buffer.concat([point, s]))
}

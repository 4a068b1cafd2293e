import {
  OstrakaError,
  type Outcome,
  type PeerId,
  peerIdOf,
  Secret,
  SeededRng,
  toHex,
} from '../../../src/base/index.ts'
import {
  commit,
  evaluate,
  groupByName,
  publicKeyFromEdwards,
  randomPolynomial,
  SigningKey,
  sha256,
} from '../../../src/crypto/index.ts'
import { suiteOf } from '../../../src/keys/kinds.ts'
import {
  answerNonces,
  answerPartial,
  createGateway,
  createHolder,
  type GatewayEffect,
  type GatewayEvent,
  type GatewayState,
  type HolderState,
  type OperationResult,
  type Slices,
  signOperation,
  stepGateway,
} from '../../../src/keys/operations/index.ts'
import type { KeyRecord, VersionRecord } from '../../../src/keys/records.ts'
import {
  type KeyKind,
  type OperationRequest,
  type PeerAnswer,
  type PeerRequest,
  peerAnswerCodec,
  peerRequestCodec,
  type RequestEffect,
  type Signed,
  type SubmitEffect,
} from '../../../src/wire/index.ts'

export const NETWORK_ID: Uint8Array = new Uint8Array(32).fill(7)
export const START_MS = 1_800_000_000_000

export function signingKey(seed: string): SigningKey {
  return new SigningKey(new Secret(new SeededRng(seed).bytes(32)))
}

export const owner: SigningKey = signingKey('owner')

export interface TestKey {
  key: KeyRecord
  version: VersionRecord
  readonly secret: Secret
  readonly shares: ReadonlyMap<number, Secret>
}

/** Deals a key by hand: `holders[i]` holds slot i + 1. */
export function dealKey(
  kind: KeyKind,
  threshold: number,
  holders: readonly PeerId[],
  changes: Partial<KeyRecord> = {},
): TestKey {
  const rng = new SeededRng(`deal ${kind} ${threshold} ${holders.length}`)
  const group = groupByName(suiteOf(kind).group)
  const secret = group.randomScalar(rng)
  const polynomial = randomPolynomial(
    group,
    threshold,
    new Secret(new Uint8Array(secret)),
    rng,
    new Uint8Array(0),
  )
  const commitments = commit(group, polynomial)
  const publicKey =
    kind === 'x25519'
      ? publicKeyFromEdwards(commitments[0]!)
      : kind === 'secp256k1'
        ? commitments[0]!.bytes.slice(1)
        : commitments[0]!.bytes
  const keyId = sha256(new TextEncoder().encode(kind))
  const slots = holders.map((peerId, index) => ({ slot: index + 1, peerId }))
  return {
    key: {
      name: `test-${kind}`,
      keyId,
      kind,
      owner: owner.publicKey,
      rules: [],
      isPublic: false,
      policyRevision: 1,
      isExportable: false,
      entropy: 0,
      threshold,
      shares: holders.length,
      activeVersion: 1,
      ceremony: new Uint8Array(0),
      lastFailure: '',
      ...changes,
    },
    version: {
      keyId,
      version: 1,
      state: 'active',
      generation: 0,
      revision: 0,
      retainUntilMs: 0,
      ceremony: new Uint8Array(32),
      publicKey,
      threshold,
      slots: slots.map(slot => ({ ...slot, sealingKey: new Uint8Array(32) })),
      commitments: commitments.map(element => element.bytes),
      dealings: [],
      height: 1,
      timeMs: 1,
    },
    secret: new Secret(secret),
    shares: new Map(slots.map(({ slot }) => [slot, evaluate(group, polynomial, slot)])),
  }
}

export interface TestNode {
  readonly peerId: PeerId
  readonly identity: SigningKey
  readonly holder: HolderState
}

interface Queued {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export type Tamper = (answer: PeerAnswer, request: PeerRequest, node: TestNode) => PeerAnswer

/** Holders and one gateway (on node 0) over a deterministic router with virtual time and real wire bytes. */
export class TestNetwork {
  nowMs: number = START_MS
  readonly nodes: TestNode[]
  readonly gateway: GatewayState
  readonly keys: TestKey[] = []
  readonly requests: Array<RequestEffect & { readonly sentMs: number }> = []
  readonly submitted: SubmitEffect[] = []
  readonly notes: Array<Extract<GatewayEffect, { type: 'note' }>> = []
  readonly latencyMs: Map<PeerId, number> = new Map()
  readonly down: Set<PeerId> = new Set()
  readonly tampers: Map<PeerId, Tamper> = new Map()
  readonly outcomes: Map<string, { readonly atMs: number; readonly outcome: Outcome<OperationResult> }> =
    new Map()
  readonly trust: Map<PeerId, number> = new Map()
  /** The coordinator's plan, as the gateway sees it. */
  readonly planned: Map<PeerId, number> = new Map()
  /** What one holder sees instead of the agreed records. */
  readonly views: Map<PeerId, (record: KeyRecord) => KeyRecord> = new Map()
  readonly rng: SeededRng
  readonly #timers = new Map<string, number>()
  #queue: Queued[] = []
  #order = 0
  #tokens = 0

  constructor(size = 5, seed = 'network') {
    this.rng = new SeededRng(seed)
    this.nodes = Array.from({ length: size }, (_, index) => this.#makeNode(index))
    this.gateway = createGateway({
      ...this.#directory(this.nodes[0]!.peerId),
      networkId: NETWORK_ID,
      peerId: this.nodes[0]!.peerId,
      trust: peerId => this.trust.get(peerId) ?? 1,
      plannedMs: peerId => this.planned.get(peerId),
    })
    for (const { peerId } of this.nodes.slice(1)) this.step({ type: 'peer', peerId, isConnected: true })
  }

  get peerIds(): PeerId[] {
    return this.nodes.map(node => node.peerId)
  }

  addKey(
    kind: KeyKind,
    threshold = 3,
    changes: Partial<KeyRecord> = {},
    holders: readonly PeerId[] = this.peerIds,
  ): TestKey {
    const key = dealKey(kind, threshold, holders, changes)
    this.keys.push(key)
    return key
  }

  request(
    key: TestKey,
    inputs: readonly Uint8Array[],
    changes: Partial<OperationRequest> = {},
    principal: SigningKey = owner,
  ): Signed<OperationRequest> {
    return signOperation(NETWORK_ID, principal, {
      key: key.key.name,
      version: 0,
      operation: suiteOf(key.key.kind).operation,
      isBlinded: false,
      inputs,
      nonce: this.rng.bytes(16),
      expiresMs: this.nowMs + 30_000,
      ...changes,
    })
  }

  /** Hands the request to the gateway and runs the network until it answers. */
  operate(request: Signed<OperationRequest>): OperationResult {
    const { outcome } = this.outcomeOf(request)
    if (!outcome.ok) throw outcome.error
    return outcome.value
  }

  outcomeOf(request: Signed<OperationRequest>): {
    readonly elapsedMs: number
    readonly outcome: Outcome<OperationResult>
  } {
    const startedMs = this.nowMs
    const token = this.submit(request)
    while (!this.outcomes.has(token)) this.#advance()
    const { atMs, outcome } = this.outcomes.get(token)!
    return { elapsedMs: atMs - startedMs, outcome }
  }

  submit(request: Signed<OperationRequest>): string {
    const token = `client/${++this.#tokens}`
    this.step({ type: 'operate', token, request })
    return token
  }

  /** Lets everything that is under way come to rest. */
  settle(): void {
    while (this.#queue.length > 0) this.#advance()
  }

  /** Lets `ms` of virtual time pass. */
  wait(ms: number): void {
    const untilMs = this.nowMs + ms
    while (this.#queue.some(({ atMs }) => atMs <= untilMs)) this.#advance()
    this.nowMs = untilMs
  }

  step(event: GatewayEvent): void {
    const { effects } = stepGateway(this.gateway, event, this.nowMs, this.rng)
    for (const effect of effects) this.#perform(effect)
  }

  disconnect(peerId: PeerId): void {
    this.down.add(peerId)
    this.step({ type: 'peer', peerId, isConnected: false })
  }

  /** A holder that has lost its memory. */
  restart(index: number): void {
    const old = this.nodes[index]!
    this.nodes[index] = { ...old, holder: createHolder(old.holder.world) }
  }

  askedHolders(type: 'partial' | 'nonces' = 'partial'): PeerId[] {
    return this.requests.filter(({ request }) => request.type === type).map(({ to }) => to)
  }

  #makeNode(index: number): TestNode {
    const identity = signingKey(`node ${index}`)
    const peerId = peerIdOf(identity.publicKey)
    const holder = createHolder({
      ...this.#directory(peerId),
      networkId: NETWORK_ID,
      peerId,
      identity,
      startCounter: 1,
      share: (keyId, version, _generation, slot) => {
        const key = this.keys.find(
          one => toHex(one.key.keyId) === toHex(keyId) && one.version.version === version,
        )
        const isOurs = key?.version.slots.some(held => held.slot === slot && held.peerId === peerId)
        return isOurs ? key?.shares.get(slot) : undefined
      },
    })
    return { peerId, identity, holder }
  }

  #directory(peerId: PeerId): {
    keyByName(name: string): KeyRecord | undefined
    keyById(keyId: Uint8Array): KeyRecord | undefined
    version(keyId: Uint8Array, version: number): VersionRecord | undefined
  } {
    const view = (record: KeyRecord | undefined): KeyRecord | undefined =>
      record && (this.views.get(peerId)?.(record) ?? record)
    return {
      keyByName: name => view(this.keys.find(({ key }) => key.name === name)?.key),
      keyById: keyId => view(this.keys.find(({ key }) => toHex(key.keyId) === toHex(keyId))?.key),
      version: (keyId, version) =>
        this.keys.find(one => toHex(one.key.keyId) === toHex(keyId) && one.version.version === version)
          ?.version,
    }
  }

  #perform(effect: GatewayEffect): void {
    switch (effect.type) {
      case 'request':
        this.requests.push({ ...effect, sentMs: this.nowMs })
        this.#route(effect)
        break
      case 'timer':
        this.#setTimer(effect.id, effect.atMs)
        break
      case 'submit':
        this.submitted.push(effect)
        break
      case 'note':
        this.notes.push(effect)
        break
      case 'operated':
        this.outcomes.set(effect.token, { atMs: this.nowMs, outcome: effect.outcome })
        break
    }
  }

  #setTimer(id: string, atMs: number | null): void {
    const order = ++this.#order
    this.#timers.set(id, order)
    if (atMs === null) return
    this.#at(atMs, () => {
      if (this.#timers.get(id) === order) this.step({ type: 'timer', id })
    })
  }

  #route({ token, to, request, deadlineMs }: RequestEffect): void {
    const frame = peerRequestCodec.encode(request)
    const latencyMs = this.latencyMs.get(to) ?? (to === this.gateway.world.peerId ? 0 : 1)
    if (this.down.has(to)) {
      const error = new OstrakaError('unreachable', 'no connection')
      this.#at(this.nowMs, () =>
        this.step({ type: 'answered', token, from: to, answer: { ok: false, error } }),
      )
      return
    }
    if (latencyMs > deadlineMs) {
      const error = new OstrakaError('deadline_exceeded', 'no answer in time')
      this.#at(this.nowMs + deadlineMs, () =>
        this.step({ type: 'answered', token, from: to, answer: { ok: false, error } }),
      )
      return
    }
    this.#at(this.nowMs + latencyMs, () => {
      this.step({ type: 'answered', token, from: to, answer: this.#serve(to, frame) })
    })
  }

  #serve(to: PeerId, frame: Uint8Array): Outcome<PeerAnswer> {
    const node = this.nodes.find(({ peerId }) => peerId === to)!
    try {
      const request = peerRequestCodec.decode(frame)
      const honest = serve(node, this.gateway.world.peerId, request, this.nowMs, this.rng)
      const answer = this.tampers.get(to)?.(honest, request, node) ?? honest
      return { ok: true, value: peerAnswerCodec.decode(peerAnswerCodec.encode(answer)) }
    } catch (error) {
      if (!(error instanceof OstrakaError)) throw error
      return { ok: false, error }
    }
  }

  #at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, order: ++this.#order, run })
  }

  #advance(): void {
    const [next] = this.#queue.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)
    if (next === undefined) throw new Error('the network has come to rest without an answer')
    this.#queue = this.#queue.filter(one => one !== next)
    this.nowMs = Math.max(this.nowMs, next.atMs)
    next.run()
  }
}

/** All slices of a piece of work, one after the other. */
export function whole<T>(slices: Slices<T>): T {
  for (;;) {
    const step = slices.next()
    if (step.done === true) return step.value
  }
}

export function serve(
  node: TestNode,
  from: PeerId,
  request: PeerRequest,
  nowMs: number,
  rng: SeededRng,
): PeerAnswer {
  if (request.type === 'partial') return whole(answerPartial(node.holder, from, request, nowMs, rng, false))
  if (request.type === 'nonces') return whole(answerNonces(node.holder, from, request, nowMs, rng))
  throw new Error(`unexpected ${request.type}`)
}

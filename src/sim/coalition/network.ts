import {
  type PeerId,
  peerIdOf,
  publicKeyOf,
  type Rng,
  Secret,
  SeededRng,
  toHex,
  utf8,
} from '../../base/index.ts'
import {
  applyBlock,
  initialState,
  type LedgerReader,
  type LedgerState,
  proveFounders,
  type Reducer,
  transactionIdOf,
} from '../../control/index.ts'
import {
  generateSealingKey,
  type SealingKeyPair,
  SigningKey,
  sealingKeyFromSecret,
  sha256,
  signValue,
} from '../../crypto/index.ts'
import {
  beginCeremonies,
  type CeremonyEvent,
  type CeremonyRecord,
  type CeremonyState,
  type KeyRecord,
  keepNetworkKey,
  keyPaths,
  recoverCeremonies,
  stepCeremonies,
  Vault,
  type VersionRecord,
  vaultPaths,
} from '../../keys/index.ts'
import { REDUCER, reading } from '../../node/index.ts'
import type {
  Block,
  Effect,
  Genesis,
  GenesisDocument,
  SignedTransaction,
  Transaction,
} from '../../wire/index.ts'

/** What outlives one network: two networks may be kept by the same hosts. */
export interface CoalitionHost {
  readonly identity: SigningKey
  readonly sealingSecret: Uint8Array
  readonly storageKey: Uint8Array
  readonly isMember: boolean
}

/** One node: the real ceremony machine on an honest disk. What a member of the coalition sends is bent afterwards. */
export interface CoalitionNode {
  readonly peerId: PeerId
  readonly identity: SigningKey
  readonly isMember: boolean
  readonly disk: Map<string, Uint8Array>
  readonly timers: Map<string, number>
  readonly rng: () => Rng
  state: CeremonyState
}

/** The coalition's hands on the network. */
export interface CoalitionHands {
  /** What a member does in place of one effect of its honest machine. */
  bend(effect: Effect, node: CoalitionNode): readonly Effect[]
  /** Whether the leader puts a transaction into this block; what is left out waits. */
  includes(transaction: SignedTransaction): boolean
  /** A transaction or a record has left its maker: the coalition sees it, whether a block takes it or not. */
  transaction(transaction: SignedTransaction): void
  record(record: Uint8Array): void
  /** A block has been applied. */
  applied(block: Block, before: LedgerState): void
}

export interface NetworkOptions {
  readonly seed: string
  readonly hosts: readonly CoalitionHost[]
  readonly operators: readonly SigningKey[]
  readonly creators: readonly SigningKey[]
  readonly refreshMs: number
  /** Honest generators give the same bytes at every step, as after a restored memory image. */
  readonly isRepeating: boolean
}

/** The network's own key is left out: every ceremony of a run is one that the coalition has chosen. */
const RULES: Reducer = { ...REDUCER, atBlock: REDUCER.atBlock.filter(hook => hook !== keepNetworkKey) }

const START_MS = 1_800_000_000_000
/** Blocks come no closer. */
const BLOCK_MS = 50

function sealingKeysOf({ sealingSecret }: CoalitionHost): SealingKeyPair {
  // a network wipes the pair that it was given
  return sealingKeyFromSecret(new Secret(new Uint8Array(sealingSecret)))
}

export function makeHost(rng: Rng, isMember: boolean): CoalitionHost {
  return {
    identity: new SigningKey(new Secret(rng.bytes(32))),
    sealingSecret: new Uint8Array(generateSealingKey(rng).secretKey.expose()),
    storageKey: rng.bytes(32),
    isMember,
  }
}

/**
 * Real ceremony machines over one ledger with the real reducer. There is no consensus: the coalition leads every block, which
 * is more than the log lets it. Time moves only when nothing else is left to do.
 */
export class CoalitionNetwork {
  readonly options: NetworkOptions
  readonly nodes: CoalitionNode[] = []
  readonly records: Map<string, Uint8Array> = new Map()
  ledger: LedgerState
  nowMs: number = START_MS
  hands: CoalitionHands
  #pending: SignedTransaction[] = []
  #inbox: (() => void)[] = []
  #outcomes = new Map<string, string>()

  constructor(options: NetworkOptions, hands: CoalitionHands) {
    this.options = options
    this.hands = hands
    this.ledger = initialState(this.#genesis())
    for (const [index, host] of options.hosts.entries()) this.#add(host, index)
    for (const node of this.nodes)
      this.#perform(node, beginCeremonies(node.state, this.nowMs, node.rng()).effects)
  }

  get networkId(): Uint8Array {
    return this.ledger.networkId
  }

  #genesis(): Genesis {
    const { seed, hosts, operators, creators, refreshMs } = this.options
    const document: GenesisDocument = {
      name: `sim ${seed}`,
      createdMs: START_MS,
      operators: operators.map(({ publicKey }) => publicKey),
      approvals: 1,
      members: hosts.map(host => ({
        peerId: peerIdOf(host.identity.publicKey),
        sealingKey: sealingKeysOf(host).publicKey.bytes,
        location: { region: 'sim', latitude: 0, longitude: 0 },
      })),
      creators: creators.map(({ publicKey }) => publicKey),
      timing: {
        ...{ epochMs: 30_000, proposeMs: 100, voteMs: 100, roundDeltaMs: 100 },
        ...{ dealMs: 4000, acknowledgeMs: 4000, refreshMs },
      },
    }
    return proveFounders(document, hosts.map(sealingKeysOf), new SeededRng(`founders/${seed}`))
  }

  #add(host: CoalitionHost, index: number): void {
    const { identity, storageKey, isMember } = host
    const peerId = peerIdOf(identity.publicKey)
    const { genesis, networkId } = this.ledger
    const world = {
      ...{ networkId, identity, peerId, sealingKeys: sealingKeysOf(host) },
      vault: new Vault(new Secret(new Uint8Array(storageKey))),
      ledger: () => this.reader(),
      replayedHeight: () => 0,
      acknowledgeMs: genesis.timing.acknowledgeMs,
      refreshMs: this.options.refreshMs,
      createdMs: START_MS,
    }
    const seed = `${this.options.seed}/node/${index}`
    const stream = new SeededRng(seed)
    const rng = this.options.isRepeating ? () => new SeededRng(seed) : () => stream
    const state = recoverCeremonies(world, [])
    this.nodes.push({ peerId, identity, isMember, disk: new Map(), timers: new Map(), rng, state })
  }

  reader(): LedgerReader {
    return reading(this.ledger)
  }

  node(peerId: PeerId): CoalitionNode | undefined {
    return this.nodes.find(node => node.peerId === peerId)
  }

  sign(key: SigningKey, transaction: Transaction): SignedTransaction {
    return signValue(key, 'transaction', this.networkId, transaction)
  }

  /** Hands a transaction to every mempool. Returns its id. */
  submit(key: SigningKey, transaction: Transaction): Uint8Array {
    return this.replay(this.sign(key, transaction))
  }

  /** Hands in what somebody has signed, now or long ago. */
  replay(signed: SignedTransaction): Uint8Array {
    this.hands.transaction(signed)
    this.#pending.push(signed)
    return transactionIdOf(signed)
  }

  /** `ok` or the error's code; undefined while no block holds it. */
  outcome(transactionId: Uint8Array): string | undefined {
    return this.#outcomes.get(toHex(transactionId))
  }

  step(node: CoalitionNode, event: CeremonyEvent): void {
    const { state, effects } = stepCeremonies(node.state, event, this.nowMs, node.rng())
    node.state = state
    this.#perform(node, effects)
  }

  /** Puts a record where every node and the coalition find it, and pushes it to `to`. */
  publish(key: Uint8Array, record: Uint8Array, from: PeerId, to: readonly PeerId[]): void {
    this.records.set(toHex(key), record)
    this.hands.record(record)
    for (const peerId of to) this.#push(from, peerId, record)
  }

  #push(from: PeerId, to: PeerId, record: Uint8Array): void {
    const node = this.node(to)
    if (node === undefined) return
    this.#inbox.push(() => this.step(node, { type: 'message', from, message: { type: 'record', record } }))
  }

  /** Runs until `isDone`, or until so much time has passed. */
  run(isDone: () => boolean, limitMs = 120_000): boolean {
    const untilMs = this.nowMs + limitMs
    while (true) {
      const task = this.#inbox.shift()
      if (task !== undefined) task()
      else if (isDone()) return true
      else if (this.#isDue() || this.#pending.some(each => this.hands.includes(each))) this.#block()
      else if (!this.#advance(untilMs)) return isDone()
    }
  }

  #isDue(): boolean {
    return this.ledger.wakeAtMs !== null && this.ledger.wakeAtMs <= this.nowMs
  }

  #advance(untilMs: number): boolean {
    const times = this.nodes.flatMap(node => [...node.timers.values()])
    if (this.ledger.wakeAtMs !== null) times.push(this.ledger.wakeAtMs)
    const next = Math.min(...times)
    if (next > untilMs) return false
    this.nowMs = Math.max(this.nowMs, next)
    for (const node of this.nodes) {
      for (const [id, atMs] of [...node.timers]) {
        if (atMs > this.nowMs) continue
        node.timers.delete(id)
        this.step(node, { type: 'timer', id })
      }
    }
    return true
  }

  #block(): void {
    const transactions = this.#pending.filter(each => this.hands.includes(each))
    this.#pending = this.#pending.filter(each => !transactions.includes(each))
    const { chain } = this.ledger
    this.nowMs += BLOCK_MS
    const block: Block = {
      header: {
        height: chain.height + 1,
        previous: chain.blockId,
        stateRoot: sha256(utf8('unchecked here')),
        timeMs: Math.max(this.nowMs, chain.timeMs + 1),
        round: 0,
        proposer: publicKeyOf(this.nodes[chain.height % this.nodes.length]!.peerId),
        certificateHash: new Uint8Array(32),
        transactionsHash: new Uint8Array(32),
      },
      previousCertificate: null,
      transactions,
    }
    const before = this.ledger
    const applied = applyBlock(before, block, RULES)
    if (applied.faults.length > 0) throw applied.faults[0]
    this.ledger = applied.state
    for (const result of applied.results)
      this.#outcomes.set(toHex(result.transactionId), result.ok ? 'ok' : result.code)
    this.hands.applied(block, before)
    for (const node of this.nodes) {
      this.#inbox.push(() => {
        this.step(node, { type: 'heard', transactions })
        this.step(node, { type: 'applied', height: block.header.height, isJump: false })
      })
    }
  }

  #perform(node: CoalitionNode, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'persist') continue
      for (const { key, value } of effect.writes) {
        if (value === null) node.disk.delete(key)
        else node.disk.set(key, value)
      }
    }
    for (const effect of effects) {
      const bent = node.isMember ? this.hands.bend(effect, node) : [effect]
      for (const each of bent) this.#performOne(node, each)
    }
  }

  #performOne(node: CoalitionNode, effect: Effect): void {
    if (effect.type === 'submit') this.submit(node.identity, effect.transaction)
    else if (effect.type === 'dht-put') this.publish(effect.key, effect.record, node.peerId, [])
    else if (effect.type === 'timer') {
      if (effect.atMs === null) node.timers.delete(effect.id)
      else node.timers.set(effect.id, effect.atMs)
    } else if (effect.type === 'send') {
      if (effect.message.type === 'record') this.#push(node.peerId, effect.to, effect.message.record)
    } else if (effect.type === 'dht-get') {
      const record = this.records.get(toHex(effect.hash)) ?? null
      this.#inbox.push(() => this.step(node, { type: 'record', token: effect.token, record }))
    } else if (effect.type === 'request' && effect.request.type === 'record') {
      this.#ask(node, effect.token, effect.to, effect.request.hash)
    } else if (effect.type === 'load') {
      this.#inbox.push(() => this.step(node, { type: 'loaded', token: effect.token, entries: [] }))
    }
  }

  /** An honest holder gives a record away that it has; a member of the coalition says nothing. */
  #ask(node: CoalitionNode, token: string, to: PeerId, hash: Uint8Array): void {
    const other = this.node(to)
    const record = other?.disk.get(vaultPaths.record(hash))
    if (other === undefined || other.isMember || record === undefined) return
    const answer = { ok: true, value: { type: 'record', record } } as const
    this.#inbox.push(() => this.step(node, { type: 'answered', token, from: to, answer }))
  }

  key(name: string): KeyRecord | undefined {
    return this.ledger.records.get<KeyRecord>(keyPaths.key(name))
  }

  version(name: string): VersionRecord | undefined {
    const key = this.key(name)
    return key && this.ledger.records.get<VersionRecord>(keyPaths.version(key.keyId, key.activeVersion))
  }

  openCeremonies(): CeremonyRecord[] {
    return [...this.ledger.records.entries<CeremonyRecord>('ceremony/')].map(({ value }) => value)
  }

  isConvicted(peerId: PeerId): boolean {
    return this.ledger.records.get(keyPaths.conviction(peerId)) !== undefined
  }
}

import { type PeerId, peerIdOf, Secret, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import {
  applyBlock,
  coordinatorOf,
  initialState,
  type LedgerReader,
  type LedgerState,
  proveFounders,
  type TransactionResult,
} from '../../src/control/index.ts'
import {
  generateSealingKey,
  type SealingKeyPair,
  SigningKey,
  sha256,
  signValue,
} from '../../src/crypto/index.ts'
import {
  beginCeremonies,
  type CeremonyEvent,
  type CeremonyState,
  type CeremonyWorld,
  type KeyRecord,
  keyPaths,
  recoverCeremonies,
  stepCeremonies,
  Vault,
  type VersionRecord,
} from '../../src/keys/index.ts'
import { REDUCER } from '../../src/node/state.ts'
import type {
  Block,
  CreateKey,
  Effect,
  GenesisDocument,
  SignedTransaction,
  Transaction,
} from '../../src/wire/index.ts'
import { DEFAULT_REFRESH_MS } from '../../src/wire/index.ts'

interface Node {
  readonly peerId: PeerId
  readonly world: CeremonyWorld
  readonly disk: Map<string, Uint8Array>
  readonly timers: Map<string, number>
  state: CeremonyState
  isDown: boolean
}

/** What a test may do to a node's effects before they happen: return others, or none. */
export type Tamper = (effect: Effect, node: Node) => Effect[]

/**
 * Ceremony machines of several nodes over one ledger, without consensus: whatever is submitted is in the next block.
 * Time moves only when nothing else is left to do.
 */
export class CeremonyNetwork {
  readonly rng: SeededRng
  readonly nodes: Node[] = []
  readonly principal: SigningKey
  readonly results: TransactionResult[] = []
  readonly records: Map<string, Uint8Array> = new Map()
  ledger: LedgerState
  nowMs: number = 1_000_000
  crashes: number = 0
  /** Up to this height nodes may have forgotten what they dealt. */
  replayedHeight: number = 0
  tamper: Tamper = effect => [effect]
  /** Told after every block how long it took to apply it and to hash its state, and how much CPU of this thread. */
  onBlock: (tookMs: number, cpuMs: number) => void = () => {}
  /** Whether the leader puts a transaction into its block; what it leaves out waits for another leader. */
  takes: (leader: PeerId, transaction: SignedTransaction) => boolean = () => true
  /** Who proposed each block. */
  readonly proposers: PeerId[] = []
  /** Kills a node at its n-th step that persists something (counted over all), before or after the disk has it. */
  crash: { atPersist: number; isAfter: boolean } | undefined
  #pending: SignedTransaction[] = []
  #inbox: (() => void)[] = []

  constructor(count: number, seed: string, changes: Partial<GenesisDocument> = {}) {
    this.rng = new SeededRng(seed)
    this.principal = new SigningKey(new Secret(this.rng.bytes(32)))
    const parts = Array.from({ length: count }, () => ({
      identity: new SigningKey(new Secret(this.rng.bytes(32))),
      sealingKeys: generateSealingKey(this.rng),
      storageKey: new Secret(this.rng.bytes(32)),
    }))
    const document: GenesisDocument = {
      name: 'sim ceremonies',
      createdMs: this.nowMs,
      operators: [this.principal.publicKey],
      approvals: 1,
      members: parts.map(({ identity, sealingKeys }) => ({
        peerId: peerIdOf(identity.publicKey),
        sealingKey: sealingKeys.publicKey.bytes,
        location: { region: 'eu', latitude: 0, longitude: 0 },
      })),
      creators: [this.principal.publicKey],
      timing: {
        epochMs: 30_000,
        proposeMs: 100,
        voteMs: 100,
        roundDeltaMs: 100,
        dealMs: 4_000,
        acknowledgeMs: 4_000,
        destroyDelayMs: 0,
      },
      ...changes,
    }
    const genesis = proveFounders(
      document,
      parts.map(({ sealingKeys }) => sealingKeys),
      new SeededRng(`founders/${seed}`),
    )
    this.ledger = initialState(genesis)
    for (const part of parts) this.#add(part)
    for (const node of this.nodes)
      this.#perform(node, beginCeremonies(node.state, this.nowMs, this.rng).effects)
  }

  #add(part: { identity: SigningKey; sealingKeys: SealingKeyPair; storageKey: Secret }): void {
    const { identity, sealingKeys } = part
    const peerId = peerIdOf(identity.publicKey)
    const world: CeremonyWorld = {
      networkId: this.ledger.networkId,
      identity,
      peerId,
      sealingKeys,
      vault: new Vault(part.storageKey),
      ledger: () => this.reader(),
      replayedHeight: () => this.replayedHeight,
      acknowledgeMs: this.ledger.genesis.timing.acknowledgeMs,
      refreshMs: this.ledger.genesis.timing.refreshMs ?? DEFAULT_REFRESH_MS,
      createdMs: this.ledger.genesis.createdMs,
    }
    const state = recoverCeremonies(world, [])
    this.nodes.push({ peerId, world, disk: new Map(), timers: new Map(), state, isDown: false })
  }

  reader(): LedgerReader {
    const { records } = this.ledger
    return {
      get: path => records.get(path),
      list: prefix => [...records.entries(prefix)] as never,
      page: (prefix, after, limit) => records.page(prefix, after, limit),
    }
  }

  node(peerId: PeerId): Node {
    return this.nodes.find(node => node.peerId === peerId)!
  }

  submit(key: SigningKey, transaction: Transaction): void {
    this.#pending.push(signValue(key, 'transaction', this.ledger.networkId, transaction))
  }

  create(name: string, overrides: Partial<CreateKey> = {}, by: SigningKey = this.principal): void {
    this.submit(by, {
      type: 'create-key',
      nonce: this.rng.bytes(16),
      name,
      kind: 'ristretto255',
      threshold: 3,
      shares: 5,
      rules: [],
      isExportable: false,
      entropy: 0,
      origin: 'generate',
      ...overrides,
    })
  }

  step(node: Node, event: CeremonyEvent): void {
    if (node.isDown) return
    const { state, effects } = stepCeremonies(node.state, event, this.nowMs, this.rng)
    node.state = state
    this.#perform(node, effects)
  }

  /** Forgets everything but the disk, then starts again; `wipe` loses what is under the prefix too. */
  restart(node: Node, wipe?: string): void {
    if (wipe !== undefined)
      for (const key of node.disk.keys()) if (key.startsWith(wipe)) node.disk.delete(key)
    node.timers.clear()
    node.isDown = false
    node.state = recoverCeremonies(
      node.world,
      [...node.disk].map(([key, value]) => ({ key, value })),
    )
    this.#perform(node, beginCeremonies(node.state, this.nowMs, this.rng).effects)
  }

  /** Runs until nothing is left to do, or until `untilMs`. */
  run(untilMs: number = this.nowMs + 60_000): void {
    while (true) {
      const task = this.#inbox.shift()
      if (task !== undefined) task()
      else if (this.#taken().length > 0 || this.#isDue()) this.#block()
      else if (!this.#advance(untilMs)) return
    }
  }

  #dueMs(): number {
    const { wakeAtMs, turnEndsMs } = this.ledger
    return Math.min(wakeAtMs ?? Number.POSITIVE_INFINITY, turnEndsMs ?? Number.POSITIVE_INFINITY)
  }

  #isDue(): boolean {
    return this.#dueMs() <= this.nowMs
  }

  #taken(): SignedTransaction[] {
    const { peerId } = coordinatorOf(this.ledger)
    return this.#pending.filter(transaction => this.takes(peerId, transaction))
  }

  #advance(untilMs: number): boolean {
    const times = this.nodes.filter(node => !node.isDown).flatMap(node => [...node.timers.values()])
    const next = Math.min(...times, this.#dueMs())
    if (next > untilMs) return false
    this.nowMs = Math.max(this.nowMs, next)
    for (const node of this.nodes) {
      if (node.isDown) continue
      for (const [id, atMs] of node.timers) {
        if (atMs > this.nowMs) continue
        node.timers.delete(id)
        this.step(node, { type: 'timer', id })
      }
    }
    return true
  }

  #block(): void {
    const transactions = this.#taken()
    this.#pending = this.#pending.filter(transaction => !transactions.includes(transaction))
    const leader = coordinatorOf(this.ledger)
    this.proposers.push(leader.peerId)
    const { chain } = this.ledger
    const block: Block = {
      header: {
        height: chain.height + 1,
        previous: chain.blockId,
        stateRoot: sha256(utf8('unchecked here')),
        timeMs: Math.max(this.nowMs, chain.timeMs + 1),
        round: 0,
        proposer: leader.publicKey,
        certificateHash: new Uint8Array(32),
        transactionsHash: new Uint8Array(32),
      },
      previousCertificate: null,
      transactions,
    }
    const startMs = performance.now()
    const before = process.threadCpuUsage()
    const applied = applyBlock(this.ledger, block, REDUCER)
    applied.state.records.root()
    const { user, system } = process.threadCpuUsage(before)
    this.onBlock(performance.now() - startMs, (user + system) / 1000)
    if (applied.faults.length > 0) throw applied.faults[0]
    this.ledger = applied.state
    this.results.push(...applied.results)
    for (const node of this.nodes) {
      this.#inbox.push(() => {
        this.step(node, { type: 'heard', transactions })
        this.step(node, { type: 'applied', height: block.header.height, isJump: false })
      })
    }
  }

  #perform(node: Node, effects: readonly Effect[]): void {
    const all = effects.flatMap(effect => this.tamper(effect, node))
    const dies =
      this.crash !== undefined &&
      all.some(effect => effect.type === 'persist') &&
      --this.crash.atPersist === 0
    if (!dies || this.crash!.isAfter) {
      for (const effect of all) if (effect.type === 'persist') this.#persist(node, effect)
    }
    if (dies) this.#die(node)
    else for (const effect of all) this.#performOne(node, effect)
  }

  #die(node: Node): void {
    node.isDown = true
    this.crashes++
    this.#inbox.push(() => this.restart(node))
  }

  #persist(node: Node, effect: Extract<Effect, { type: 'persist' }>): void {
    for (const { key, value } of effect.writes) {
      if (value === null) node.disk.delete(key)
      else node.disk.set(key, value)
    }
  }

  #performOne(node: Node, effect: Effect): void {
    if (effect.type === 'submit') this.submit(node.world.identity, effect.transaction)
    else if (effect.type === 'dht-put') this.records.set(toHex(effect.key), effect.record)
    else if (effect.type === 'timer') {
      if (effect.atMs === null) node.timers.delete(effect.id)
      else node.timers.set(effect.id, effect.atMs)
    } else if (effect.type === 'send') {
      const to = this.node(effect.to)
      this.#inbox.push(() => this.step(to, { type: 'message', from: node.peerId, message: effect.message }))
    } else if (effect.type === 'load') {
      const { token, prefix, from, limit } = effect
      const keys = [...node.disk.keys()].filter(key => key.startsWith(prefix) && key >= from).sort()
      const entries = keys.slice(0, limit).map(key => ({ key, value: node.disk.get(key)! }))
      this.#inbox.push(() => this.step(node, { type: 'loaded', token, entries }))
    } else if (effect.type === 'dht-get') {
      const record = this.records.get(toHex(effect.hash)) ?? null
      this.#inbox.push(() => this.step(node, { type: 'record', token: effect.token, record }))
    }
  }

  /** Where the shares of one key lie on a node's disk: the network has a key of its own beside it. */
  sharesOnDisk(node: Node, name: string): string[] {
    const prefix = `keys/share/${toHex(this.key(name).keyId)}/`
    return [...node.disk.keys()].filter(key => key.startsWith(prefix))
  }

  key(name: string): KeyRecord {
    return this.ledger.records.get<KeyRecord>(keyPaths.key(name))!
  }

  version(name: string): VersionRecord | undefined {
    const key = this.ledger.records.get<KeyRecord>(keyPaths.key(name))
    if (key === undefined) return undefined
    return this.ledger.records.get<VersionRecord>(keyPaths.version(key.keyId, key.activeVersion))
  }

  convictions(): string[] {
    return [...this.ledger.records.entries<{ peerId: string; reason: string }>('conviction/')].map(
      ({ value }) => `${value.peerId} ${value.reason}`,
    )
  }
}

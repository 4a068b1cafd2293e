import assert from 'node:assert/strict'
import {
  isOstrakaError,
  OstrakaError,
  type Outcome,
  type PeerId,
  peerIdOf,
  randomUnit,
  type SeededRng,
  toHex,
  type Write,
} from '../../src/base/index.ts'
import {
  blockIdOf,
  forgetWrite,
  type IncludedEffect,
  judgeBlock,
  type LedgerState,
  LOG_PREFIXES,
  type LogEffect,
  type LogEvent,
  type LogLimits,
  type LogState,
  type LogView,
  type NotIncludedEffect,
  recoverLog,
  stepLog,
  viewLog,
} from '../../src/control/index.ts'
import type { SigningKey } from '../../src/crypto/index.ts'
import {
  type Genesis,
  type PeerAnswer,
  type PeerMessage,
  peerAnswerCodec,
  peerMessageCodec,
  peerRequestCodec,
  type SignedTransaction,
  type Timing,
} from '../../src/wire/index.ts'
import { makeGenesis, nodeKeys, rngFor, START_MS, signed, testReducer } from './fixture.ts'

export interface NetworkOptions {
  readonly nodes: number
  readonly seed: string
  readonly timing?: Partial<Timing>
  readonly limits?: Partial<LogLimits>
  readonly minDelayMs?: number
  readonly maxDelayMs?: number
  readonly skewMs?: number
}

/** What a test may do to messages on their way: null drops, an array replaces. */
export type Meddle = (from: SimNode, to: SimNode, message: PeerMessage) => readonly PeerMessage[]

/** When a node's power goes: at its `persist`-th write, before it is durable, after, or half through the sends. */
export interface CrashPlan {
  readonly persist: number
  readonly when: 'before' | 'after' | 'amid'
}

export interface SimNode {
  readonly index: number
  readonly key: SigningKey
  readonly peerId: PeerId
  /** How far its clock is ahead. */
  skewMs: number
  store: Map<string, Uint8Array>
  /** Keys of entries that are found damaged when they are read. */
  readonly damaged: Set<string>
  log: LogState | null
  life: number
  persists: number
  crash: CrashPlan | null
  /** What a crash takes with it: the write-ahead log, or all of the disk, which the node then knows from its keystore. */
  loses: 'nothing' | 'votes' | 'disk'
  acceptsVoteRisk: boolean
  isHonest: boolean
  /** What this node was told of its own submissions. */
  readonly outcomes: Map<string, IncludedEffect | NotIncludedEffect>
  /** Block ids by height, as applied. */
  readonly applied: Map<number, string>
  readonly restored: number[]
  readonly notes: string[]
  timers: Map<string, number>
}

/** How long a node is down after a crash. */
const RESTART_MS = 30

interface Task {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** Nodes over virtual time and an unkind network, all from one seed; checks agreement and honest votes as it goes. */
export class Network {
  readonly genesis: Genesis
  readonly nodes: SimNode[]
  nowMs: number = START_MS
  loss = 0
  duplication = 0
  meddle: Meddle | null = null
  /** Gossip reaches nobody. */
  isSilent = false
  answerMeddle: ((from: SimNode, answer: PeerAnswer) => PeerAnswer) | null = null
  /** How much longer than others an answer takes. */
  answerDelayMs: (from: SimNode, answer: PeerAnswer) => number = () => 0
  reachable: (from: SimNode, to: SimNode) => boolean = () => true
  messages = 0
  readonly #options: NetworkOptions
  readonly #rng: SeededRng
  readonly #decided = new Map<number, string>()
  readonly #roots = new Map<number, string>()
  readonly #votes = new Map<string, string>()
  readonly contradictions: string[] = []
  #tasks: Task[] = []
  #order = 0

  constructor(options: NetworkOptions) {
    const keys = nodeKeys(options.nodes)
    this.#options = options
    this.#rng = rngFor(options.seed)
    this.genesis = makeGenesis(keys, options.timing)
    this.nodes = keys.map((key, index) => ({
      index,
      key,
      peerId: peerIdOf(key.publicKey),
      skewMs: (randomUnit(this.#rng) - 0.5) * 2 * (options.skewMs ?? 0),
      store: new Map(),
      damaged: new Set(),
      log: null,
      life: 0,
      persists: 0,
      crash: null,
      loses: 'nothing',
      acceptsVoteRisk: false,
      isHonest: true,
      outcomes: new Map(),
      applied: new Map(),
      restored: [],
      notes: [],
      timers: new Map(),
    }))
  }

  startAll(): void {
    for (const node of this.nodes) this.start(node)
  }

  start(node: SimNode): void {
    const entries = [...node.store]
      .filter(([key]) => LOG_PREFIXES.some(prefix => key.startsWith(prefix)))
      .map(([key, value]) => ({ key, value }))
    // what is pruned is fetched as a snapshot: with few blocks kept, few blocks are enough to see it
    const limits = { keptBlocks: 0, ...this.#options.limits }
    const options = {
      ...{ genesis: this.genesis, key: node.key, reducer: testReducer },
      ...{ acceptsVoteRisk: node.acceptsVoteRisk, limits },
    }
    node.log = recoverLog(options, entries)
    this.feed(node, { type: 'start' })
  }

  stop(node: SimNode): void {
    node.log = null
    node.life++
    node.timers = new Map()
  }

  /** Takes from the disk of a node that is down what it `loses`. */
  lose(node: SimNode): void {
    if (node.loses === 'nothing') return
    const prefix = node.loses === 'votes' ? 'log/wal/' : ''
    for (const key of node.store.keys()) if (key.startsWith(prefix)) node.store.delete(key)
    if (node.loses === 'disk') this.forget(node)
  }

  /** What the node's start finds out of a database that is not the one it ran with last. */
  forget(node: SimNode): void {
    const { key, value } = forgetWrite()
    node.store.set(key, value!)
  }

  submit(
    node: SimNode,
    token: string,
    transaction: SignedTransaction,
    deadlineMs: number | null = null,
  ): void {
    this.feed(node, { type: 'submit', token, transaction, deadlineMs })
  }

  view(node: SimNode): LogView {
    assert.ok(node.log, `node ${node.index} is down`)
    return viewLog(node.log, this.#clock(node))
  }

  /** 0 while it is down. */
  heightOf(node: SimNode): number {
    return node.log === null ? 0 : this.view(node).height
  }

  state(node: SimNode): LedgerState {
    return this.view(node).state
  }

  nodeOf(peerId: PeerId): SimNode {
    return this.nodes.find(node => node.peerId === peerId)!
  }

  /** Runs until `isDone`, or fails after `limitMs` of virtual time. */
  runUntil(isDone: () => boolean, limitMs: number, what: string): void {
    const endMs = this.nowMs + limitMs
    while (!isDone()) {
      assert.ok(this.#next(endMs), `not within ${limitMs} ms: ${what}; ${this.describe()}`)
    }
  }

  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    while (this.#next(endMs)) {
      // every task may add others
    }
    this.nowMs = endMs
  }

  describe(): string {
    return this.nodes
      .map(node => (node.log === null ? 'down' : `${this.view(node).height}/${this.view(node).round}`))
      .join(' ')
  }

  #clock(node: SimNode): number {
    return Math.floor(this.nowMs + node.skewMs)
  }

  #next(endMs: number): boolean {
    const task = this.#tasks[0]
    if (task === undefined || task.atMs > endMs) return false
    this.#tasks.shift()
    this.nowMs = Math.max(this.nowMs, task.atMs)
    task.run()
    return true
  }

  #at(atMs: number, run: () => void): void {
    const task: Task = { atMs, order: this.#order++, run }
    let low = 0
    let high = this.#tasks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#tasks[middle]!.atMs <= atMs) low = middle + 1
      else high = middle
    }
    this.#tasks.splice(low, 0, task)
  }

  #later(node: SimNode, delayMs: number, run: () => void): void {
    const { life } = node
    this.#at(this.nowMs + delayMs, () => {
      if (node.life === life && node.log !== null) run()
    })
  }

  #delay(): number {
    const { minDelayMs = 5, maxDelayMs = 20 } = this.#options
    return minDelayMs + randomUnit(this.#rng) * (maxDelayMs - minDelayMs)
  }

  feed(node: SimNode, event: LogEvent): void {
    assert.ok(node.log)
    const { state, effects } = stepLog(node.log, event, this.#clock(node), this.#rng)
    node.log = state
    const kinds = effects.map(effect => effect.type)
    assert.ok(kinds.lastIndexOf('persist') <= 0, 'one write batch, before everything else')
    let left = effects.length
    for (const effect of effects) {
      if (effect.type === 'persist') {
        const crash = this.#write(node, effect.writes)
        if (crash === 'before' || crash === 'after') left = 0
        if (crash === 'amid') left = Math.ceil(effects.length / 2)
      } else if (left-- > 0) {
        this.#perform(node, effect)
      }
      if (left <= 0 && node.crash?.persist === node.persists) {
        this.#crash(node)
        return
      }
    }
  }

  #crash(node: SimNode): void {
    this.stop(node)
    node.crash = null
    this.lose(node)
    this.#at(this.nowMs + RESTART_MS, () => this.start(node))
  }

  /** Makes writes durable, unless the power goes before; says how it goes at this write. */
  #write(node: SimNode, writes: readonly Write[]): CrashPlan['when'] | null {
    node.persists++
    const crash = node.crash?.persist === node.persists ? node.crash.when : null
    if (crash === 'before') return crash
    for (const { key, value } of writes) {
      node.damaged.delete(key)
      if (value === null) node.store.delete(key)
      else node.store.set(key, value)
    }
    return crash
  }

  #perform(node: SimNode, effect: LogEffect): void {
    switch (effect.type) {
      case 'send':
        this.#send(node, this.nodeOf(effect.to), effect.message)
        return
      case 'publish':
        this.#publish(node, effect.bytes)
        return
      case 'timer':
        this.#timer(node, effect.id, effect.atMs)
        return
      case 'request':
        this.#request(node, effect)
        return
      case 'load': {
        const { token } = effect
        const entries = [...node.store]
          .filter(([key]) => key.startsWith(effect.prefix) && key >= effect.from)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .slice(0, effect.limit)
          .map(([key, value]) => ({ key, value }))
        const bad = entries.find(({ key }) => node.damaged.has(key))?.key
        const error = new OstrakaError('storage_corrupt', 'a stored value is damaged', { key: bad })
        this.#later(node, 1, () =>
          this.feed(
            node,
            bad === undefined ? { type: 'loaded', token, entries } : { type: 'failed', token, error },
          ),
        )
        return
      }
      case 'reply':
        this.#replies.get(`${node.index}/${effect.token}`)?.(effect.answer)
        return
      case 'submit': {
        const transaction = signed(this.genesis, effect.transaction, node.key)
        this.#later(node, 0, () => this.submit(node, `own/${this.#order++}`, transaction))
        return
      }
      case 'applied':
        this.#check(
          node,
          effect.certified.block.header.height,
          toHex(blockIdOf(effect.certified.block.header)),
        )
        this.#checkRoot(effect.state)
        return
      case 'restored':
        node.restored.push(effect.state.chain.height)
        this.#check(node, effect.tip.header.height, toHex(blockIdOf(effect.tip.header)))
        this.#checkRoot(effect.state)
        return
      case 'included':
      case 'not-included':
        assert.ok(!node.outcomes.has(effect.token), `two outcomes of ${effect.token}`)
        node.outcomes.set(effect.token, effect)
        return
      case 'note':
        node.notes.push(`${effect.text} ${JSON.stringify(effect.details)}`)
    }
  }

  readonly #replies = new Map<string, (answer: Outcome<PeerAnswer>) => void>()

  #send(from: SimNode, to: SimNode, message: PeerMessage): void {
    this.#watch(from, message)
    const messages = this.meddle === null ? [message] : this.meddle(from, to, message)
    for (const one of messages) {
      const frame = peerMessageCodec.encode(one)
      const copies = 1 + (randomUnit(this.#rng) < this.duplication ? 1 : 0)
      for (let copy = 0; copy < copies; copy++) {
        if (randomUnit(this.#rng) < this.loss) continue
        this.#at(this.nowMs + this.#delay(), () => {
          if (to.log === null || !this.reachable(from, to)) return
          this.messages++
          this.feed(to, { type: 'message', from: from.peerId, message: peerMessageCodec.decode(frame) })
        })
      }
    }
  }

  #publish(from: SimNode, bytes: Uint8Array): void {
    for (const to of this.nodes) {
      if (to === from || this.isSilent || randomUnit(this.#rng) < this.loss) continue
      this.#at(this.nowMs + this.#delay(), () => {
        if (to.log === null || !this.reachable(from, to)) return
        if (judgeBlock(to.log, bytes) === 'accept')
          this.feed(to, { type: 'gossiped', from: from.peerId, bytes })
      })
    }
  }

  #timer(node: SimNode, id: string, atMs: number | null): void {
    const mark = this.#order++
    node.timers.set(id, mark)
    if (atMs === null) return
    this.#later(node, Math.max(0, Math.ceil(atMs - node.skewMs) - this.nowMs), () => {
      if (node.timers.get(id) === mark) this.feed(node, { type: 'timer', id })
    })
  }

  #request(node: SimNode, effect: Extract<LogEffect, { type: 'request' }>): void {
    const to = this.nodeOf(effect.to)
    const asking = `r${this.#order++}`
    let isAnswered = false
    const finish = (answer: Outcome<PeerAnswer>): void => {
      if (isAnswered) return
      isAnswered = true
      this.feed(node, { type: 'answered', token: effect.token, from: effect.to, answer })
    }
    this.#later(node, effect.deadlineMs, () =>
      finish({ ok: false, error: new OstrakaError('deadline_exceeded', 'no answer') }),
    )
    const frame = peerRequestCodec.encode(effect.request)
    this.#replies.set(`${to.index}/${asking}`, answer => {
      const said =
        answer.ok && this.answerMeddle
          ? { ok: true as const, value: this.answerMeddle(to, answer.value) }
          : answer
      const bytes = said.ok ? peerAnswerCodec.encode(said.value) : null
      if (randomUnit(this.#rng) < this.loss || !this.reachable(to, node)) return
      const slowMs = said.ok ? this.answerDelayMs(to, said.value) : 0
      this.#later(node, this.#delay() + slowMs, () => {
        finish(bytes === null ? said : { ok: true, value: peerAnswerCodec.decode(bytes) })
      })
    })
    if (randomUnit(this.#rng) < this.loss) return
    this.#at(this.nowMs + this.#delay(), () => {
      if (to.log === null || !this.reachable(node, to)) return
      this.feed(to, {
        type: 'requested',
        from: node.peerId,
        token: asking,
        request: peerRequestCodec.decode(frame),
      })
    })
  }

  /** Two different votes of an honest node are a fault of the program, whoever receives them. */
  #watch(from: SimNode, message: PeerMessage): void {
    if (!from.isHonest) return
    if (message.type === 'vote' && toHex(message.vote.signer) === toHex(from.key.publicKey)) {
      const { height, round, blockId } = message.vote.value
      this.#said(`${from.index}/${height}/${round}/${message.step}`, toHex(blockId))
    }
    if (message.type === 'proposal' && toHex(message.proposal.signer) === toHex(from.key.publicKey)) {
      const { height, round, blockId } = message.proposal.value
      this.#said(`${from.index}/${height}/${round}/proposal`, toHex(blockId))
    }
  }

  #said(what: string, value: string): void {
    const before = this.#votes.get(what)
    if (before !== undefined && before !== value) this.contradictions.push(what)
    this.#votes.set(what, value)
  }

  #check(node: SimNode, height: number, blockId: string): void {
    if (!node.isHonest) return
    const agreed = this.#decided.get(height)
    if (agreed === undefined) this.#decided.set(height, blockId)
    else assert.equal(blockId, agreed, `disagreement at height ${height}`)
    node.applied.set(height, blockId)
  }

  #checkRoot(state: LedgerState): void {
    const root = toHex(state.records.root())
    const agreed = this.#roots.get(state.chain.height)
    if (agreed === undefined) this.#roots.set(state.chain.height, root)
    else assert.equal(root, agreed, `different states at height ${state.chain.height}`)
  }
}

export function codeOf(outcome: IncludedEffect | NotIncludedEffect | undefined): string {
  if (outcome === undefined) return 'none'
  if (outcome.type === 'included') return outcome.result.ok ? 'ok' : outcome.result.code
  const { error } = outcome.outcome
  assert.ok(isOstrakaError(error))
  return error.code
}

import { type PeerId, type Rng, randomBelow } from '../base/index.ts'
import type { KeyView, NodePort } from '../node/index.ts'
import type { KeyKind } from '../wire/index.ts'
import type { Calls } from './calls.ts'
import type { Findings } from './checks/findings.ts'
import { JusticeCheck } from './checks/justice.ts'
import { TrustCheck } from './checks/trust.ts'
import type { Clients, KnownKey } from './clients.ts'
import type { FaultCounts } from './fault-counts.ts'
import type { SimHost } from './host.ts'
import { DESERTS, type Misdeed } from './misdeeds.ts'
import type { Newcomers } from './newcomers.ts'
import type { VirtualTime } from './time.ts'

export interface TrialContext {
  readonly misdeed: Misdeed
  readonly culprit: SimHost
  readonly honest: readonly SimHost[]
  readonly epochMs: number
  readonly time: VirtualTime
  readonly rng: Rng
  readonly findings: Findings
  readonly calls: Calls
  readonly clients: Clients
  /** The culprit does nothing wrong: this run shows what the other would have been without. */
  readonly isTwin: boolean
  readonly faults: FaultCounts
  readonly newcomers: Newcomers
  /** Whether somebody waits for what the culprit has kept from it. */
  isAwaited(): boolean
}

export interface TrialReport {
  readonly misdeed: Misdeed
  readonly culprit: string
  readonly fired: number
  /** `removed`, `suspended`, `fined` or `nothing`: what was to come of it, and has. Null when it has not. */
  readonly verdict: string | null
  /** From the first misdeed to the verdict, in epochs. */
  readonly epochs: number | null
  /** Honest nodes that any honest node's log blames. */
  readonly blamed: readonly string[]
  readonly settlements: number
  /** Per settled epoch and honest member: the agreed score, in thousandths. */
  readonly scores: readonly (readonly [epoch: number, readonly (readonly [name: string, score: number])[]])[]
  /** Per honest member the lowest and the highest that any honest node ever said of it. */
  readonly envelopes: readonly (readonly [name: string, lowest: number, highest: number])[]
  /** Of a liar's trial, in thousandths: what its lies did to honest scores, and the most they could. */
  readonly deviation?: { readonly most: number; readonly bound: number }
}

/** In calm weather every verdict has fallen so many epochs after the first misdeed. */
const VERDICT_EPOCHS = 12
/** Time for a misdeed to find its occasion. */
const FIRE_MS = 40_000
/** Time for one of seven to come to lead. */
const LEAD_MS = 180_000
/** Time to make the culprit's slots anew. */
const REPAIR_MS = 60_000
/** A liar lies for at least so long. */
const LYING_EPOCHS = 5
const LOOK_MS = 1000
/** One key is made in so many looks: dealers and complainers need ceremonies. */
const CREATE_EVERY = 4

/** One Byzantine node, one misdeed: it happens, and comes to what it deserves; no honest node is blamed. */
export class Trial {
  readonly #context: TrialContext
  readonly #justice: JusticeCheck
  readonly #trust: TrustCheck
  #heldKey: KnownKey | undefined
  #beganMs: number | undefined
  #verdictMs: number | undefined

  constructor(context: TrialContext) {
    this.#context = context
    const { misdeed, culprit, findings } = context
    this.#justice = new JusticeCheck(findings, misdeed, culprit.peerId)
    this.#trust = new TrustCheck(findings, peerId => peerId !== culprit.peerId)
  }

  /** An honest node has applied the newest block. */
  follow(port: NodePort): void {
    this.#trust.follow(port)
    this.#note(port)
  }

  /** Before the misdeed: a key of which the culprit holds a slot. */
  async prepare(kind: KeyKind): Promise<void> {
    const { clients, honest, findings, culprit } = this.#context
    await clients.create(kind, honest[0]!, honest.length + 1)
    this.#heldKey = [...clients.known.values()].find(({ name }) =>
      honest[0]!.port?.key(name)?.holders.some(({ peerId }) => peerId === culprit.peerId),
    )
    if (this.#heldKey === undefined) findings.add('the trial is one', 'the culprit holds no share of any key')
  }

  /** In calm weather: the network goes on working until justice is done. */
  async run(): Promise<void> {
    const { time, calls, findings, misdeed, epochMs } = this.#context
    const beganMs = time.nowMs
    const fireMs = misdeed === 'censor' ? LEAD_MS : FIRE_MS
    this.#beganMs = beganMs
    for (let look = 0; !this.#isOver(); look++) {
      if (this.#firstMs === undefined && time.nowMs > beganMs + fireMs) {
        findings.add('the trial is one', `no ${misdeed} ever fired`)
        return
      }
      const limitMs = Math.max(beganMs, this.#firstMs ?? time.nowMs) + VERDICT_EPOCHS * epochMs
      if (this.#verdictMs === undefined && time.nowMs > limitMs) {
        findings.add('justice', `${misdeed} has come to nothing in ${VERDICT_EPOCHS} epochs`)
        return
      }
      void this.#work(look)
      await calls.sleep(LOOK_MS)
      for (const { port } of this.#context.honest) if (port !== undefined) this.#note(port)
    }
    await this.#untilRepaired()
  }

  /** In the end, when all have caught up. */
  inspect(): void {
    const { honest, findings, clients, misdeed, newcomers } = this.#context
    for (const host of honest) this.#justice.inspect(host)
    for (const { name, port } of honest) if (port !== undefined) newcomers.inspect(name, port, findings)
    const isAboutScores = misdeed === 'lying-report' || misdeed === 'silence'
    if (isAboutScores && this.#trust.settlements === 0)
      findings.add('the trial is one', 'no trust vector was ever settled')
    if (!this.#isPutOut()) return
    for (const key of clients.known.values()) {
      for (const { name, port } of honest) {
        const view = port?.key(key.name)
        if (port === undefined || view === undefined) continue
        if (!this.#justice.isStrong(port, view)) {
          const slots = `${view.holders.length} slots of ${view.shares}, threshold ${view.threshold}`
          findings.add('keys are at full strength', `${key.name} on ${name}: ${slots}`)
        }
        if (!this.#justice.isWhole(honest, view, key)) {
          findings.add('shares made anew are shares of the same key', `${key.name} on ${name}`)
        }
      }
    }
  }

  report(): TrialReport {
    const { misdeed, culprit, honest, epochMs, faults } = this.#context
    const names = new Map(honest.map(({ peerId, name }) => [peerId, name]))
    const named = <T>(of: ReadonlyMap<PeerId, T>): (readonly [string, T])[] =>
      [...of].flatMap(([peerId, value]) => {
        const name = names.get(peerId)
        return name === undefined ? [] : [[name, value] as const]
      })
    const blamed = honest.flatMap(({ port }) => (port === undefined ? [] : this.#justice.blamed(port)))
    return {
      misdeed,
      culprit: culprit.name,
      fired: faults.counts[misdeed],
      verdict: this.#verdictMs === undefined ? null : DESERTS[misdeed].verdict,
      epochs:
        this.#verdictMs === undefined || this.#firstMs === undefined
          ? null
          : (this.#verdictMs - this.#firstMs) / epochMs,
      blamed: [...new Set(blamed)].map(peerId => names.get(peerId) ?? peerId),
      settlements: this.#trust.settlements,
      scores: [...this.#trust.scores].map(([epoch, scores]) => [epoch, named(scores)] as const),
      envelopes: named(this.#trust.envelopes).map(
        ([name, { lowest, highest }]) => [name, lowest, highest] as const,
      ),
    }
  }

  /** When the misdeed was first done; in a twin, when it might have been. */
  get #firstMs(): number | undefined {
    const { faults, misdeed, isTwin } = this.#context
    return isTwin ? this.#beganMs : faults.firstMs.get(misdeed)
  }

  #note(port: NodePort): void {
    const { time, misdeed, epochMs } = this.#context
    if (this.#firstMs === undefined || !this.#justice.isDone(port)) return
    // what comes to nothing must have been done for a while
    const isTooSoon =
      DESERTS[misdeed].verdict === 'nothing' && time.nowMs < this.#firstMs + LYING_EPOCHS * epochMs
    if (!isTooSoon) this.#verdictMs ??= time.nowMs
  }

  #isOver(): boolean {
    const { honest, isAwaited } = this.#context
    return (
      this.#verdictMs !== undefined &&
      !isAwaited() &&
      honest.every(({ port }) => port !== undefined && this.#justice.isDone(port))
    )
  }

  #isPutOut(): boolean {
    const { verdict } = DESERTS[this.#context.misdeed]
    return this.#verdictMs !== undefined && (verdict === 'removed' || verdict === 'suspended')
  }

  async #work(look: number): Promise<void> {
    const { clients, honest, rng } = this.#context
    const host = honest[randomBelow(rng, honest.length)]!
    const keys = [...clients.known.values()]
    const key = keys[randomBelow(rng, keys.length)]
    if (look % CREATE_EVERY === 0 || key === undefined)
      await clients.create(this.#heldKey?.kind ?? 'toy', host)
    else await clients.use(key, host)
  }

  /** The slots of one that is put out move to others. */
  async #untilRepaired(): Promise<void> {
    const { time, calls, clients, honest, findings } = this.#context
    if (!this.#isPutOut()) return
    const limitMs = time.nowMs + REPAIR_MS
    const isWeak = (key: KnownKey): boolean =>
      honest.some(({ port }) => {
        const view: KeyView | undefined = port?.key(key.name)
        return port === undefined || view === undefined || !this.#justice.isStrong(port, view)
      })
    for (;;) {
      const weak = [...clients.known.values()].filter(isWeak)
      if (weak.length === 0) return
      if (time.nowMs > limitMs) {
        findings.add('keys are repaired', `not so: ${weak.map(({ name }) => name).join(', ')}`)
        return
      }
      await calls.sleep(LOOK_MS)
    }
  }
}

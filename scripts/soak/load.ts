import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, type Rng, randomBelow, SeededRng, toOstrakaError } from '../../src/base/index.ts'
import type { KeyKind } from '../../src/wire/index.ts'
import { Asking, type Miss, type Retries } from './asking.ts'
import { create, refresh, setPolicy } from './changes.ts'
import { type AcknowledgedKey, deriveAgain, type UseName, use, useOf, WrongOutput } from './keyring.ts'
import type { SoakNetwork } from './network.ts'

/** How many of 100 operations on keys are of each sort. */
const MIX: Readonly<Record<UseName, number>> = {
  'sign ed25519': 35,
  'sign secp256k1': 20,
  derive: 20,
  'derive blinded': 5,
  decrypt: 20,
}
const DECK: readonly UseName[] = (Object.keys(MIX) as UseName[]).flatMap(what =>
  new Array<UseName>(MIX[what]).fill(what),
)
const CHANGES = ['create', 'set policy', 'refresh'] as const
type ChangeName = (typeof CHANGES)[number]
/** A change takes a block at least, and a ceremony many messages: one now and then is what a busy network sees. */
const CHANGE_EVERY_MS = 5000
const KINDS: readonly KeyKind[] = ['ed25519', 'secp256k1', 'ristretto255', 'x25519']
const USUAL = { threshold: 3, shares: 5 }
const MAX_KEPT_FAULTS = 20
/** An operation that took so long has its story told; half of the bound, so that a near miss shows too. */
const SLOW_MS = 5000
const MAX_TOLD_STORIES = 40

export interface Done {
  readonly what: UseName | ChangeName
  readonly ms: number
  /** Undefined when it was done. */
  readonly failure?: ErrorCode | 'wrong output'
}

export interface LoadOptions {
  readonly rateHz: number
  readonly durationMs: number
  readonly seed: string
}

/** The operations of one run: when they begin is the schedule's to say, never the network's. */
export class Load {
  readonly keys: AcknowledgedKey[] = []
  readonly done: Done[] = []
  readonly retries: Retries = new Map()
  /** The first few failures and wrong outputs, in words. */
  readonly faults: string[] = []
  readonly #stories: { readonly ms: number; readonly text: string }[] = []
  readonly #network: SoakNetwork
  readonly #options: LoadOptions
  readonly #rng: SeededRng
  readonly #pending = new Set<Promise<void>>()
  #begun = 0
  #startMs = performance.now()

  constructor(network: SoakNetwork, options: LoadOptions) {
    this.#network = network
    this.#options = options
    this.#rng = new SeededRng(`soak load ${options.seed}`)
  }

  get pending(): number {
    return this.#pending.size
  }

  /** One key of each kind, and one that needs five of seven holders: all that two disturbed nodes leave. */
  async prepare(): Promise<void> {
    const asking = new Asking(this.#network, this.#rng.fork('prepare'), this.retries)
    for (const kind of KINDS) this.keys.push(await create(asking, `base-${kind}`, kind, USUAL))
    const shares = Math.min(7, this.#network.names.length)
    const wide = { threshold: Math.max(3, shares - 2), shares }
    this.keys.push(await create(asking, 'wide-ed25519', 'ed25519', wide))
  }

  /** Begins an operation every 1/rate seconds; resolves when the last one has ended. */
  async run(): Promise<void> {
    const { rateHz, durationMs } = this.#options
    const startMs = performance.now()
    this.#startMs = startMs
    const count = Math.floor((durationMs / 1000) * rateHz)
    const changeEvery = Math.max(1, Math.round((CHANGE_EVERY_MS / 1000) * rateHz))
    for (let i = 0; i < count; i++) {
      const waitMs = startMs + (i * 1000) / rateHz - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      const isChange = i % changeEvery === changeEvery - 1
      if (isChange) this.#change(CHANGES[Math.floor(i / changeEvery) % CHANGES.length]!)
      else this.#use()
    }
    await Promise.all(this.#pending)
  }

  /** Each key once more, derivation keys with every input so far; how many keys are of no use any more. */
  async useEachKey(): Promise<number> {
    const rng = this.#rng.fork('end')
    const asking = new Asking(this.#network, rng, this.retries)
    const useless = await Promise.all(
      this.keys.map(async key => {
        try {
          await use(useOf(key.kind), key, asking, rng)
          await deriveAgain(key, asking)
          return 0
        } catch (error) {
          this.#fault(`${key.name} at the end`, error)
          return 1
        }
      }),
    )
    return useless.reduce<number>((sum, one) => sum + one, 0)
  }

  #use(): void {
    const what = DECK[randomBelow(this.#rng, DECK.length)]!
    const candidates = this.keys.filter(key => isFor(what, key.kind))
    const key = candidates[randomBelow(this.#rng, candidates.length)]!
    this.#begin(what, key.name, (asking, rng) => use(what, key, asking, rng))
  }

  #change(what: ChangeName): void {
    if (what === 'create') {
      const kind = KINDS[this.keys.length % KINDS.length]!
      const name = `soak-${this.#begun}`
      this.#begin(what, name, async asking => {
        this.keys.push(await create(asking, name, kind, USUAL))
      })
      return
    }
    const candidates = this.keys.filter(key => !key.isChanging)
    if (candidates.length === 0) {
      this.#use()
      return
    }
    const key = candidates[randomBelow(this.#rng, candidates.length)]!
    key.isChanging = true
    this.#begin(what, key.name, async (asking, rng) => {
      await (what === 'refresh' ? refresh(asking, key) : setPolicy(asking, key, rng))
      // after a failure it stays so: the change may still come, and its key is left alone
      key.isChanging = false
    })
  }

  #begin(what: Done['what'], name: string, run: (asking: Asking, rng: Rng) => Promise<void>): void {
    const rng = this.#rng.fork(String(this.#begun++))
    const startMs = performance.now()
    const asking = new Asking(this.#network, rng, this.retries)
    const end = (failure?: Done['failure']): void => {
      const ms = performance.now() - startMs
      if (failure !== undefined || ms >= SLOW_MS) {
        this.#tell(`${what} ${name}: ${failure ?? 'done'}`, startMs, ms, asking.misses)
      }
      this.done.push({ what, ms, ...(failure === undefined ? {} : { failure }) })
    }
    const pending = run(asking, rng)
      .then(
        () => end(),
        error => {
          end(error instanceof WrongOutput ? 'wrong output' : toOstrakaError(error).code)
          this.#fault(`${what} ${name}`, error)
        },
      )
      .finally(() => this.#pending.delete(pending))
    this.#pending.add(pending)
  }

  /** Of operations that were slow or failed, the slowest: whom they asked, and what each of those said. */
  get stories(): readonly string[] {
    return this.#stories
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, MAX_TOLD_STORIES)
      .map(({ text }) => text)
  }

  #tell(what: string, startMs: number, ms: number, misses: readonly Miss[]): void {
    const seconds = (value: number): string => `${(value / 1000).toFixed(1)} s`
    const asked = misses.map(miss => `${miss.name} ${miss.code} after ${seconds(miss.ms)} ${miss.details}`)
    const sum = misses.reduce((total, miss) => total + miss.ms, 0)
    asked.push(`the rest ${seconds(ms - sum)}`)
    const text = `at ${seconds(startMs - this.#startMs)}, ${what} in ${seconds(ms)}: ${asked.join('; ')}`
    this.#stories.push({ ms, text })
  }

  #fault(what: string, error: unknown): void {
    if (this.faults.length >= MAX_KEPT_FAULTS) return
    const { code, message } = toOstrakaError(error)
    this.faults.push(`${what}: ${error instanceof WrongOutput ? 'WRONG' : code}: ${message}`)
  }
}

function isFor(what: UseName, kind: KeyKind): boolean {
  return useOf(kind) === (what === 'derive blinded' ? 'derive' : what)
}

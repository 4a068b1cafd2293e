import { randomBelow, randomUnit, Secret, SeededRng, toOstrakaError } from '../base/index.ts'
import { networkIdOf, proveFounders } from '../control/index.ts'
import { cryptoReady, SigningKey } from '../crypto/index.ts'
import type { Genesis, GenesisDocument } from '../wire/index.ts'
import { Byzantine } from './byzantine.ts'
import { Calls } from './calls.ts'
import { RELEASE_ONLY, TAMPERED } from './checks/attestation.ts'
import { Findings } from './checks/findings.ts'
import { Clients } from './clients.ts'
import { CopiedImports } from './copied-imports.ts'
import { Deeds } from './deeds.ts'
import { Ending } from './ending.ts'
import { FaultCounts, type FaultKind } from './fault-counts.ts'
import { GossipMesh } from './gossip.ts'
import { type HostContext, SimHost } from './host.ts'
import type { Misdeed } from './misdeeds.ts'
import { SimNetwork } from './network.ts'
import { Newcomers } from './newcomers.ts'
import { drawPlan, drawTrial, mostFaulty, type Plan } from './plan.ts'
import { RecordFiller } from './record-filler.ts'
import { RecordMesh } from './records.ts'
import { Storm } from './storm.ts'
import { VirtualTime } from './time.ts'
import { Trace } from './trace.ts'
import { Trial, type TrialReport } from './trial.ts'
import { Watch } from './watch.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly nodes: number
  readonly ops: number
  /** Changes to what the seed has drawn, for tests that want one fault alone. */
  readonly plan?: Partial<Plan>
  /** One node does this, and must come to what it deserves. */
  readonly misdeed?: Misdeed
  /** The same trial, with everything as it was but a culprit that does nothing wrong. */
  readonly isTwin?: boolean
  /** Every event and every log line, as it happens. */
  readonly onEvent?: (line: string) => void
}

export interface SimulationReport {
  readonly seed: number
  readonly traceHash: string
  readonly events: number
  readonly virtualMs: number
  readonly faults: Readonly<Record<FaultKind, number>>
  /** How much was seen of what the checkers check: nothing seen is nothing proven. */
  readonly seen: Readonly<
    Record<
      'blocks' | 'certificates' | 'votes' | 'partials' | 'keys' | 'epochs' | 'results' | 'refusals',
      number
    >
  >
  readonly outcomes: Readonly<Record<string, number>>
  /** Whom the control log names in the end, and what of. */
  readonly convictions: readonly { readonly name: string; readonly reason: string }[]
  readonly findings: readonly string[]
  readonly trial?: TrialReport
}

const START_MS = 1_800_000_000_000
/** Mean pause between two deeds of the clients. */
const DEED_PAUSE_MS = 200
/** Attestations answer an epoch's challenge, which its first block brings. */
const ATTESTED_MS = 60_000
const MAX_IN_FLIGHT = 12
const EPOCH_MS = 5000
/** As daemons beacon by default; trials need a report each epoch, as networks with short epochs have them. */
const BEACON_INTERVAL_MS = 5000
const TRIAL_BEACON_INTERVAL_MS = EPOCH_MS / 4
/** No seed comes near it; one that does is going round in circles. */
const MAX_VIRTUAL_MS = 3_600_000

/** A whole network of real nodes in one process: a stormy safety phase, then a calm liveness phase. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  await cryptoReady
  const simulation = new Simulation(options)
  await simulation.run()
  return simulation.report()
}

class Simulation {
  readonly #options: SimulationOptions
  readonly #time = new VirtualTime(START_MS)
  readonly #faults = new FaultCounts(() => this.#time.nowMs)
  readonly #trace: Trace
  readonly #findings = new Findings(() => this.#time.stop())
  readonly #plan: Plan
  readonly #rng: SeededRng
  readonly #network: SimNetwork
  readonly #records: RecordMesh
  readonly #hosts: readonly SimHost[]
  readonly #genesis: Genesis
  readonly #byzantine: Byzantine
  readonly #watch: Watch
  readonly #calls: Calls
  readonly #clients: Clients
  readonly #deeds: readonly Deeds[]
  readonly #newcomers: Newcomers
  /** A client that may create keys and keeps to no protocol, where the misdeed wants one. */
  readonly #rogue: SigningKey
  readonly #trial: Trial | undefined
  #isDone = false

  constructor(options: SimulationOptions) {
    this.#options = options
    const { seed, nodes, ops } = options
    this.#rng = new SeededRng(`simulation/${seed}`)
    this.#trace = new Trace(options.onEvent)
    const spanMs = ops * DEED_PAUSE_MS
    const drawn =
      options.misdeed === undefined
        ? drawPlan(seed, nodes, spanMs)
        : drawTrial(seed, nodes, spanMs, options.misdeed)
    this.#plan = { ...drawn, ...options.plan }
    const context = {
      time: this.#time,
      rng: this.#rng.fork('network'),
      faults: this.#faults,
      trace: this.#trace,
    }
    this.#network = new SimNetwork(context)
    this.#records = new RecordMesh(this.#network)
    const hostContext = this.#hostContext(String(seed))
    this.#hosts = Array.from({ length: nodes }, (_, index) => new SimHost(`node-${index + 1}`, hostContext))
    for (const host of this.#hosts) host.disk.meanSyncMs = this.#plan.syncMs
    const [owner, guest, stranger] = ['owner', 'guest', 'stranger'].map(
      name => new SigningKey(new Secret(this.#rng.fork(name).bytes(32))),
    ) as [SigningKey, SigningKey, SigningKey]
    const tampered = this.#plan.tampered === undefined ? undefined : this.#hosts[this.#plan.tampered]!
    if (tampered !== undefined) tampered.program = TAMPERED
    this.#rogue = new SigningKey(new Secret(this.#rng.fork('rogue').bytes(32)))
    const creators = options.misdeed === 'copied-import' ? [owner, this.#rogue] : [owner]
    const document = makeGenesis(seed, this.#hosts, owner, creators)
    this.#genesis = proveFounders(
      tampered === undefined ? document : { ...document, attestation: RELEASE_ONLY },
      this.#hosts.map(({ sealingKeys }) => sealingKeys),
      this.#rng.fork('founders'),
    )
    const networkId = networkIdOf(this.#genesis)
    const liars = [...this.#plan.byzantine].map(([index, misdeed]) => [this.#hosts[index]!, misdeed] as const)
    this.#byzantine = new Byzantine(liars, networkId, this.#records)
    this.#watch = new Watch({
      ...{ findings: this.#findings, faults: this.#faults, hosts: this.#hosts, networkId, tampered },
      isHonest: peerId => this.#byzantine.isHonest(peerId),
    })
    this.#byzantine.isAwake = options.misdeed === undefined
    this.#network.tamper = frame => this.#byzantine.tamper(frame)
    this.#newcomers = new Newcomers(owner, networkId, new SeededRng(`newcomers/${seed}`))
    this.#deeds = liars.map(([host, misdeed]) => this.#deedsOf(host, misdeed, networkId))
    this.#network.observe = frame => {
      for (const deeds of this.#deeds) deeds.see(frame)
      this.#watch.frame(frame, this.#time.nowMs)
    }
    const base = { time: this.#time, trace: this.#trace, findings: this.#findings }
    this.#calls = new Calls(base)
    this.#clients = new Clients({
      ...base,
      ...{ networkId, owner, guest, stranger, calls: this.#calls, secrets: this.#watch.secrets },
      ...{ hosts: this.#hosts, kinds: this.#plan.kinds, rng: this.#rng.fork('clients') },
    })
    this.#trial = options.misdeed === undefined ? undefined : this.#trialOf(options.misdeed, liars[0]![0])
  }

  #deedsOf(host: SimHost, misdeed: Misdeed, networkId: Uint8Array): Deeds {
    const [time, faults, rng] = [this.#time, this.#faults, this.#rng.fork(`deeds/${host.name}`)]
    const newcomers = this.#newcomers
    const imports = new CopiedImports(this.#rogue, networkId, this.#plan.kinds[0]!, rng.fork('imports'))
    const filler = new RecordFiller(host.identity, networkId, this.#records, rng.fork('filler'))
    const others = { newcomers, imports, filler, honest: () => this.#honest() }
    return new Deeds({ host, misdeed, networkId, time, faults, rng, ...others })
  }

  #trialOf(misdeed: Misdeed, culprit: SimHost): Trial {
    return new Trial({
      ...{ misdeed, culprit, honest: this.#honest(), epochMs: EPOCH_MS },
      ...{ time: this.#time, rng: this.#rng.fork('trial'), findings: this.#findings },
      ...{ calls: this.#calls, clients: this.#clients, isTwin: this.#options.isTwin ?? false },
      ...{ faults: this.#faults, newcomers: this.#newcomers },
      isAwaited: () => this.#deeds.some(deeds => deeds.isAwaited),
    })
  }

  async run(): Promise<void> {
    this.#script().then(
      () => this.#finish(),
      error => {
        this.#findings.add('the simulation runs', error instanceof Error ? `${error.stack}` : String(error))
        this.#finish()
      },
    )
    try {
      await this.#time.run(START_MS + MAX_VIRTUAL_MS)
    } catch (error) {
      this.#findings.add('no node throws', error instanceof Error ? `${error.stack}` : String(error))
    }
    if (!this.#isDone && this.#findings.list.length === 0) {
      this.#findings.add('the simulation ends', 'it was still waiting after an hour')
    }
    for (const host of this.#hosts) host.crash()
  }

  report(): SimulationReport {
    return {
      seed: this.#options.seed,
      traceHash: this.#trace.digest(),
      events: this.#trace.events,
      virtualMs: Math.round(this.#time.nowMs - START_MS),
      faults: this.#faults.counts,
      seen: {
        ...this.#watch.seen,
        keys: this.#clients.known.size,
        results: this.#clients.results,
        refusals: this.#clients.refusals,
      },
      outcomes: Object.fromEntries([...this.#calls.outcomes].sort()),
      convictions: this.#watch.convictions,
      findings: this.#findings.list,
      ...(this.#trial === undefined ? {} : { trial: this.#trial.report() }),
    }
  }

  #finish(): void {
    this.#isDone = true
    this.#time.stop()
  }

  async #script(): Promise<void> {
    const absent = this.#plan.absent === undefined ? undefined : this.#hosts[this.#plan.absent]
    for (const host of this.#hosts) if (host !== absent) void host.start(this.#genesis)
    await this.#calls.sleep(1000)
    await this.#attested()
    // something to use while the storm rages
    for (const kind of this.#plan.kinds) await this.#clients.create(kind, this.#anyHost())
    await this.#trial?.prepare(this.#plan.kinds[0]!)
    this.#misbehave()
    const storm = new Storm({
      plan: this.#plan,
      rng: this.#rng.fork('storm'),
      faults: this.#faults,
      hosts: this.#hosts,
      network: this.#network,
      records: this.#records,
      mayBeDown: mostFaulty(this.#hosts.length) - this.#plan.byzantine.size,
      isHonest: peerId => this.#byzantine.isHonest(peerId),
      start: host => void host.start(this.#genesis),
    })
    storm.begin()
    await this.#work()
    // lies are told about a network in which the honest differ; all other justice is done in calm weather
    if (this.#options.misdeed === 'lying-report') await this.#trial?.run()
    storm.end()
    if (this.#options.misdeed !== 'lying-report') await this.#trial?.run()
    const { time, rng, findings } = { time: this.#time, rng: this.#rng, findings: this.#findings }
    const parts = { calls: this.#calls, clients: this.#clients, agreement: this.#watch.agreement }
    await new Ending({ time, rng, findings, ...parts, honest: this.#honest(), kinds: this.#plan.kinds }).run()
    await this.#watch.inspect(this.#clients)
    this.#trial?.inspect()
    for (const deeds of this.#deeds) for (const host of this.#honest()) deeds.inspect(host, this.#findings)
  }

  /** Where attestation is asked for, no key can be made before the hosts have attested. */
  async #attested(): Promise<void> {
    const check = this.#watch.attestation
    if (check === undefined) return
    const limitMs = this.#time.nowMs + ATTESTED_MS
    while (this.#time.nowMs < limitMs) {
      const { port } = this.#hosts[0]!
      if (port !== undefined && check.isSettled(port)) return
      await this.#calls.sleep(250)
    }
    this.#findings.add('every host is told from the tampered one', `not after ${ATTESTED_MS} ms`)
  }

  /** Storms have their liars from the start; in a trial they wait until there is something to lie about. */
  #misbehave(): void {
    if (this.#options.isTwin) return
    this.#byzantine.isAwake = true
    for (const deeds of this.#deeds) deeds.begin()
  }

  /** The safety phase: whatever fails may fail, but nothing may go wrong. */
  async #work(): Promise<void> {
    const inFlight = new Set<Promise<unknown>>()
    for (let deed = 0; deed < this.#options.ops; deed++) {
      await this.#calls.sleep(2 * DEED_PAUSE_MS * randomUnit(this.#rng))
      if (inFlight.size >= MAX_IN_FLIGHT) await Promise.race(inFlight)
      const work: Promise<unknown> = this.#deed().finally(() => inFlight.delete(work))
      inFlight.add(work)
    }
    await Promise.all(inFlight)
  }

  async #deed(): Promise<unknown> {
    const host = this.#anyHost()
    const kind = this.#pick(this.#plan.kinds)
    const keys = [...this.#clients.known.values()]
    const roll = randomUnit(this.#rng)
    if (keys.length === 0 || roll < 0.04) return this.#clients.create(kind, host)
    if (roll < 0.055) return this.#clients.import(kind, host)
    const key = this.#pick(keys)
    if (roll < 0.09) return this.#clients.changePolicy(key, host)
    if (roll < 0.15) return this.#clients.intrude(key, host)
    if (roll < 0.2) return this.#clients.replay(key, host)
    return this.#clients.use(key, host)
  }

  #hostContext(seed: string): HostContext {
    return {
      seed,
      network: this.#network,
      gossip: new GossipMesh(this.#network),
      records: this.#records,
      beaconIntervalMs: this.#options.misdeed === undefined ? BEACON_INTERVAL_MS : TRIAL_BEACON_INTERVAL_MS,
      log: (host, level, text, details) => {
        this.#options.onEvent?.(
          `${(this.#time.nowMs - START_MS).toFixed(0)} ${host.name} ${level}: ${text} ${JSON.stringify(details)}\n`,
        )
        if ((details as { readonly code?: string }).code === 'internal') {
          this.#findings.add('no node throws', `${host.name}: ${text} ${JSON.stringify(details)}`)
        }
      },
      started: (host, port) => {
        this.#watch.started(host)
        port.onBlock(certified => {
          const isNewest = this.#watch.block(host, port, certified)
          if (isNewest && this.#byzantine.isHonest(host.peerId)) this.#trial?.follow(port)
        })
      },
      failed: (host, error) => {
        const { code, message, stack } = toOstrakaError(error)
        const trail = error instanceof Error ? error.stack : stack
        this.#findings.add('a node restarts from its disk', `${host.name}: ${code} ${message}\n${trail}`)
      },
    }
  }

  #honest(): SimHost[] {
    return this.#hosts.filter(host => this.#byzantine.isHonest(host.peerId))
  }

  #anyHost(): SimHost {
    return this.#pick(this.#hosts)
  }

  #pick<T>(from: readonly T[]): T {
    return from[randomBelow(this.#rng, from.length)]!
  }
}

function makeGenesis(
  seed: number,
  hosts: readonly SimHost[],
  owner: SigningKey,
  creators: readonly SigningKey[],
): GenesisDocument {
  return {
    name: `sim ${seed}`,
    createdMs: START_MS,
    operators: [owner.publicKey],
    approvals: 1,
    members: hosts.map(({ peerId, sealingKeys }, index) => ({
      peerId,
      sealingKey: sealingKeys.publicKey.bytes,
      location: { region: 'sim', latitude: (index * 17) % 90, longitude: (index * 31) % 180 },
    })),
    creators: creators.map(({ publicKey }) => publicKey),
    timing: {
      epochMs: EPOCH_MS,
      proposeMs: 600,
      voteMs: 300,
      roundDeltaMs: 200,
      dealMs: 4000,
      acknowledgeMs: 4000,
    },
  }
}

import { equalBytes, peerIdOf, randomBelow, randomUnit, Secret, SeededRng } from '../../base/index.ts'
import { cryptoReady, generateSealingKey, SigningKey, toy } from '../../crypto/index.ts'
import { type KeyRecord, makeDealing, suiteOf } from '../../keys/index.ts'
import type { ChangeKey, CreateKey } from '../../wire/index.ts'
import { CoalitionCheck } from '../checks/coalition/coalition.ts'
import { Findings } from '../checks/findings.ts'
import { Adversary, type Memory, PEACE, type Plot } from './adversary.ts'
import type { ComplaintAttack } from './complaining.ts'
import { ATTACKS, Counts } from './counts.ts'
import type { DealAttack } from './dealing.ts'
import { Exports } from './exports.ts'
import type { LeaderPolicy } from './leader.ts'
import { type CoalitionHost, CoalitionNetwork, makeHost } from './network.ts'

export interface CoalitionOptions {
  readonly seed: number
  readonly ceremonies: number
  readonly onProgress?: (ceremonies: number) => void
}

export interface CoalitionReport {
  readonly seed: number
  readonly ceremonies: number
  readonly networks: number
  /** Secrets that were asked for; ciphertexts that the coalition tried to open, and those that it opened. */
  readonly targets: number
  readonly tried: number
  readonly opened: number
  readonly counts: Counts
  readonly findings: readonly string[]
}

/** Nodes, and how many of them are the coalition: t is one more. */
const SIZES = [
  { nodes: 4, members: 1 },
  { nodes: 5, members: 2 },
  { nodes: 7, members: 2 },
  { nodes: 7, members: 3 },
] as const

/** What one network sees before another takes its place. */
const CEREMONIES_PER_NETWORK = 14
const REFRESH_MS = 600_000
/** A client's dealing has a minute; a handoff and its retries take seconds. */
const PATIENCE_MS = 100_000

const DEALS: ReadonlyArray<readonly [DealAttack, number]> = [
  ['soundly', 50],
  ['copied encapsulation', 4],
  ['copied encapsulation and proof', 2],
  ['garbage ciphertexts', 1],
  ['malformed ciphertexts', 1],
  ['record withheld from some holders', 1],
  ['constant term that cancels the honest ones', 1],
  ['another dealer’s whole dealing as its own', 1],
  ['two dealings', 1],
]
const LEADERS: ReadonlyArray<readonly [LeaderPolicy, number]> = [
  ['fair', 3],
  ['leader withholds complaints', 3],
  ['leader withholds deals', 1],
  ['leader withholds acknowledgements', 1],
]
const COMPLAINTS: ReadonlyArray<readonly [ComplaintAttack, number]> = [
  ['none', 30],
  ['false complaint with the true opening', 1],
  ['false complaint with another’s opening', 1],
]

/** Runs so many ceremonies against one coalition after another. Stops at the first secret that one works out. */
export async function runCoalition({
  seed,
  ceremonies,
  onProgress,
}: CoalitionOptions): Promise<CoalitionReport> {
  await cryptoReady
  const counts = new Counts()
  const findings = new Findings(() => {})
  const sums = { ceremonies: 0, networks: 0, targets: 0, tried: 0, opened: 0 }
  for (let pair = 0; sums.ceremonies < ceremonies && findings.list.length === 0; pair++) {
    const hosts = new Hosts(`coalition/${seed}/${pair}`, findings)
    // two networks of the same hosts: nothing of one may open anything of the other
    for (const number of [1, 2]) {
      if (findings.list.length > 0) break
      const game = new Game(hosts, number, counts)
      game.play(CEREMONIES_PER_NETWORK)
      sums.ceremonies += game.ceremonies
      sums.networks++
      onProgress?.(sums.ceremonies)
    }
    const { check } = hosts.memory
    sums.targets += check.targets
    sums.tried += check.knowledge.tried
    sums.opened += check.knowledge.opened
  }
  return { seed, ...sums, counts, findings: findings.list }
}

/** The attacks that a run of some length must have seen. */
export function missingAttacks({ counts }: CoalitionReport): string[] {
  return ATTACKS.filter(name => counts.of(name) === 0)
}

/** What two networks have in common. */
class Hosts {
  readonly seed: string
  readonly rng: SeededRng
  readonly hosts: readonly CoalitionHost[]
  readonly members: number
  readonly honest: SigningKey
  readonly ours: SigningKey
  readonly operator: SigningKey
  readonly isRepeating: boolean
  readonly memory: Memory
  readonly findings: Findings

  constructor(seed: string, findings: Findings) {
    this.seed = seed
    this.findings = findings
    this.rng = new SeededRng(seed)
    const { nodes, members } = SIZES[randomBelow(this.rng, SIZES.length)]!
    this.members = members
    this.hosts = Array.from({ length: nodes }, (_, index) => makeHost(this.rng, index < members))
    const key = () => new SigningKey(new Secret(this.rng.bytes(32)))
    ;[this.honest, this.ours, this.operator] = [key(), key(), key()]
    this.isRepeating = randomUnit(this.rng) < 0.25
    const ids = new Set(
      this.hosts.filter(({ isMember }) => isMember).map(host => peerIdOf(host.identity.publicKey)),
    )
    const isMember = (publicKey: Uint8Array): boolean =>
      equalBytes(publicKey, this.ours.publicKey) || ids.has(peerIdOf(publicKey))
    this.memory = {
      check: new CoalitionCheck(findings, isMember, peerId => ids.has(peerId)),
      victims: [],
      openings: [],
    }
  }
}

/** One network's life: clients want things, and the coalition does its worst. */
class Game {
  readonly #hosts: Hosts
  readonly #rng: SeededRng
  readonly #counts: Counts
  readonly #adversary: Adversary
  readonly #network: CoalitionNetwork
  readonly #exports: Exports
  readonly #threshold: number
  #names = 0

  constructor(hosts: Hosts, number: number, counts: Counts) {
    this.#hosts = hosts
    this.#counts = counts
    const seed = `${hosts.seed}/${number}`
    this.#rng = new SeededRng(`${seed}/game`)
    this.#threshold = hosts.members + 1
    this.#adversary = new Adversary(hosts.memory, this.#rng.fork('adversary'), counts, [hosts.ours])
    const creators = [hosts.honest, hosts.ours]
    this.#network = new CoalitionNetwork(
      {
        ...{ seed, hosts: hosts.hosts, operators: [hosts.operator], creators },
        ...{ refreshMs: REFRESH_MS, isRepeating: hosts.isRepeating },
      },
      this.#adversary,
    )
    this.#adversary.network = this.#network
    for (const node of this.#network.nodes) if (node.isMember) this.#adversary.learnKeys(node)
    this.#exports = new Exports(this.#network)
    if (hosts.isRepeating) counts.add('honest generators repeat themselves')
  }

  get ceremonies(): number {
    return this.#adversary.ceremonies
  }

  play(ceremonies: number): void {
    const { check } = this.#hosts.memory
    // an operation that opens no ceremony does not keep the network for ever
    for (let turn = 0; turn < 2 * ceremonies && this.ceremonies < ceremonies; turn++) {
      if (!this.#isAlive() || this.#hosts.findings.list.length > 0) return
      this.#turn()
      check.inspect()
    }
  }

  /** Whether t honest holders and some member are left. */
  #isAlive(): boolean {
    const standing = this.#network.nodes.filter(({ peerId }) => !this.#network.isConvicted(peerId))
    return standing.some(({ isMember }) => isMember) && standing.length >= this.#threshold + 1
  }

  #turn(): void {
    this.#adversary.plot = this.#drawPlot()
    this.#adversary.meddle()
    const keys = this.#keys()
    const roll = randomUnit(this.#rng)
    if (keys.length === 0 || roll < 0.2) this.#create()
    else if (roll < 0.42) this.#import()
    else if (roll < 0.52) this.#export(keys[randomBelow(this.#rng, keys.length)]!)
    else if (roll < 0.56) this.#renew()
    else this.#change(keys[randomBelow(this.#rng, keys.length)]!)
    this.#adversary.plot = PEACE
    this.#settle()
  }

  #drawPlot(): Plot {
    const plot = {
      deal: this.#draw(DEALS),
      leader: this.#draw(LEADERS),
      complaint: this.#draw(COMPLAINTS),
    }
    return plot
  }

  #draw<T>(from: ReadonlyArray<readonly [T, number]>): T {
    let rest = randomBelow(
      this.#rng,
      from.reduce((sum, [, weight]) => sum + weight, 0),
    )
    for (const [value, weight] of from) {
      rest -= weight
      if (rest < 0) return value
    }
    return from[0]![0]
  }

  #keys(): KeyRecord[] {
    return [...this.#network.ledger.records.entries<KeyRecord>('key/')]
      .map(({ value }) => value)
      .filter(({ activeVersion }) => activeVersion > 0)
  }

  /** Runs until no ceremony is open. */
  #settle(): void {
    this.#network.run(() => this.#network.openCeremonies().length === 0, PATIENCE_MS)
  }

  #signer(owner: Uint8Array): SigningKey {
    return equalBytes(owner, this.#hosts.ours.publicKey) ? this.#hosts.ours : this.#hosts.honest
  }

  #create(): void {
    const isOurs = randomUnit(this.#rng) < 0.4
    const by = isOurs ? this.#hosts.ours : this.#hosts.honest
    const name = `key-${this.#names++}`
    const open = () => this.#submitCreate(name, by, 'generate')
    open()
    this.#settle()
    if (this.#network.version(name) !== undefined) return
    this.#adversary.plot = PEACE
    if (open()) this.#counts.add('retried')
    this.#settle()
  }

  #submitCreate(name: string, by: SigningKey, origin: CreateKey['origin']): boolean {
    const shares = Math.max(this.#threshold, this.#network.nodes.length - randomBelow(this.#rng, 2))
    const id = this.#network.submit(by, {
      ...{
        type: 'create-key',
        nonce: this.#rng.bytes(16),
        name,
        kind: 'toy',
        threshold: this.#threshold,
        shares,
      },
      ...{ rules: [], isExportable: true, entropy: 0, origin },
    })
    this.#network.run(() => this.#network.outcome(id) !== undefined, 10_000)
    return this.#network.outcome(id) === 'ok'
  }

  #import(): void {
    const isOurs = randomUnit(this.#rng) < 0.7
    const by = isOurs ? this.#hosts.ours : this.#hosts.honest
    const name = `import-${this.#names++}`
    if (!this.#submitCreate(name, by, 'import')) return
    const key = this.#network.key(name)!
    const ceremony = this.#network.openCeremonies().find(({ id }) => equalBytes(id, key.ceremony))!
    const { check } = this.#hosts.memory
    const plan = { ...ceremony, networkId: this.#network.networkId, group: suiteOf('toy').group }
    const secret = new Secret(toy.randomScalar(this.#rng))
    const made = makeDealing({ ...plan, recipients: ceremony.slots }, by, secret, this.#rng)
    if (isOurs) {
      // importing clients cannot be convicted, so these may lie at every import
      while (this.#adversary.plot.deal === 'soundly') this.#adversary.plot = this.#drawPlot()
      check.concede(ceremony)
      check.deal({ ...made.deal, dealer: by.publicKey }, true)
      this.#adversary.hold(by, made.deal, made.record)
    } else {
      const all = this.#network.nodes.map(({ peerId }) => peerId)
      this.#network.publish(made.recordHash, made.record, all[0]!, all)
      this.#network.submit(by, made.deal)
    }
    this.#settle()
  }

  #change(key: KeyRecord): void {
    const change = this.#draw<ChangeKey['change']>([
      ['refresh', 5],
      ['reshare', 3],
      ['rotate', 1],
    ])
    if (!this.#submitChange(key.name, change)) return
    const before = this.#generationOf(key.name)
    this.#settle()
    if (this.#generationOf(key.name) !== before) return
    // what a leader or a dealer has stopped is tried again at once
    this.#adversary.plot = PEACE
    if (this.#submitChange(key.name, change)) this.#counts.add('retried')
    this.#settle()
  }

  #generationOf(name: string): string {
    const version = this.#network.version(name)
    return `${version?.version}/${version?.generation}`
  }

  #submitChange(name: string, change: ChangeKey['change']): boolean {
    const key = this.#network.key(name)!
    const { version, generation } = this.#network.version(name)!
    const threshold = this.#threshold + randomBelow(this.#rng, 2)
    const shares = Math.max(threshold, this.#network.nodes.length - randomBelow(this.#rng, 2))
    const numbers = change === 'reshare' ? { threshold, shares } : {}
    const id = this.#network.submit(this.#signer(key.owner), {
      ...{ type: 'change-key', nonce: this.#rng.bytes(16), name, change, version, generation },
      ...numbers,
    })
    this.#network.run(() => this.#network.outcome(id) !== undefined, 10_000)
    return this.#network.outcome(id) === 'ok'
  }

  #export(key: KeyRecord): void {
    const { check, victims } = this.#hosts.memory
    const by = this.#signer(key.owner)
    const isOurs = by === this.#hosts.ours
    const oneTime = generateSealingKey(this.#rng)
    const victim = isOurs && randomUnit(this.#rng) < 0.5 ? victims.at(-1) : undefined
    const recipient = victim?.deal.encapsulation.enc ?? oneTime.publicKey.bytes
    const id = this.#exports.open(key.name, recipient, by, this.#hosts.operator, this.#rng.bytes(16))
    const version = this.#network.version(key.name)!
    if (id === undefined) return
    if (victim !== undefined) this.#counts.add('export to an encapsulation as one-time key')
    else if (isOurs) {
      this.#counts.add('export to the coalition')
      check.concede(version)
      check.knowledge.scalar('ristretto255', recipient, new Uint8Array(oneTime.secretKey.expose()))
    } else this.#counts.add('honest export through its gateway')
    for (const { value, signer } of this.#exports.collect(id, version)) {
      const { networkId } = this.#network
      const { keyId } = version
      check.exported({ ...value, networkId, keyId, holder: signer, recipient }, version.commitments)
    }
    // the refresh that follows begins when the window of the export is over
    const closesMs = this.#network.nowMs + 10_000
    this.#network.run(() => this.#network.nowMs >= closesMs, 15_000)
  }

  /** Sealing keys are renewed and all keys refreshed; members keep their old sealing keys. */
  #renew(): void {
    const untilMs = this.#network.nowMs + REFRESH_MS * 1.1
    this.#network.run(() => this.#network.nowMs >= untilMs, REFRESH_MS * 1.2)
  }
}

import { isOstrakaError, peerIdOf, Secret, SeededRng } from '../base/index.ts'
import { generateSealingKey, type SealingKeyPair, SigningKey } from '../crypto/index.ts'
import { Vault } from '../keys/index.ts'
import {
  claimDatabase,
  type DatabaseMark,
  type Logger,
  type NodePort,
  type RunningNode,
  startNode,
} from '../node/index.ts'
import type { Attestor } from '../trust/index.ts'
import type { Genesis } from '../wire/index.ts'
import { RELEASE } from './checks/attestation.ts'
import type { GossipMesh, SimGossip } from './gossip.ts'
import type { SimNetwork } from './network.ts'
import type { RecordMesh, SimRecordStore } from './records.ts'
import { SimDisk, type SimStore } from './store.ts'
import { VirtualClock } from './time.ts'
import type { SimTransport } from './transport.ts'

/** The world that all hosts share. */
export interface HostContext {
  readonly seed: string
  readonly network: SimNetwork
  readonly gossip: GossipMesh
  readonly records: RecordMesh
  readonly beaconIntervalMs: number
  /** Whatever a node logs; the simulation looks for bugs there. */
  log(host: SimHost, level: string, text: string, details: object): void
  /** A node runs, after a start or a restart. */
  started(host: SimHost, port: NodePort): void
  /** A node could not start. */
  failed(host: SimHost, error: unknown): void
}

/** Nobody waits for what a flooder asks. */
const FLOOD_DEADLINE_MS = 1000

/** Between a node that could not start and the next attempt. */
const SUPERVISOR_MS = 1000

interface Process {
  /** Resolves when the process is no more. */
  readonly end: PromiseWithResolvers<void>
  readonly transport: SimTransport
  readonly gossip: SimGossip
  readonly records: SimRecordStore
  readonly store: SimStore
  readonly clock: VirtualClock
}

/** One machine: an identity, a disk and a clock that outlive the processes which run on it, one at a time. */
export class SimHost {
  readonly name: string
  readonly identity: SigningKey
  readonly sealingKeys: SealingKeyPair
  readonly peerId: string
  readonly disk: SimDisk
  clockOffsetMs = 0
  hasLostDisk = false
  /** What its keystore, which outlives its disk, says of the database. */
  #mark: DatabaseMark | undefined
  /** What this host attests, where the network asks for it. */
  program: Uint8Array = RELEASE
  readonly #context: HostContext
  readonly #storageKey: Uint8Array
  #process: Process | undefined
  #port: NodePort | undefined
  #starts = 0

  constructor(name: string, context: HostContext) {
    this.name = name
    this.#context = context
    const rng = new SeededRng(`${context.seed}/${name}/keys`)
    this.identity = new SigningKey(new Secret(rng.bytes(32)))
    this.sealingKeys = generateSealingKey(rng)
    this.#storageKey = rng.bytes(32)
    this.peerId = peerIdOf(this.identity.publicKey)
    this.disk = new SimDisk(context.network.context)
  }

  /** The running node; undefined while it is down or starting. */
  get port(): NodePort | undefined {
    return this.#port
  }

  get isUp(): boolean {
    return this.#process !== undefined
  }

  /** Resolves when the process that runs now is no more. */
  get death(): Promise<void> {
    return this.#process?.end.promise ?? Promise.resolve()
  }

  async start(genesis: Genesis): Promise<void> {
    const { network, gossip, records, seed, beaconIntervalMs } = this.#context
    const { peerId } = this
    let node: RunningNode | undefined
    const process: Process = {
      end: Promise.withResolvers(),
      transport: network.open(peerId),
      gossip: gossip.open(peerId),
      records: records.open(peerId, () => node?.recordJudge),
      store: this.disk.open(),
      clock: new VirtualClock(network.context.time, () => this.clockOffsetMs),
    }
    this.#process = process
    const rng = new SeededRng(`${seed}/${this.name}/process/${this.#starts++}`)
    try {
      const claim = { rng, isAlone: genesis.members.length === 1, acceptsVoteRisk: false }
      this.#mark = (await claimDatabase(process.store, this.#mark, claim)).mark
      node = await startNode({
        genesis,
        identity: this.identity,
        sealingKeys: this.sealingKeys,
        storageKey: new Secret(new Uint8Array(this.#storageKey)),
        software: 'ostraka-sim',
        beaconIntervalMs,
        ports: { ...process, rng, ...(genesis.attestation && { attestor: this.#attestor() }) },
        logger: this.#logger(),
        measureLoad: () => ({ cpu: 0, memoryBytes: 0, linkMbps: 0, trafficMbps: 0 }),
      })
    } catch (error) {
      if (this.#process !== process) return
      if (isOstrakaError(error, 'storage_full')) this.#tryAgainLater(genesis)
      else this.#context.failed(this, error)
      return
    }
    if (this.#process !== process) return
    this.#port = node.port
    this.#context.started(this, node.port)
  }

  /** As the real one, it does not start on a full disk; whatever watches over it starts it again. */
  #tryAgainLater(genesis: Genesis): void {
    this.crash()
    this.#context.network.context.time.schedule(SUPERVISOR_MS, () => {
      if (!this.isUp) void this.start(genesis)
    })
  }

  /** The power fails: nothing that was not synced survives, and nothing that ran is heard of again. */
  crash(): void {
    const process = this.#process
    if (process === undefined) return
    this.#process = undefined
    this.#port = undefined
    for (const part of [process.clock, process.store, process.transport, process.gossip, process.records])
      part.kill()
    this.disk.crash()
    process.end.resolve()
  }

  /** The disk of a host that is down does not come back; its keystore does. */
  loseDisk(): void {
    this.hasLostDisk = true
    this.disk.wipe('')
  }

  /** Sends a frame beside what its node sends: a flooder's hand on the wire. */
  ask(to: string, frame: Uint8Array): void {
    this.#process?.transport.request(to, frame, FLOOD_DEADLINE_MS).catch(() => {})
  }

  /** The opened shares under a prefix of the vault, as they would survive a crash now. */
  shares(prefix: string): ReadonlyMap<string, Uint8Array> {
    const vault = new Vault(new Secret(new Uint8Array(this.#storageKey)))
    return new Map(
      this.disk.keys(prefix).map(path => [path, vault.unlock(path, this.disk.read(path)!).expose()] as const),
    )
  }

  #attestor(): Attestor {
    const { program } = this
    return {
      method: 'measured',
      measure: () => Promise.resolve(program),
      attest: () => Promise.resolve({ type: 'measured', program }),
    }
  }

  #logger(): Logger {
    const at = (level: string) => (details: object, text: string) =>
      this.#context.log(this, level, text, details)
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
}

import {
  type OstrakaError,
  peerIdOf,
  Secret,
  SeededRng,
  type TransportHandlers,
  type Write,
} from '../../src/base/index.ts'
import { proveFounders } from '../../src/control/index.ts'
import { cryptoReady, generateSealingKey, SigningKey } from '../../src/crypto/index.ts'
import { type RunningNode, type StartOptions, startNode } from '../../src/node/index.ts'
import { type GenesisDocument, peerMessageCodec } from '../../src/wire/index.ts'

await cryptoReady

export const START_MS = 1_000_000

/** What the test holds in its hands: time, the disk's answers, and a count of what has left. */
export class World {
  nowMs: number = START_MS
  tasks: { atMs: number; task: () => void }[] = []
  votes: number = 0
  walWrites: number = 0
  /** Whether votes wait for the disk until the test lets them through. */
  isHeld: boolean = true
  letThrough: (() => void)[] = []
  refuse: ((error: OstrakaError) => void)[] = []
  /** What every write ends in while it is there. */
  fault: OstrakaError | undefined
  beacons: number = 0
  cutOffs: { peerId: string; forMs: number }[] = []
  handlers: TransportHandlers | undefined
  /** The second member's peer id. */
  other: string = ''

  write(batch: readonly Write[]): Promise<void> {
    if (this.fault !== undefined) return Promise.reject(this.fault)
    return new Promise((resolve, reject) => {
      if (!this.isHeld || !batch.some(({ key }) => key.startsWith('log/wal/'))) resolve()
      else {
        this.walWrites++
        this.letThrough.push(resolve)
        this.refuse.push(reject)
      }
    })
  }

  publish(topic: string): void {
    if (topic === 'beacons') this.beacons++
  }

  release(): void {
    this.isHeld = false
    for (const letThrough of this.letThrough.splice(0)) letThrough()
  }

  send(frame: Uint8Array): void {
    const { type } = peerMessageCodec.decode(frame)
    if (type === 'vote' || type === 'proposal') this.votes++
  }

  schedule(delayMs: number, task: () => void): () => void {
    const entry = { atMs: this.nowMs + delayMs, task }
    this.tasks.push(entry)
    return () => {
      this.tasks = this.tasks.filter(other => other !== entry)
    }
  }

  async run(untilMs: number): Promise<void> {
    while (this.nowMs < untilMs) {
      this.nowMs += 10
      const due = this.tasks.filter(({ atMs }) => atMs <= this.nowMs)
      this.tasks = this.tasks.filter(({ atMs }) => atMs > this.nowMs)
      for (const { task } of due) task()
      await turn()
    }
  }
}

export const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function portsOf(world: World, rng: SeededRng): StartOptions['ports'] {
  return {
    rng,
    clock: { nowMs: () => world.nowMs, schedule: (delayMs, task) => world.schedule(delayMs, task) },
    store: {
      get: async () => undefined,
      scan: async () => [],
      write: batch => world.write(batch),
      close: async () => {},
    },
    transport: {
      start: async handlers => {
        world.handlers = handlers
      },
      send: (_to, frame) => world.send(frame),
      request: () => Promise.reject(new Error('nobody answers')),
      cutOff: (peerId, forMs) => {
        world.cutOffs.push({ peerId, forMs })
      },
      stop: async () => {},
    },
    gossip: { subscribe() {}, publish: topic => world.publish(topic) },
    records: { put: async () => {}, get: async () => undefined },
  }
}

/** One of so many members; the others answer nothing. */
export async function member(
  world: World,
  count: number,
  creators: readonly Uint8Array[] = [],
): Promise<RunningNode> {
  const rng = new SeededRng('driver')
  const parts = Array.from({ length: count }, () => ({
    identity: new SigningKey(new Secret(rng.bytes(32))),
    sealingKeys: generateSealingKey(rng),
  }))
  const document: GenesisDocument = {
    name: 'sim driver',
    createdMs: START_MS,
    operators: [],
    approvals: 1,
    members: parts.map(({ identity, sealingKeys }) => ({
      peerId: peerIdOf(identity.publicKey),
      sealingKey: sealingKeys.publicKey.bytes,
      location: { region: 'eu', latitude: 0, longitude: 0 },
    })),
    creators,
    timing: {
      epochMs: 1000,
      proposeMs: 100,
      voteMs: 100,
      roundDeltaMs: 100,
      dealMs: 1000,
      acknowledgeMs: 1000,
    },
  }
  const genesis = proveFounders(
    document,
    parts.map(({ sealingKeys }) => sealingKeys),
    rng.fork('founders'),
  )
  world.other = genesis.members[1]?.peerId ?? ''
  return startNode({
    genesis,
    ...parts[0]!,
    storageKey: new Secret(rng.bytes(32)),
    software: 'test',
    beaconIntervalMs: 250,
    measureLoad: () => ({ cpu: 0, memoryBytes: 0, linkMbps: 0, trafficMbps: 0 }),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ports: portsOf(world, rng),
  })
}

import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Clock,
  type Gossip,
  type GossipVerdict,
  OstrakaError,
  type PeerId,
  peerIdOf,
  type RecordStore,
  Secret,
  type Store,
  type Transport,
  type TransportHandlers,
  type Write,
} from '../src/base/index.ts'
import { proveFounders } from '../src/control/index.ts'
import { cryptoReady, generateSealingKey, SigningKey, signValue } from '../src/crypto/index.ts'
import { silentLogger } from '../src/io/index.ts'
import { type RunningNode, startNode } from '../src/node/index.ts'
import type { GenesisDocument, SignedTransaction, Timing, Transaction } from '../src/wire/index.ts'
import { systemRng } from './shared-key.ts'

/**
 * Waits far above what a computation takes, so that no round is lost to the nodes' sharing of one thread; an epoch so
 * long that a node which is kept waiting for the thread does not pass for silent.
 */
const TIMING: Timing = {
  epochMs: 9_000,
  proposeMs: 5_000,
  voteMs: 5_000,
  roundDeltaMs: 1_000,
  dealMs: 60_000,
  acknowledgeMs: 60_000,
}
const SETTLE_DEADLINE_MS = 60_000
const POLL_MS = 20

/** Whole nodes in this process, on its clock, over wires that cost nothing: no sockets, no encryption, no disk. */
export interface InProcessNetwork {
  readonly nodes: readonly RunningNode[]
  /** Signs as the one principal, which is the operator too. */
  sign(transaction: Transaction): SignedTransaction
  /** Resolves when every node hears of a quorum and all have applied the same blocks. */
  settled(): Promise<void>
}

/** Runs `count` nodes until `use` has ended. */
export async function withNetwork(
  count: number,
  use: (network: InProcessNetwork) => Promise<void>,
): Promise<void> {
  await cryptoReady
  const newKey = (): SigningKey => new SigningKey(new Secret(systemRng.bytes(32)))
  const principal = newKey()
  const parts = Array.from({ length: count }, () => ({
    identity: newKey(),
    sealingKeys: generateSealingKey(systemRng),
    storageKey: new Secret(systemRng.bytes(32)),
  }))
  const document: GenesisDocument = {
    name: 'bench',
    createdMs: Date.now(),
    operators: [principal.publicKey],
    approvals: 1,
    members: parts.map(({ identity, sealingKeys }) => ({
      peerId: peerIdOf(identity.publicKey),
      sealingKey: sealingKeys.publicKey.bytes,
      location: { region: 'local', latitude: 0, longitude: 0 },
    })),
    creators: [principal.publicKey],
    timing: TIMING,
  }
  const genesis = proveFounders(
    document,
    parts.map(({ sealingKeys }) => sealingKeys),
    systemRng,
  )
  const wires = new Wires()
  const nodes: RunningNode[] = []
  try {
    for (const part of parts) {
      const peerId = peerIdOf(part.identity.publicKey)
      const options = { ...part, genesis, software: 'bench', beaconIntervalMs: TIMING.epochMs }
      const measureLoad = () => ({ cpu: 0, memoryBytes: 0, linkMbps: 0, trafficMbps: 0 })
      nodes.push(
        await startNode({ ...options, ports: wires.portsOf(peerId), logger: silentLogger(), measureLoad }),
      )
    }
    await settled(nodes)
    const { networkId } = nodes[0]!.port
    await use({
      nodes,
      sign: transaction => signValue(principal, 'transaction', networkId, transaction),
      settled: () => settled(nodes),
    })
  } finally {
    for (const node of nodes) await node.stop()
    wires.cut()
  }
}

async function settled(nodes: readonly RunningNode[]): Promise<void> {
  const deadline = Date.now() + SETTLE_DEADLINE_MS
  while (true) {
    const reasons = nodes.flatMap(({ port }) => [...port.complaints(), ...port.shortcomings()])
    const heights = new Set(nodes.map(({ port }) => port.status().height))
    if (reasons.length === 0 && heights.size === 1) return
    if (Date.now() > deadline) {
      throw new OstrakaError('not_ready', `at heights ${[...heights].join()}: ${reasons.join('; ')}`)
    }
    await sleep(POLL_MS)
  }
}

type Judge = (from: PeerId, message: Uint8Array) => GossipVerdict

/** Hands frames from node to node, each in an event-loop turn of its own. */
class Wires {
  readonly #ends = new Map<PeerId, TransportHandlers>()
  readonly #judges = new Map<PeerId, Map<string, Judge>>()
  readonly #records = new Map<string, Uint8Array>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #isCut = false

  portsOf(peerId: PeerId) {
    return {
      transport: this.#transport(peerId),
      gossip: this.#gossip(peerId),
      records: this.#recordStore(),
      store: memoryStore(),
      clock: this.#clock(),
      rng: systemRng,
    }
  }

  /** Nothing is delivered and no timer fires from now on. */
  cut(): void {
    this.#isCut = true
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #later(task: () => void): void {
    setImmediate(() => {
      if (!this.#isCut) task()
    })
  }

  #transport(peerId: PeerId): Transport {
    return {
      start: async handlers => {
        for (const [other, end] of this.#ends) {
          this.#later(() => {
            end.peer(peerId, true)
            handlers.peer(other, true)
          })
        }
        this.#ends.set(peerId, handlers)
      },
      send: (to, frame) => this.#later(() => this.#ends.get(to)?.message(peerId, frame)),
      request: (to, frame) =>
        new Promise((resolve, reject) => {
          this.#later(() => this.#ends.get(to)!.request(peerId, frame).then(resolve, reject))
        }),
      cutOff: () => {},
      stop: async () => {},
    }
  }

  #gossip(peerId: PeerId): Gossip {
    const own = new Map<string, Judge>()
    this.#judges.set(peerId, own)
    return {
      subscribe: (topic, judge) => own.set(topic, judge),
      publish: (topic, message) => {
        for (const [other, judges] of this.#judges) {
          if (other !== peerId) this.#later(() => judges.get(topic)?.(peerId, message))
        }
      },
    }
  }

  #recordStore(): RecordStore {
    return {
      put: async (key, record) => {
        this.#records.set(key, record)
      },
      get: async key => this.#records.get(key),
    }
  }

  #clock(): Clock {
    return {
      nowMs: () => Date.now(),
      schedule: (delayMs, task) => {
        const timer = setTimeout(() => {
          this.#timers.delete(timer)
          task()
        }, delayMs)
        this.#timers.add(timer)
        return () => {
          this.#timers.delete(timer)
          clearTimeout(timer)
        }
      },
    }
  }
}

function memoryStore(): Store {
  const entries = new Map<string, Uint8Array>()
  return {
    get: async key => entries.get(key),
    scan: async (prefix, { from = '', limit = Number.POSITIVE_INFINITY } = {}) =>
      [...entries]
        .filter(([key]) => key.startsWith(prefix) && key >= from)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ key, value })),
    write: async (batch: readonly Write[]) => {
      for (const { key, value } of batch) {
        if (value === null) entries.delete(key)
        else entries.set(key, value)
      }
    },
    close: async () => {},
  }
}

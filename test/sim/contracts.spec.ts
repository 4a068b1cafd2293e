import { SeededRng } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { FaultCounts } from '../../src/sim/fault-counts.ts'
import { GossipMesh } from '../../src/sim/gossip.ts'
import { CALM, SimNetwork } from '../../src/sim/network.ts'
import { RecordMesh } from '../../src/sim/records.ts'
import { SimDisk } from '../../src/sim/store.ts'
import { VirtualClock, VirtualTime } from '../../src/sim/time.ts'
import { Trace } from '../../src/sim/trace.ts'
import { clockContract } from '../io/contracts/clock.ts'
import { gossipContract } from '../io/contracts/gossip.ts'
import { recordStoreContract } from '../io/contracts/records.ts'
import { storeContract } from '../io/contracts/store.ts'
import { transportContract } from '../io/contracts/transport.ts'
import { textJudge, type World } from '../io/contracts/world.ts'

const GENEROUS_MS = 15_000
const STEP_MS = 1

class SimWorld implements World {
  readonly time = new VirtualTime(1_700_000_000_000)
  readonly context = {
    time: this.time,
    rng: new SeededRng('contracts'),
    faults: new FaultCounts(),
    trace: new Trace(),
  }
  readonly network: SimNetwork = new SimNetwork(this.context)
  readonly ids: string[]

  constructor(count = 0) {
    this.ids = Array.from({ length: count }, (_, index) => `peer-${index}`)
    this.network.conditions = { ...CALM, maxDelayMs: 20 }
  }

  async until(condition: () => boolean): Promise<void> {
    const limitMs = this.time.nowMs + GENEROUS_MS
    while (!condition()) {
      if (this.time.nowMs > limitMs) throw new Error(`never became true: ${condition}`)
      await this.time.run(this.time.nowMs + STEP_MS)
    }
  }

  async settle<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const mark = (): void => {
      isSettled = true
    }
    promise.then(mark, mark)
    await this.until(() => isSettled)
    return promise
  }

  async close(): Promise<void> {}
}

clockContract('virtual', async () => {
  const world = new SimWorld()
  return Object.assign(world, { clock: new VirtualClock(world.time) })
})

storeContract('simulated disk', async () => {
  const world = new SimWorld()
  const disk = new SimDisk(world.context)
  let store = disk.open()
  return Object.assign(world, {
    store: () => store,
    async reopen() {
      await world.settle(store.close())
      store = disk.open()
    },
  })
})

transportContract('simulated network', async count => {
  const world = new SimWorld(count)
  const peers = world.ids.map(peerId => ({ peerId, transport: world.network.open(peerId) }))
  return Object.assign(world, { peers, kill: async (index: number) => peers[index]!.transport.kill() })
})

const idle = { message() {}, request: async (_from: string, frame: Uint8Array) => frame, peer() {} }

gossipContract('simulated mesh', async count => {
  const world = new SimWorld(count)
  const { network, ids } = world
  network.isLinked = (a, b) => Math.abs(ids.indexOf(a) - ids.indexOf(b)) === 1
  const mesh = new GossipMesh(network)
  for (const peerId of ids) await network.open(peerId).start(idle)
  const subscribed = (): Promise<void> => world.until(() => network.connectedTo(ids[1]!).length === 2)
  return Object.assign(world, {
    peers: ids.map(peerId => ({ peerId, gossip: mesh.open(peerId) })),
    subscribed,
  })
})

recordStoreContract('simulated DHT', async count => {
  const world = new SimWorld(count)
  const { network, ids } = world
  const mesh = new RecordMesh(network, record => sha256(record))
  const transports = ids.map(peerId => network.open(peerId))
  for (const transport of transports) await transport.start(idle)
  const peers = ids.map(peerId => ({
    records: mesh.open(peerId, () => textJudge),
  }))
  await world.until(() => ids.every(id => network.connectedTo(id).length === count - 1))
  return Object.assign(world, {
    peers,
    async kill(index: number) {
      peers[index]!.records.kill()
      transports[index]!.kill()
    },
  })
})

import { deepEqual, equal, notDeepEqual, ok, rejects } from 'node:assert/strict'
import { isOstrakaError, SeededRng } from '../../src/base/index.ts'
import { FaultCounts, type FaultKind } from '../../src/sim/fault-counts.ts'
import { CALM, type Conditions, SimNetwork } from '../../src/sim/network.ts'
import { SimDisk } from '../../src/sim/store.ts'
import { VirtualClock, VirtualTime } from '../../src/sim/time.ts'
import { Trace } from '../../src/sim/trace.ts'

const START_MS = 1_700_000_000_000

function context(seed = 'faults') {
  return {
    time: new VirtualTime(START_MS),
    rng: new SeededRng(seed),
    faults: new FaultCounts(),
    trace: new Trace(),
  }
}

interface Heard {
  readonly heard: number[]
  readonly ups: boolean[]
  readonly world: ReturnType<typeof context>
  readonly network: SimNetwork
}

/** Sends a hundred numbered frames from a to b. */
async function hundred(
  conditions: Partial<Conditions>,
  prepare = (_: SimNetwork): void => {},
): Promise<Heard> {
  const world = context()
  const network = new SimNetwork(world)
  const heard: number[] = []
  const ups: boolean[] = []
  const a = network.open('a')
  await a.start({ message() {}, request: async () => new Uint8Array(0), peer: (_, isUp) => ups.push(isUp) })
  await network.open('b').start({
    message: (_, frame) => heard.push(frame[0]!),
    request: async (_, frame) => frame,
    peer() {},
  })
  await world.time.run(START_MS + 1000)
  network.conditions = { ...CALM, ...conditions }
  prepare(network)
  for (let index = 0; index < 100; index++) {
    a.send('b', new Uint8Array([index]))
    await world.time.run(world.time.nowMs + 1)
  }
  await world.time.run(world.time.nowMs + 30_000)
  return { heard, ups, world, network }
}

const ascending = Array.from({ length: 100 }, (_, index) => index)

describe('the simulated wires', () => {
  it('bring everything once and in order when they are calm', async () => {
    deepEqual((await hundred({})).heard, ascending)
  })

  for (const [kind, conditions] of [
    ['loss', { lossRate: 0.2 }],
    ['duplicate', { duplicateRate: 0.2 }],
    ['reorder', { reorderRate: 0.5, maxDelayMs: 50 }],
  ] as const satisfies readonly (readonly [FaultKind, Partial<Conditions>])[]) {
    it(`suffer ${kind} when told to, and count it`, async () => {
      const { heard, world } = await hundred(conditions)
      ok(world.faults.counts[kind] > 5)
      notDeepEqual(heard, ascending)
      if (kind === 'loss') equal(heard.length + world.faults.counts.loss, 100)
      if (kind === 'duplicate') deepEqual([...new Set(heard)], ascending)
      if (kind === 'reorder')
        deepEqual(
          [...heard].sort((x, y) => x - y),
          ascending,
        )
    })
  }

  it('are slow when told to, yet keep the order of a stream', async () => {
    const { heard, world } = await hundred({ slowRate: 0.3, slowMs: 500 })
    ok(world.faults.counts.delay > 10)
    deepEqual(heard, ascending)
  })

  it('are cut one way at a time, break the connection in the end, and mend', async () => {
    const cut = await hundred({}, network => network.block('a', 'b'))
    deepEqual(cut.heard, [])
    deepEqual(cut.ups, [true, false])
    equal(cut.world.faults.counts.partition, 100)
    cut.network.unblock('a', 'b')
    await cut.world.time.run(cut.world.time.nowMs + 1000)
    deepEqual(cut.ups, [true, false, true])
    const other = await hundred({}, network => network.block('b', 'a'))
    equal(other.heard.length, 100)
  })

  it('lose what is under way to a process that dies, though another takes its place', async () => {
    const later: number[] = []
    const { heard } = await hundred({ minDelayMs: 10, maxDelayMs: 10 }, network => {
      network.context.time.schedule(50, () => {
        network.endpoint('b')!.kill()
        void network.open('b').start({
          message: (_, frame) => later.push(frame[0]!),
          request: async () => new Uint8Array(0),
          peer() {},
        })
      })
    })
    ok(heard.length < 60)
    ok(later.length > 0 && later[0]! > heard.at(-1)! + 1)
  })

  it('leave the same trace for the same seed, and another for another', async () => {
    const faulty = { lossRate: 0.1, duplicateRate: 0.1, reorderRate: 0.3, slowRate: 0.1, slowMs: 100 }
    const digest = async (rate: number): Promise<string> =>
      (await hundred({ ...faulty, lossRate: rate })).world.trace.digest()
    equal(await digest(0.1), await digest(0.1))
    ok((await digest(0.1)) !== (await digest(0.11)))
  })
})

describe('the simulated disk', () => {
  const put = (key: string) => [{ key, value: new Uint8Array([1]) }]

  it('keeps through a crash what a sync made durable, with everything before it', async () => {
    const world = context()
    const disk = new SimDisk(world)
    const store = disk.open()
    await store.write(put('first'), { sync: false })
    const synced = store.write(put('second'), { sync: true })
    await world.time.run(START_MS + 100)
    await synced
    disk.crash()
    const after = disk.open()
    ok(await after.get('first'))
    ok(await after.get('second'))
  })

  it('loses unsynced writes in a crash: always a tail of them, never the middle', async () => {
    const world = context()
    let lost = 0
    for (let round = 0; round < 50; round++) {
      const disk = new SimDisk(world)
      const store = disk.open()
      for (const key of ['1', '2', '3']) await store.write(put(key), { sync: false })
      store.kill()
      disk.crash()
      const left = (await disk.open().scan('')).map(entry => entry.key)
      deepEqual(left, ['1', '2', '3'].slice(0, left.length))
      lost += 3 - left.length
    }
    ok(lost > 30)
    ok(world.faults.counts['unsynced-loss'] > 20)
  })

  it('never acknowledges a sync that a crash cut off', async () => {
    const world = context()
    const disk = new SimDisk(world)
    const store = disk.open()
    let isAcknowledged = false
    void store.write(put('vote'), { sync: true }).then(() => {
      isAcknowledged = true
    })
    store.kill()
    disk.crash()
    await world.time.run(START_MS + 1000)
    equal(isAcknowledged, false)
  })

  it('answers `storage_full` and `storage_corrupt` when it is', async () => {
    const disk = new SimDisk(context())
    const store = disk.open()
    await store.write(put('a'), { sync: false })
    disk.corrupt('a')
    await rejects(store.get('a'), error => isOstrakaError(error, 'storage_corrupt'))
    await rejects(store.scan(''), error => isOstrakaError(error, 'storage_corrupt'))
    disk.fill(true)
    await rejects(store.write(put('b'), { sync: true }), error => isOstrakaError(error, 'storage_full'))
    equal(await store.get('b'), undefined)
    disk.wipe('a')
    disk.fill(false)
    await store.write(put('a'), { sync: false })
    ok(await store.get('a'))
  })
})

describe('virtual time', () => {
  it('lets every promise finish before the next task', async () => {
    const time = new VirtualTime(START_MS)
    const order: string[] = []
    time.schedule(1, () => {
      void (async () => {
        for (let turn = 0; turn < 100; turn++) await null
        order.push('promise')
      })()
    })
    time.schedule(1, () => order.push('task'))
    await time.run(START_MS + 5)
    deepEqual(order, ['promise', 'task'])
    equal(time.nowMs, START_MS + 5)
  })

  it('shows each host its own clock, which faults may set, and silences the timers of the dead', async () => {
    const time = new VirtualTime(START_MS)
    let offsetMs = 0
    const clock = new VirtualClock(time, () => offsetMs)
    let fired = 0
    clock.schedule(10, () => fired++)
    clock.schedule(20, () => fired++)
    offsetMs = 60_000
    equal(clock.nowMs(), START_MS + 60_000)
    await time.run(START_MS + 15)
    clock.kill()
    clock.schedule(1, () => fired++)
    await time.run(START_MS + 100)
    equal(fired, 1)
  })
})

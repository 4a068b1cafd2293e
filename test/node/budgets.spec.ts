import { deepEqual, equal, ok } from 'node:assert/strict'
import { isOstrakaError } from '../../src/base/index.ts'
import { Budgets } from '../../src/node/budgets.ts'
import { SLICE_UNITS, WorkQueue } from '../../src/node/work.ts'
import { COSTS, frameUnits, peerMessageCodec, peerRequestCodec, REQUEST_RULES } from '../../src/wire/index.ts'
import { member, World } from './world.ts'

/** A share's burst and what comes in a second, with room for rounding: docs/PROTOCOL.md, budgets. */
const MOST_UNITS = { operations: 330_000, nonces: 620_000 }

function refusals(
  budgets: Budgets,
  from: string,
  type: 'ping' | 'nonces',
  units: number,
  nowMs: number,
): number {
  let refused = 0
  for (let asked = 0; asked < 100; asked++) {
    try {
      budgets.request(from, type, units, nowMs)
    } catch (error) {
      ok(isOstrakaError(error, 'overloaded'))
      refused++
    }
  }
  return refused
}

describe('budgets', () => {
  it('serve no peer more than its share, however much it asks', () => {
    const budgets = new Budgets()
    const cost = 1024 * COSTS.nonce
    let served = 0
    for (let ms = 0; ms < 1000; ms += 10) {
      served += (100 - refusals(budgets, 'flooder', 'nonces', cost, ms)) * cost
    }
    ok(served > 0)
    ok(served <= MOST_UNITS.nonces, `${served} units`)
  })

  it('keep the shares apart: whoever spends all on requests still votes', () => {
    const budgets = new Budgets()
    equal(refusals(budgets, 'flooder', 'nonces', 1024 * COSTS.nonce, 0), 98)
    ok(budgets.message('flooder', { type: 'status', height: 1 }, 20, 0))
    equal(refusals(budgets, 'flooder', 'ping', 0, 0), 0)
    equal(refusals(budgets, 'another', 'nonces', 8 * COSTS.nonce, 0), 0, 'and no other peer pays')
  })

  it('cut off a peer whose excess goes on, for longer each time, and no peer for a burst', () => {
    const budgets = new Budgets()
    let calls = 0
    const flood = (fromMs: number): number => {
      for (let ms = fromMs; ; ms++) {
        refusals(budgets, 'flooder', 'nonces', 1024 * COSTS.nonce, ms)
        calls++
        const [cutOff] = budgets.takeCutOffs()
        if (cutOff === undefined) continue
        equal(cutOff.peerId, 'flooder')
        ok(
          budgets.isCutOff('flooder', ms + cutOff.forMs - 1) &&
            !budgets.isCutOff('flooder', ms + cutOff.forMs),
        )
        return ms + cutOff.forMs
      }
    }
    for (let asked = 0; asked < 12; asked++) {
      try {
        budgets.request('hasty', 'nonces', 1024 * COSTS.nonce, 0)
      } catch {
        // over its budget, by a little
      }
    }
    deepEqual(budgets.takeCutOffs(), [])
    const first = flood(0)
    ok(calls < 10, 'at once')
    const second = flood(first)
    ok(second - first > first, 'for longer')
    ok(!budgets.isCutOff('hasty', 0))
  })

  it('name the peer that was over its budgets, and not who was refused a little', () => {
    const budgets = new Budgets()
    refusals(budgets, 'flooder', 'nonces', 1024 * COSTS.nonce, 0)
    ok(budgets.takeExcess('flooder', 64, 0))
    ok(budgets.takeExcess('flooder', 64, 1_000), 'for as long as it is cut off')
    ok(!budgets.takeExcess('flooder', 64, 10_000), 'and no longer')
    ok(!budgets.takeExcess('another', 64, 0))
  })

  it('name the peer that the transport has sent away, once', () => {
    const budgets = new Budgets()
    budgets.sentAway('garbler', 0)
    ok(budgets.takeExcess('garbler', 64, 0))
    ok(!budgets.takeExcess('garbler', 64, 1_000))
  })

  it('give a peer back what a request cost that a client had signed', () => {
    const budgets = new Budgets()
    for (let asked = 0; asked < 100_000; asked++) {
      budgets.request('gateway', 'partial', 0, 0)
      budgets.refund('gateway', 'partial', 0, 0)
    }
    ok(!budgets.takeExcess('gateway', 0, 0))
  })

  it('every request kind has a cost and a bound', () => {
    for (const [type, { units, inFlight }] of Object.entries(REQUEST_RULES)) {
      ok(units > 0 && inFlight > 0 && inFlight <= 1024, type)
    }
  })

  it('what a node is flooded with is refused, its sender is cut off, and its clients and votes are not', async () => {
    const world = new World()
    const node = await member(world, 4)
    const ping = peerRequestCodec.encode({ type: 'ping' })
    let [answered, refused] = [0, 0]
    const ask = (): Promise<unknown> =>
      world.handlers!.request(world.other, ping).then(
        () => answered++,
        error => {
          ok(isOstrakaError(error, 'overloaded'))
          refused++
        },
      )
    while (world.cutOffs.length === 0 && answered + refused < 100_000) {
      await Promise.all(Array.from({ length: 8 }, ask))
    }
    equal(world.cutOffs[0]?.peerId, world.other)
    ok(
      refused > 0 && answered * (COSTS.frame + frameUnits(10)) <= MOST_UNITS.operations,
      `${answered} answered`,
    )
    await node.stop()
  })

  it('a peer may have only so many requests of a kind in work', () => {
    const budgets = new Budgets()
    for (let asked = 0; asked <= REQUEST_RULES.snapshot.inFlight; asked++)
      budgets.begun('peer', 'snapshot', 0)
    const refusal = (): unknown => {
      try {
        return budgets.request('peer', 'snapshot', 0, 0)
      } catch (error) {
        return error
      }
    }
    ok(isOstrakaError(refusal(), 'overloaded'))
    budgets.finished('peer', 'snapshot', 0, 0)
    equal(refusal(), undefined)
  })

  it('frames that do not decode count against their sender', async () => {
    const world = new World()
    const node = await member(world, 4)
    for (let sent = 0; sent < 100_000 && world.cutOffs.length === 0; sent++) {
      world.handlers!.message(world.other, new Uint8Array(64))
    }
    equal(world.cutOffs[0]?.peerId, world.other)
    await node.stop()
  })

  it('a message of many transactions leaves room for others’ messages between', async () => {
    const world = new World()
    const node = await member(world, 4)
    const signed = {
      value: { type: 'leave' as const },
      signer: new Uint8Array(32),
      signature: new Uint8Array(64),
    }
    const frame = peerMessageCodec.encode({ type: 'transactions', transactions: Array(500).fill(signed) })
    const before = world.tasks.length
    world.handlers!.message(world.other, frame)
    ok(world.tasks.length > before, 'the rest waits for the event loop')
    await node.stop()
  })
})

describe('a work queue', () => {
  interface Job {
    readonly of: string
    left: number
  }
  const slice = (job: Job): { units: number; isDone: boolean } => {
    job.left--
    return { units: 1000, isDone: job.left === 0 }
  }

  it('serves peers in turn: one job waits for one turn of each other peer', () => {
    const queue = new WorkQueue<Job>(() => 1)
    for (let index = 0; index < 1000; index++) queue.add('flooder', { of: 'flooder', left: 4 })
    queue.add('modest', { of: 'modest', left: 1 })
    const order: string[] = []
    queue.run(3_000, job => {
      order.push(job.of)
      return slice(job)
    })
    deepEqual(order.slice(0, 2), ['flooder', 'modest'])
  })

  it('gives those who are trusted less a smaller part', () => {
    const queue = new WorkQueue<Job>(peerId => (peerId === 'trusted' ? 1 : 0.25))
    for (let index = 0; index < 100; index++) {
      queue.add('trusted', { of: 'trusted', left: 1 })
      queue.add('suspect', { of: 'suspect', left: 1 })
    }
    const counts = { trusted: 0, suspect: 0 }
    queue.run(50_000, job => {
      counts[job.of as keyof typeof counts]++
      return slice(job)
    })
    ok(counts.trusted >= 3 * counts.suspect, JSON.stringify(counts))
  })

  it('runs a slice at a time, and no more before its time has passed', () => {
    const queue = new WorkQueue<Job>(() => 1)
    for (let index = 0; index < 100; index++) queue.add('peer', { of: 'peer', left: 1 })
    queue.run(queue.allowance(1000), slice)
    equal(100 - queue.size, SLICE_UNITS / 1000)
    equal(queue.allowance(1000), 0)
    equal(queue.allowance(1002), 2000)
  })

  it('forgets the jobs of a peer that is gone', () => {
    const queue = new WorkQueue<Job>(() => 1)
    queue.add('gone', { of: 'gone', left: 1 })
    queue.add('here', { of: 'here', left: 1 })
    equal(queue.drop('gone').length, 1)
    queue.run(SLICE_UNITS, job => {
      equal(job.of, 'here')
      return slice(job)
    })
    equal(queue.size, 0)
  })
})

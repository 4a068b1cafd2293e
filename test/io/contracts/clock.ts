import assert from 'node:assert/strict'
import type { Clock } from '../../../src/base/index.ts'
import type { World } from './world.ts'

export interface ClockWorld extends World {
  readonly clock: Clock
}

/** What every `Clock` promises. */
export function clockContract(name: string, makeWorld: () => Promise<ClockWorld>): void {
  describe(`Clock contract: ${name}`, () => {
    let world: ClockWorld
    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.close())

    it('runs a task once, no earlier than asked', async () => {
      const startMs = world.clock.nowMs()
      const runsAtMs: number[] = []
      world.clock.schedule(20, () => runsAtMs.push(world.clock.nowMs()))
      assert.equal(runsAtMs.length, 0)
      await world.until(() => runsAtMs.length > 0)
      // a wall clock has millisecond steps, a timer may fire within one
      assert.ok((runsAtMs[0] ?? 0) - startMs >= 19)
      assert.equal(runsAtMs.length, 1)
    })

    it('runs tasks in the order of their due times', async () => {
      const order: string[] = []
      world.clock.schedule(40, () => order.push('late'))
      world.clock.schedule(1, () => order.push('early'))
      await world.until(() => order.length === 2)
      assert.deepEqual(order, ['early', 'late'])
    })

    it('never runs a task that was cancelled, and cancelling twice is harmless', async () => {
      const ran: string[] = []
      const cancel = world.clock.schedule(5, () => ran.push('cancelled'))
      cancel()
      cancel()
      world.clock.schedule(30, () => ran.push('kept'))
      await world.until(() => ran.length > 0)
      assert.deepEqual(ran, ['kept'])
    })

    it('runs a task without delay only after the caller has finished', async () => {
      const order: string[] = []
      world.clock.schedule(0, () => order.push('task'))
      order.push('caller')
      await world.until(() => order.length === 2)
      assert.deepEqual(order, ['caller', 'task'])
    })
  })
}

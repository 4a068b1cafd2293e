import assert from 'node:assert/strict'
import type { Appended } from '../../src/audit/index.ts'
import { OstrakaError, type Write } from '../../src/base/index.ts'
import { AuditLane } from '../../src/node/audit-lane.ts'

const FULL = new OstrakaError('storage_full', 'no space is left')
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** An entry, as the log hands it over: `size` is the log's with it. */
function entry(size: number): Appended {
  const write = { key: `entry ${size}`, value: new Uint8Array([size]) }
  return { writes: [write], head: { key: 'head', value: new Uint8Array([size]) }, size }
}

describe('the audit lane', () => {
  it('that is closed while a write fails writes nothing behind the gap, and goes on no more', async () => {
    const batches: string[][] = []
    const fails: ((error: OstrakaError) => void)[] = []
    const scheduled: unknown[] = []
    const written: number[] = []
    const lane = new AuditLane({
      store: {
        write(batch: readonly Write[]) {
          batches.push(batch.map(({ key }) => key))
          return batches.length > 1 ? Promise.resolve() : new Promise((_, reject) => fails.push(reject))
        },
      },
      clock: {
        schedule(_delayMs, task) {
          scheduled.push(task)
          return () => {}
        },
      },
      written: size => written.push(size),
      failed: () => {},
    })
    lane.push(entry(1), true)
    await turn()
    lane.push(entry(2), true)
    const closed = lane.close()
    await turn()
    assert.deepEqual(batches, [['entry 1', 'head']])
    fails[0]!(FULL)
    await closed
    assert.deepEqual(batches.slice(1), [['entry 1', 'entry 2', 'head']])
    assert.deepEqual([written, scheduled], [[2], []])
  })
})

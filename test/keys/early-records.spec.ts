import assert from 'node:assert/strict'
import { EarlyRecords, type RecordClaim, type RecordStanding } from '../../src/keys/index.ts'

const SIZE = 64 * 1024
const recordOf = (id: number): Uint8Array => new Uint8Array(SIZE).fill(id)
const hashOf = (id: number): Uint8Array => {
  const hash = new Uint8Array(32)
  new DataView(hash.buffer).setUint32(0, id)
  return hash
}
const keyOf = (id: number): string => Buffer.from(hashOf(id)).toString('hex')
const claimOf = (id: number, place = `place ${id}`): RecordClaim => ({
  hash: hashOf(id),
  place,
  dealing: undefined as never,
})

describe('records that came before the log pins them', () => {
  let early: EarlyRecords
  const add = (id: number, standing: RecordStanding, from = 'mallory', place?: string): boolean =>
    early.add(recordOf(id), claimOf(id, place), standing, from, 0)
  const has = (id: number): boolean => early.get(keyOf(id)) !== undefined
  beforeEach(() => {
    early = new EarlyRecords()
  })

  it('are one for each dealer and slot of an open ceremony, the first that came', () => {
    assert.deepEqual(
      [add(1, 'expected', 'alice', 'here'), add(2, 'expected', 'alice', 'here')],
      [true, false],
    )
    assert.deepEqual([has(1), has(2)], [true, false])
    early.delete(keyOf(1))
    assert.ok(add(2, 'expected', 'alice', 'here'))
  })

  it('take 16 MiB at most, however many ceremonies are open', () => {
    let kept = 0
    for (let id = 1; id <= 300; id++) if (add(id, 'expected')) kept++
    assert.equal(kept, (16 * 1024 * 1024) / SIZE)
  })

  it('take half a MiB of one peer while this ledger has not got their ceremony, and leave room for others', () => {
    let kept = 0
    for (let id = 1; id <= 300; id++) if (add(id, 'unknown')) kept++
    assert.equal(kept, 8)
    assert.ok(add(1000, 'unknown', 'alice'))
    assert.ok(add(1001, 'expected', 'alice'))
  })

  it('are 512 of one peer, however small they are', () => {
    let kept = 0
    for (let id = 1; id <= 1000; id++) {
      if (early.add(new Uint8Array(1), claimOf(id), 'unknown', 'mallory', 0)) kept++
    }
    assert.equal(kept, 512)
  })

  it('take 8 MiB of all peers together while their ceremonies are unknown', () => {
    let kept = 0
    for (let id = 1; id <= 300; id++) if (add(id, 'unknown', `peer ${id % 50}`)) kept++
    assert.equal(kept, 128)
  })

  it('are handed over once they are pinned, and go when nothing needs them', () => {
    const standings: RecordStanding[] = ['pinned', 'over', 'expected', 'unknown']
    for (const id of [0, 1, 2, 3]) add(id, id === 3 ? 'unknown' : 'expected')
    const pinned = early.review(({ hash }) => standings[hash[3]!]!, 1)
    assert.deepEqual(pinned, [recordOf(0)])
    assert.deepEqual([0, 1, 2, 3].map(has), [false, false, true, true])
    assert.deepEqual(
      early.review(() => 'over', 2),
      [],
    )
    assert.equal(early.size, 0)
    // all room is free again
    for (let id = 10; id < 18; id++) assert.ok(add(id, 'unknown'))
    for (let id = 20; id < 276; id++) assert.ok(add(id, 'expected'))
  })

  it('of an unknown ceremony wait for a minute, and take the place of their dealer once it is known', () => {
    add(1, 'unknown')
    add(2, 'unknown', 'alice', 'here')
    early.review(({ hash }) => (hash[3] === 2 ? 'expected' : 'unknown'), 59_000)
    assert.deepEqual([1, 2].map(has), [true, true])
    assert.equal(add(3, 'expected', 'alice', 'here'), false)
    early.review(({ hash }) => (hash[3] === 2 ? 'expected' : 'unknown'), 60_000)
    assert.deepEqual([1, 2].map(has), [false, true])
  })
})

import assert from 'node:assert/strict'
import { blockKey } from '../../src/control/index.ts'
import { eventually, Solo } from '../audit/solo.ts'

describe('a node whose control log is damaged on disk while it runs', () => {
  let solo: Solo

  beforeEach(async () => {
    solo = await new Solo().start()
    await solo.createKey('seeds', 'ristretto255')
  })

  afterEach(() => solo.stop())

  it('serves no damaged block, and has it again a moment later, as it was', async () => {
    const key = blockKey(2)
    const sound = solo.store.entries.get(key)
    solo.store.entries.set(key, new Uint8Array(3))
    solo.store.damaged.add(key)
    await assert.rejects(solo.port.blocks(1, 8), { code: 'storage_corrupt' })
    const blocks = await eventually(() => solo.port.blocks(1, 8).catch(() => undefined))
    assert.deepEqual(solo.store.entries.get(key), sound)
    assert.equal(blocks[1]?.block.header.height, 2)
    assert.ok(solo.notes.some(note => note.includes('storage_corrupt') && note.includes(key)))
  })
})

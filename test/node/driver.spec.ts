import assert from 'node:assert/strict'
import { cryptoReady } from '../../src/crypto/index.ts'
import { member, START_MS, turn, World } from './world.ts'

await cryptoReady

describe('the driver', () => {
  it('lets no vote leave before it is on disk, nor anything that later steps want to send', async () => {
    const world = new World()
    const node = await member(world, 2)
    await world.run(START_MS + 3000)
    assert.equal(world.walWrites, 1, 'a vote waits for the disk')
    assert.equal(world.votes, 0)
    world.letThrough.shift()!()
    await turn()
    assert.ok(world.votes > 0, 'and leaves once it is there')
    await node.stop()
  })
})

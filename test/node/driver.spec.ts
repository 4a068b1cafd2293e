import assert from 'node:assert/strict'
import { OstrakaError } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { peerAnswerCodec, peerRequestCodec } from '../../src/wire/index.ts'
import { member, START_MS, turn, World } from './world.ts'

await cryptoReady

const FULL = new OstrakaError('storage_full', 'no space is left')

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

  it('lets no vote leave that never got to the disk, when it stops meanwhile', async () => {
    const world = new World()
    const node = await member(world, 2)
    await world.run(START_MS + 3000)
    assert.equal(world.walWrites, 1)
    await node.stop()
    world.refuse[0]!(FULL)
    await world.run(START_MS + 6000)
    assert.equal(world.votes, 0)
    assert.deepEqual(world.tasks, [], 'nor does anything go on')
  })

  it('takes on nothing that would wait for a disk that refuses writes, and goes on where it was', async () => {
    const world = new World()
    const node = await member(world, 2)
    await world.run(START_MS + 500)
    world.fault = FULL
    const asked = node.port.putRecord(new Uint8Array(1)).catch((error: OstrakaError) => error.code)
    await world.run(START_MS + 3000)
    assert.deepEqual(node.port.complaints().slice(-1), ['disk: storage_full'])
    assert.equal(await asked, 'malformed', 'what waits for no write is answered as ever')
    await assert.rejects(node.port.putRecord(new Uint8Array(1)), { code: 'storage_full' })
    const blocks = peerRequestCodec.encode({ type: 'blocks', from: 1, limit: 1 })
    await assert.rejects(world.handlers!.request(world.other, blocks), { code: 'storage_full' })
    const ping = peerAnswerCodec.decode(
      await world.handlers!.request(world.other, peerRequestCodec.encode({ type: 'ping' })),
    )
    assert.equal(ping.type, 'pong')
    const { beacons } = world
    await world.run(START_MS + 60_000)
    assert.deepEqual([world.beacons, world.votes], [beacons, 0])
    world.fault = undefined
    await world.run(START_MS + 62_000)
    for (const letThrough of world.letThrough.splice(0)) letThrough()
    await turn()
    assert.ok(world.votes > 0, 'the vote that waited leaves')
    await world.run(START_MS + 64_000)
    // one for each quarter of a second since, and none for the minute before
    assert.ok(world.beacons > beacons && world.beacons < beacons + 20, `${world.beacons - beacons} beacons`)
    assert.ok(!node.port.complaints().some(reason => reason.startsWith('disk')))
    await node.stop()
  })
})

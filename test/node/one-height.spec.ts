import assert from 'node:assert/strict'
import { BLOCK_PREFIX, blockKey } from '../../src/control/index.ts'
import { eventually, peerId, Solo } from '../audit/solo.ts'

describe('the height that clients are shown', () => {
  let solo: Solo

  beforeEach(async () => {
    solo = await new Solo().start()
    await eventually(() => solo.port.status().height > 0)
  })

  afterEach(() => solo.stop())

  /** The newest height that each way of asking tells of. */
  const told = async (height: number): Promise<Record<string, unknown>> => ({
    status: solo.port.status().height,
    log: (await solo.port.blocks(height, 256)).map(({ block }) => block.header.height),
    proof: solo.port.prove({ record: `member/${peerId}` }).header.height,
    peers: solo.port.peers().length,
  })

  it('is that of the newest block on disk: nothing of a block is shown that the log cannot show', async () => {
    await solo.createKey('old', 'ed25519')
    solo.store.held = BLOCK_PREFIX
    const made = solo.createKey('new', 'ed25519')
    await eventually(() => solo.store.waiting > 0)
    const { height } = solo.port.status()
    assert.deepEqual(await told(height), { status: height, log: [height], proof: height, peers: 1 })
    assert.deepEqual(await solo.port.blocks(height + 1, 1), [])
    // a further step comes meanwhile, and shows no more
    const further = assert.rejects(solo.port.putRecord(new Uint8Array(1)), { code: 'malformed' })
    assert.deepEqual(await told(height), { status: height, log: [height], proof: height, peers: 1 })
    assert.equal(solo.port.key('new'), undefined)
    assert.ok(!solo.port.keys('', 10).some(({ name }) => name === 'new'))
    solo.store.resume()
    await Promise.all([made, further])
    assert.equal(solo.port.key('new')?.state, 'active')
  })

  it('is told of to followers when the block can be read, and the views are those after it', async () => {
    const seen: Promise<void>[] = []
    const end = solo.port.onBlock(({ block: { header } }) => {
      const { height } = solo.port.status()
      const [version] = solo.port.key('watched')?.versions ?? []
      assert.equal(height, header.height)
      const look = async (): Promise<void> => {
        const [block] = await solo.port.blocks(height, 1)
        assert.equal(block?.block.header.height, height)
        if (version === undefined) return
        const [made] = await solo.port.blocks(version.height, 1)
        assert.equal(made?.block.header.height, version.height)
      }
      seen.push(look())
    })
    await solo.createKey('watched', 'ed25519')
    end()
    assert.ok(seen.length > 2)
    await Promise.all(seen)
  })

  it('begins at the lowest block that is kept, which a refusal of older ones names', async () => {
    const { lowest, height } = solo.port.status()
    assert.equal((await solo.port.blocks(lowest, height)).length, height - lowest + 1)
    solo.store.entries.delete(blockKey(lowest))
    await assert.rejects(solo.port.blocks(lowest, 1), {
      code: 'not_found',
      details: { from: lowest, lowest },
    })
  })
})

import assert from 'node:assert/strict'
import type { RecordStore } from '../../../src/base/index.ts'
import { bytesOf, failsWith, keyOf, textOf, type World } from './world.ts'

export interface RecordWorld extends World {
  /** All connected; each refuses records that contain the word `forged`. */
  readonly peers: readonly { readonly records: RecordStore }[]
  kill(index: number): Promise<void>
}

/** What every `RecordStore` promises. */
export function recordStoreContract(name: string, makeWorld: (count: number) => Promise<RecordWorld>): void {
  describe(`RecordStore contract: ${name}`, () => {
    let world: RecordWorld
    const at = (index: number): RecordStore => (world.peers[index] as { records: RecordStore }).records
    const record = bytesOf('a sealed dealing')
    const key = keyOf(record)

    beforeEach(async () => {
      world = await makeWorld(5)
    })
    afterEach(() => world.close())

    it('finds at every peer what one has put, though one peer is dead', async () => {
      await world.kill(4)
      await world.settle(at(0).put(key, record))
      for (const index of [0, 1, 2, 3]) {
        assert.equal(textOf(await world.settle(at(index).get(key))), 'a sealed dealing')
      }
    })

    it('still finds it when the peer that put it has died', async () => {
      await world.settle(at(0).put(key, record))
      await world.kill(0)
      assert.equal(textOf(await world.settle(at(3).get(key))), 'a sealed dealing')
    })

    it('resolves to undefined for what nobody has', async () => {
      assert.equal(await world.settle(at(1).get(keyOf(bytesOf('never put')))), undefined)
    })

    it('refuses a record that does not hash to its key', async () => {
      await failsWith(world.settle(at(0).put(keyOf(bytesOf('another')), record)), 'malformed')
    })

    it('refuses a key that is not a hash', async () => {
      await failsWith(world.settle(at(0).put('key', record)), 'malformed')
      await failsWith(world.settle(at(0).get(key.toUpperCase())), 'malformed')
    })

    it('takes a record of 64 KiB and refuses one byte more', async () => {
      const largest = new Uint8Array(64 * 1024).fill(7)
      await world.settle(at(0).put(keyOf(largest), largest))
      assert.equal((await world.settle(at(2).get(keyOf(largest))))?.length, largest.length)
      const over = new Uint8Array(64 * 1024 + 1)
      await failsWith(world.settle(at(0).put(keyOf(over), over)), 'too_large')
    })

    it('keeps its own records, but peers keep none that their judge refuses', async () => {
      const forged = bytesOf('forged')
      await world.settle(at(0).put(keyOf(forged), forged))
      assert.equal(textOf(await world.settle(at(0).get(keyOf(forged)))), 'forged')
      await world.kill(0)
      assert.equal(await world.settle(at(1).get(keyOf(forged))), undefined)
    })
  })
}

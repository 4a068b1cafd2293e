import assert from 'node:assert/strict'
import type { RecordStore } from '../../../src/base/index.ts'
import { Patience } from '../../../testnet/slowness.ts'
import { bytesOf, failsWith, keyOf, textOf, type World } from './world.ts'

export interface RecordWorld extends World {
  /** All connected; each refuses records that contain the word `forged`. */
  readonly peers: readonly { readonly records: RecordStore }[]
  kill(index: number): Promise<void>
  /** Resolves once somebody else keeps what the first peer has put: on a busy machine that is after the put. */
  taken?(): Promise<void>
}

const MIN_SEARCHES = 5
/** In real time, five searches that find nothing. */
const SEARCHING_MS = 20_000

/** What every `RecordStore` promises. */
export function recordStoreContract(name: string, makeWorld: (count: number) => Promise<RecordWorld>): void {
  describe(`RecordStore contract: ${name}`, () => {
    let world: RecordWorld
    const at = (index: number): RecordStore => (world.peers[index] as { records: RecordStore }).records
    const put = async (bytes: Uint8Array): Promise<void> => {
      await world.settle(at(0).put(keyOf(bytes), bytes))
      await world.taken?.()
    }
    /** A search gives up after some seconds: whoever needs a record searches again. */
    const found = async (index: number, wanted: Uint8Array): Promise<Uint8Array | undefined> => {
      const patience = new Patience(SEARCHING_MS)
      for (let searches = 0; searches < MIN_SEARCHES || !patience.isOver; searches++) {
        const bytes = await world.settle(at(index).get(keyOf(wanted)))
        if (bytes !== undefined) return bytes
      }
      return undefined
    }
    const record = bytesOf('a sealed dealing')

    beforeEach(async () => {
      world = await makeWorld(5)
    })
    afterEach(() => world.close())

    it('finds at every peer what one has put, though one peer is dead', async () => {
      await world.kill(4)
      await put(record)
      for (const index of [0, 1, 2, 3]) assert.deepEqual(await found(index, record), record)
    })

    it('still finds it when the peer that put it has died', async () => {
      await put(record)
      await world.kill(0)
      assert.deepEqual(await found(3, record), record)
    })

    it('resolves to undefined for what nobody has', async () => {
      assert.equal(await world.settle(at(1).get(keyOf(bytesOf('never put')))), undefined)
    })

    it('refuses a record that does not hash to its key', async () => {
      await failsWith(world.settle(at(0).put(keyOf(bytesOf('another')), record)), 'malformed')
    })

    it('refuses a key that is not a hash', async () => {
      await failsWith(world.settle(at(0).put('key', record)), 'malformed')
      await failsWith(world.settle(at(0).get(keyOf(record).toUpperCase())), 'malformed')
    })

    it('takes a record of 64 KiB and refuses one byte more', async () => {
      const largest = new Uint8Array(64 * 1024).fill(7)
      await put(largest)
      assert.equal((await found(2, largest))?.length, largest.length)
      const over = new Uint8Array(64 * 1024 + 1)
      await failsWith(world.settle(at(0).put(keyOf(over), over)), 'too_large')
    })

    it('does not keep for others what nothing will need', async () => {
      const over = bytesOf('over: its version is destroyed')
      await world.settle(at(0).put(keyOf(over), over))
      await world.kill(0)
      assert.equal(await world.settle(at(1).get(keyOf(over))), undefined)
    })

    it('keeps of one dealer and ceremony one record that the log does not pin yet', async () => {
      const [first, second] = [bytesOf('expected here first'), bytesOf('expected here second')]
      await put(first)
      await world.settle(at(0).put(keyOf(second), second))
      await world.kill(0)
      assert.deepEqual(await found(1, first), first)
      assert.equal(await world.settle(at(1).get(keyOf(second))), undefined)
    })

    it('keeps a little of what its log may not know yet, and no more of one peer', async () => {
      const records = Array.from({ length: 12 }, (_, index) => {
        const bytes = new Uint8Array(60 * 1024).fill(index)
        bytes.set(bytesOf(`unknown ceremony${index} `))
        return bytes
      })
      for (const each of records) await world.settle(at(0).put(keyOf(each), each))
      await world.kill(0)
      const kept = []
      for (const each of records) kept.push(await world.settle(at(1).get(keyOf(each))))
      assert.deepEqual(kept[0], records[0])
      assert.equal(kept.filter(each => each !== undefined).length, 8)
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

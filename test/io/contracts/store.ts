import assert from 'node:assert/strict'
import type { Store } from '../../../src/base/index.ts'
import { bytesOf, textOf, type World } from './world.ts'

export interface StoreWorld extends World {
  /** The store as it is now. */
  store(): Store
  /** Closes the store and opens what is on the disk. */
  reopen(): Promise<void>
}

/** What every `Store` promises. */
export function storeContract(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(`Store contract: ${name}`, () => {
    let world: StoreWorld
    const put = (key: string, text: string) => ({ key, value: bytesOf(text) })
    const write = (...batch: { key: string; value: Uint8Array | null }[]) =>
      world.settle(world.store().write(batch, { sync: true }))
    const get = async (key: string) => textOf(await world.settle(world.store().get(key)))
    const keys = async (prefix: string, options?: { from?: string; limit?: number }) =>
      (await world.settle(world.store().scan(prefix, options))).map(entry => entry.key)

    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.close())

    it('returns what was written, and undefined for what never was', async () => {
      await write(put('a', 'one'))
      assert.equal(await get('a'), 'one')
      assert.equal(await get('b'), undefined)
    })

    it('keeps empty values apart from absent ones', async () => {
      await write(put('empty', ''))
      assert.equal(await get('empty'), '')
    })

    it('applies a batch in order, deletions included', async () => {
      await write(put('a', 'old'), put('b', 'gone'))
      await write(put('a', 'new'), { key: 'b', value: null }, put('c', '1'), put('c', '2'))
      assert.deepEqual([await get('a'), await get('b'), await get('c')], ['new', undefined, '2'])
    })

    it('scans a prefix in ascending order and nothing beside it', async () => {
      await write(
        put('block/03', ''),
        put('block/01', ''),
        put('block/02', ''),
        put('blocks', ''),
        put('blo', ''),
      )
      assert.deepEqual(await keys('block/'), ['block/01', 'block/02', 'block/03'])
      assert.deepEqual(await keys('nothing/'), [])
    })

    it('scans from a key on, that key included, up to a limit', async () => {
      await write(put('v/1', ''), put('v/2', ''), put('v/3', ''), put('v/4', ''))
      assert.deepEqual(await keys('v/', { from: 'v/2', limit: 2 }), ['v/2', 'v/3'])
      assert.deepEqual(await keys('v/', { from: 'v/25' }), ['v/3', 'v/4'])
      assert.deepEqual(await keys('v/', { limit: 0 }), [])
    })

    it('hands out bytes that the caller may change', async () => {
      await write(put('a', 'one'))
      const first = await world.settle(world.store().get('a'))
      first?.fill(0)
      assert.equal(await get('a'), 'one')
    })

    it('does not see later changes to bytes that were written', async () => {
      const value = bytesOf('one')
      await write({ key: 'a', value })
      value.fill(0)
      assert.equal(await get('a'), 'one')
    })

    it('has everything after it was closed and opened again', async () => {
      await write(put('a', 'one'), put('b', 'two'))
      await write({ key: 'b', value: null })
      await world.reopen()
      assert.deepEqual([await get('a'), await get('b')], ['one', undefined])
    })
  })
}

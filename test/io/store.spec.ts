import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OstrakaError } from '../../src/base/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { type Database, freeBytesOf, LevelStore, openDatabase, type StoreLevel } from '../../src/io/store.ts'
import { storeContract } from './contracts/store.ts'
import { bytesOf, failsWith, realTime, textOf } from './contracts/world.ts'
import { temporaryDirectory } from './network.ts'

const plenty = async (): Promise<number> => 2 ** 40

async function openStore(path: string): Promise<LevelStore> {
  const level = await openDatabase(path)
  return new LevelStore({ level, freeBytes: plenty, counters: new Counters() })
}

storeContract('LevelDB', async () => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'db')
  let store = await openStore(path)
  return {
    ...realTime,
    store: () => store,
    async reopen() {
      await store.close()
      store = await openStore(path)
    },
    async close() {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
})

describe('LevelStore', () => {
  let directory: string
  let level: Database
  let counters: Counters
  const storeOver = (options: { level?: StoreLevel; freeBytes?: () => Promise<number> } = {}): LevelStore =>
    new LevelStore({ level, freeBytes: plenty, counters, ...options })
  const put = (key: string, text = 'value') => [{ key, value: bytesOf(text) }]

  beforeEach(async () => {
    directory = await temporaryDirectory()
    level = await openDatabase(join(directory, 'db'))
    counters = new Counters()
  })
  afterEach(async () => {
    await level.close()
    await rm(directory, { recursive: true })
  })

  it('never serves a damaged value: storage_corrupt names the key', async () => {
    const store = storeOver()
    await store.write([...put('share/1'), ...put('share/2')], { sync: true })
    const [[stored, bytes]] = (await level.iterator().all()) as [[string, Uint8Array]]
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await level.put(stored, bytes)
    for (const read of [() => store.get('share/1'), () => store.scan('share/')]) {
      const error = await read().catch((reason: unknown) => reason)
      assert.ok(error instanceof OstrakaError)
      assert.deepEqual([error.code, error.details.key], ['storage_corrupt', 'share/1'])
    }
    assert.equal(textOf(await store.get('share/2')), 'value')
    assert.equal(counters.get('store_corrupt'), 2)
  })

  it('does not serve one key’s value under another, nor a truncated one', async () => {
    const store = storeOver()
    await store.write([...put('a'), ...put('b')], { sync: true })
    const [[a], [b, valueOfB]] = (await level.iterator().all()) as [[string], [string, Uint8Array]]
    await level.put(a, valueOfB)
    await failsWith(store.get('a'), 'storage_corrupt')
    await level.put(b, valueOfB.subarray(0, 3))
    await failsWith(store.get('b'), 'storage_corrupt')
  })

  it('asks LevelDB to sync exactly when it is told to', async () => {
    const asked: unknown[] = []
    const batch = async (_operations: unknown, options: unknown): Promise<void> => {
      asked.push(options)
    }
    const store = storeOver({ level: { ...stub(level), batch } as unknown as StoreLevel })
    await store.write(put('a'), { sync: true })
    await store.write(put('a'), { sync: false })
    assert.deepEqual(asked, [{ sync: true }, { sync: false }])
  })

  it('refuses writes before the disk is full, reads on, and recovers when there is room', async () => {
    let free = 2 ** 40
    const store = storeOver({ freeBytes: async () => free })
    await store.write(put('a', 'kept'), { sync: true })
    free = 1000
    await realTime.until(isLookDue())
    await failsWith(store.write(put('b'), { sync: true }), 'storage_full')
    assert.equal(textOf(await store.get('a')), 'kept')
    assert.equal(await store.get('b'), undefined)
    free = 2 ** 40
    await realTime.until(isLookDue())
    await store.write(put('b', 'later'), { sync: true })
    assert.equal(textOf(await store.get('b')), 'later')
  })

  it('counts its own writes between two looks at the disk', async () => {
    const store = storeOver({ freeBytes: async () => 20 * 1024 * 1024 })
    const large = { key: 'a', value: new Uint8Array(1024 * 1024) }
    await store.write([large], { sync: false })
    await failsWith(store.write([large, large], { sync: false }), 'storage_full')
  })

  it('opens the database afresh after a write has failed', async () => {
    let failures = 1
    const batch: StoreLevel['batch'] = (async (...args: Parameters<Database['batch']>) => {
      if (failures-- > 0) throw new Error('IO error: 000005.log: No space left on device')
      return level.batch(...args)
    }) as never
    const store = storeOver({ level: { ...stub(level), batch } as unknown as StoreLevel })
    await failsWith(store.write(put('a'), { sync: true }), 'storage_full')
    const [, value] = await Promise.all([store.write(put('b', 'after'), { sync: true }), store.get('a')])
    assert.equal(value, undefined)
    assert.equal(textOf(await store.get('b')), 'after')
    assert.deepEqual([counters.get('store_full'), counters.get('store_reopened')], [1, 1])
  })

  it('is not opened afresh for a deletion while there is no room for that, so that reads go on', async () => {
    let free = 2 ** 40
    let failures = 1
    const opened: string[] = []
    const methods = {
      ...stub(level),
      batch: async (...args: Parameters<Database['batch']>) => {
        if (failures-- > 0) throw new Error('IO error: 000005.log: No space left on device')
        return level.batch(...args)
      },
      open: async () => {
        opened.push('open')
        return level.open()
      },
    }
    const store = storeOver({ level: methods as unknown as StoreLevel, freeBytes: async () => free })
    await failsWith(store.write(put('a'), { sync: true }), 'storage_full')
    free = 1000
    await realTime.until(isLookDue())
    await failsWith(store.write([{ key: 'a', value: null }], { sync: true }), 'storage_full')
    assert.deepEqual(opened, [])
    assert.equal(await store.get('a'), undefined)
    free = 2 ** 40
    await realTime.until(isLookDue())
    await store.write([{ key: 'a', value: null }], { sync: true })
    assert.deepEqual(opened, ['open'])
  })

  it('stays closed, whoever still writes after a write has failed', async () => {
    const batch = async (): Promise<never> => {
      throw new Error('IO error: 000005.log: No space left on device')
    }
    const store = storeOver({ level: { ...stub(level), batch } as unknown as StoreLevel })
    const last = store.write(put('a'), { sync: true })
    const closed = store.close()
    await failsWith(last, 'storage_full')
    await closed
    await failsWith(store.write(put('b'), { sync: true }), 'not_ready')
    assert.equal(level.status, 'closed')
  })

  it('writes what waits together, each batch in its turn', async () => {
    const sizes: number[] = []
    const batch = (async (operations: unknown[], options: object) => {
      sizes.push(operations.length)
      return level.batch(operations as never, options)
    }) as never
    const store = storeOver({ level: { ...stub(level), batch } as unknown as StoreLevel })
    await Promise.all(['1', '2', '3', '4'].map(text => store.write(put('a', text), { sync: true })))
    assert.equal(textOf(await store.get('a')), '4')
    assert.deepEqual(sizes, [1, 3])
  })

  it('knows how much room there is, and refuses a database in use', async () => {
    assert.ok((await freeBytesOf(directory)) > 0)
    await failsWith(openDatabase(join(directory, 'db')), 'conflict')
  })
})

/** The store looks at the disk again after 100 ms. */
function isLookDue(): () => boolean {
  const startedMs = performance.now()
  return () => performance.now() - startedMs > 110
}

/** The database's methods as plain properties, so that a test can replace one. */
function stub(level: Database): Record<string, unknown> {
  return {
    get: level.get.bind(level),
    iterator: level.iterator.bind(level),
    open: level.open.bind(level),
    close: level.close.bind(level),
  }
}

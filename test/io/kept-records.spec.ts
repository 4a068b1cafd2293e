import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Key } from 'interface-datastore'
import { Counters } from '../../src/io/counters.ts'
import { NodeDatastore } from '../../src/io/datastore.ts'
import { silentLogger } from '../../src/io/index.ts'
import { KeptRecords } from '../../src/io/kept-records.ts'
import { Misconduct } from '../../src/io/misconduct.ts'
import { freeBytesOf, LevelStore, openDatabase } from '../../src/io/store.ts'
import type { RecordJudge, RecordStanding } from '../../src/keys/index.ts'
import { bytesOf, keyOf, realTime, textJudge, textOf } from './contracts/world.ts'
import { temporaryDirectory } from './network.ts'

const HASH = (record: Uint8Array): Uint8Array => textJudge.claim(record)!.hash

describe('the records that a node keeps for others', () => {
  let directory: string
  let store: LevelStore
  let disk: NodeDatastore
  let kept: KeptRecords
  let standing: RecordStanding
  let isBehind: boolean
  let judge: RecordJudge | undefined
  let blamed: string[]
  const counters = new Counters()

  beforeEach(async () => {
    directory = await temporaryDirectory()
    const level = await openDatabase(join(directory, 'db'))
    store = new LevelStore({
      level,
      freeBytes: () => freeBytesOf(directory),
      reopened: async () => {},
      counters,
    })
    disk = new NodeDatastore(level, 'dht', operations => store.apply(operations))
    await disk.open()
    blamed = []
    isBehind = false
    standing = 'pinned'
    judge = { ...textJudge, standing: () => standing, isBehind: () => isBehind }
    const logger = silentLogger()
    const gate = { disconnect: (peerId: string) => void blamed.push(peerId) }
    const misconduct = new Misconduct({ gate, counters, logger })
    kept = new KeptRecords({ disk, judge: () => judge, misconduct, counters, logger })
  })
  afterEach(async () => {
    kept.stop()
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })
  const onDisk = async (): Promise<number> => (await disk.above('', 10_000)).length
  const offer = (record: Uint8Array, from = 'mallory') => kept.offer(from, HASH(record), record)

  it('lie on the disk only once the log pins them', async () => {
    standing = 'unknown'
    const record = bytesOf('a record')
    assert.equal(await offer(record), true)
    assert.equal(await onDisk(), 0)
    assert.equal(textOf(await kept.get(keyOf(record))), 'a record')
    standing = 'pinned'
    let count = 0
    await realTime.until(() => {
      void onDisk().then(found => {
        count = found
      })
      return count === 1
    })
    assert.equal(textOf(await kept.get(keyOf(record))), 'a record')
  })

  it('of one member that offers all it can fill no disk', async () => {
    standing = 'unknown'
    let taken = 0
    for (let index = 0; index < 200; index++) {
      const record = new Uint8Array(60 * 1024).fill(index)
      if (await offer(record)) taken++
    }
    assert.deepEqual([taken, await onDisk()], [8, 0])
    // pinned records have room whatever it does
    standing = 'pinned'
    assert.equal(await offer(bytesOf('pinned'), 'alice'), true)
    assert.equal(await onDisk(), 1)
    assert.deepEqual(blamed, [])
  })

  it('are deleted when nothing needs them any more, however many there are', async () => {
    for (let index = 0; index < 150; index++) await offer(bytesOf(`record ${index}`))
    assert.equal(await onDisk(), 150)
    standing = 'over'
    while (!(await kept.walk())) assert.ok((await onDisk()) > 0)
    assert.equal(await onDisk(), 0)
  })

  it('stay while this node’s log comes a second time', async () => {
    await offer(bytesOf('record'))
    standing = 'unknown'
    isBehind = true
    assert.equal(await kept.walk(), true)
    assert.equal(await onDisk(), 1)
    isBehind = false
    await kept.walk()
    assert.equal(await onDisk(), 0)
  })

  it('are none before this node has its ledger, which is nobody’s fault', async () => {
    judge = undefined
    for (let index = 0; index < 20; index++) assert.equal(await offer(bytesOf(`record ${index}`)), false)
    assert.equal(await kept.walk(), true)
    assert.deepEqual([await onDisk(), blamed], [0, []])
  })

  it('are signed and under their own hash: a peer that repeats another is sent away', async () => {
    for (let index = 0; index < 5; index++) assert.equal(await offer(bytesOf(`forged ${index}`)), false)
    const record = bytesOf('record')
    const wrong = HASH(bytesOf('another'))
    for (let index = 0; index < 5; index++) assert.equal(await kept.offer('mallory', wrong, record), false)
    assert.deepEqual([await onDisk(), blamed], [0, ['mallory']])
  })

  it('that are damaged on the disk are deleted by the walk', async () => {
    judge = { ...textJudge, claim: () => undefined }
    await disk.put(new Key('00'.repeat(32)), bytesOf('garbage'))
    await kept.walk()
    assert.equal(await onDisk(), 0)
  })
})

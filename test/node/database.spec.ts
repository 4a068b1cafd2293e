import { deepEqual, equal, notDeepEqual, rejects } from 'node:assert/strict'
import { OstrakaError, SeededRng, type Write } from '../../src/base/index.ts'
import { type Claim, claimDatabase, type DatabaseMark } from '../../src/node/index.ts'

class Disk {
  entries: Map<string, Uint8Array> = new Map()
  fault: OstrakaError | undefined

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.entries.get(key)
  }

  async write(batch: readonly Write[]): Promise<void> {
    if (this.fault !== undefined) throw this.fault
    for (const { key, value } of batch) {
      if (value === null) this.entries.delete(key)
      else this.entries.set(key, value)
    }
  }
}

const rng = new SeededRng('database')

function claimed(
  disk: Disk,
  known: DatabaseMark | undefined,
  isAlone = false,
  acceptsVoteRisk = false,
): Promise<Claim> {
  return claimDatabase(disk, known, { rng, isAlone, acceptsVoteRisk })
}

describe('a database and its keystore', () => {
  let disk: Disk
  let mark: DatabaseMark

  beforeEach(async () => {
    disk = new Disk()
    mark = (await claimed(disk, undefined)).mark
  })

  it('belong together from the first run on, and count the runs', async () => {
    for (const epoch of [2, 3]) {
      const next = await claimed(disk, mark)
      deepEqual([next.isLost, next.mark.epoch], [false, epoch])
      deepEqual(next.mark.id, mark.id)
      mark = next.mark
    }
    equal(disk.entries.has('log/abstention'), false)
  })

  it('stay together when a crash fell between the two, or the keystore is an older copy', async () => {
    await claimed(disk, mark)
    equal((await claimed(disk, mark)).isLost, false)
    equal((await claimed(disk, undefined)).isLost, false)
  })

  for (const [what, lose] of [
    ['is lost', (entries: Map<string, Uint8Array>) => entries.clear()],
    [
      'has a damaged mark',
      (entries: Map<string, Uint8Array>) => entries.set('meta/database', new Uint8Array(3)),
    ],
  ] as const) {
    it(`are told apart when the database ${what}: votes are forgotten`, async () => {
      lose(disk.entries)
      const { isLost, mark: next } = await claimed(disk, mark)
      equal(isLost, true)
      equal(disk.entries.has('log/abstention'), true)
      notDeepEqual(next.id, mark.id)
      equal((await claimed(disk, next)).isLost, false)
    })
  }

  it('are told apart when an older copy of the database is put back', async () => {
    const copy = new Map(disk.entries)
    mark = (await claimed(disk, mark)).mark
    disk.entries = copy
    equal((await claimed(disk, mark)).isLost, true)
  })

  it('that nobody else could replace are not begun anew without an operator’s word', async () => {
    disk.entries.clear()
    await rejects(claimed(disk, mark, true), { code: 'storage_corrupt' })
    equal(disk.entries.size, 0)
    equal((await claimed(disk, mark, true, true)).isLost, true)
  })

  it('serve as they are while the disk is full', async () => {
    disk.fault = new OstrakaError('storage_full', 'no space is left')
    deepEqual(await claimed(disk, mark), { mark, isLost: false })
    disk.entries.clear()
    await rejects(claimed(disk, mark), { code: 'storage_full' })
  })
})

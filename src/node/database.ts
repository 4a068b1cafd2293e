import { equalBytes, isOstrakaError, OstrakaError, type Rng, type Store, type Write } from '../base/index.ts'
import { type Anchor, forgetWrite } from '../control/index.ts'
import { type Codec, codec, fixedBytes, integer, struct } from '../wire/index.ts'

/** Which database a keystore ran with last, and its how-manieth start that was. Both keep a copy. */
export interface DatabaseMark {
  readonly id: Uint8Array
  readonly epoch: number
}

const ID_BYTES = 16
const KEY = 'meta/database'
const markCodec: Codec<DatabaseMark> = codec(
  'database-mark',
  64,
  struct<DatabaseMark>({ id: fixedBytes(ID_BYTES), epoch: integer(1) }),
)

export interface ClaimOptions {
  readonly rng: Rng
  /** The network began with this node alone: nobody else has its log. */
  readonly isAlone: boolean
  readonly acceptsVoteRisk: boolean
}

export interface Claim {
  /** To be written into the keystore before the node runs. */
  readonly mark: DatabaseMark
  /** The database is not the one that the keystore ran with last, or is an older copy of it. */
  readonly isLost: boolean
}

/**
 * Marks the database as that of the keystore for one more run. A keystore that has run with another one, or with a later
 * state of it, has forgotten votes: the log then begins with `forgetWrite`. A full disk leaves the mark as it is where
 * nothing was lost. Errors: `storage_corrupt` when the only copy of the log is gone, `storage_full`.
 */
export async function claimDatabase(
  store: Pick<Store, 'get' | 'write'>,
  known: DatabaseMark | undefined,
  { rng, isAlone, acceptsVoteRisk }: ClaimOptions,
): Promise<Claim> {
  const stored = await readMark(store)
  const isSame = stored !== undefined && known !== undefined && equalBytes(stored.id, known.id)
  if (isSame && stored.epoch >= known.epoch) return { mark: await nextRun(store, stored), isLost: false }
  if (known === undefined) {
    const mark = stored === undefined ? newMark(rng, 1) : { id: stored.id, epoch: stored.epoch + 1 }
    await store.write([markWrite(mark)], { sync: true })
    return { mark, isLost: false }
  }
  if (isAlone && !acceptsVoteRisk) {
    const text = 'the database is not the one that this node ran with last, and nobody else has its log'
    throw new OstrakaError('storage_corrupt', text, { knownEpoch: known.epoch, epoch: stored?.epoch ?? null })
  }
  const mark = newMark(rng, known.epoch + 1)
  await store.write([markWrite(mark), forgetWrite()], { sync: true })
  return { mark, isLost: true }
}

async function nextRun(store: Pick<Store, 'write'>, stored: DatabaseMark): Promise<DatabaseMark> {
  const mark = { id: stored.id, epoch: stored.epoch + 1 }
  try {
    await store.write([markWrite(mark)], { sync: true })
    return mark
  } catch (error) {
    if (!isOstrakaError(error, 'storage_full')) throw error
    return stored
  }
}

/** Which start of this database this is; 0 for one that was never claimed. */
export async function startCounterOf(store: Pick<Store, 'get'>): Promise<number> {
  return (await readMark(store))?.epoch ?? 0
}

/** Fills the empty database of a node that comes back from a backup: it has forgotten all since. */
export async function restoreDatabase(
  store: Pick<Store, 'write'>,
  anchor: Anchor | null,
  rng: Rng,
): Promise<DatabaseMark> {
  const mark = newMark(rng, 1)
  await store.write([markWrite(mark), forgetWrite(anchor)], { sync: true })
  return mark
}

function newMark(rng: Rng, epoch: number): DatabaseMark {
  return { id: rng.bytes(ID_BYTES), epoch }
}

function markWrite(mark: DatabaseMark): Write {
  return { key: KEY, value: markCodec.encode(mark) }
}

/** A damaged mark is as good as none. */
async function readMark(store: Pick<Store, 'get'>): Promise<DatabaseMark | undefined> {
  try {
    const bytes = await store.get(KEY)
    return bytes === undefined ? undefined : markCodec.decode(bytes)
  } catch (error) {
    if (isOstrakaError(error, 'storage_corrupt') || isOstrakaError(error, 'malformed')) return undefined
    throw error
  }
}

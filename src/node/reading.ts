import { isOstrakaError, type Store } from '../base/index.ts'
import { LOG_PREFIXES, type LogState, mendLog } from '../control/index.ts'
import type { Logger } from './ports.ts'
import { type Entries, type NodeOptions, optionsOfLog, recoverControl } from './state.ts'

/** Entries read at a time while some of them are damaged. */
const BATCH = 256

interface Reading {
  readonly entries: Entries[number][]
  /** Keys whose checksums are wrong. */
  readonly damaged: string[]
}

/**
 * The control log as the store has it. Where a block, a snapshot or the votes are damaged they are dropped, and never
 * served: the node goes on with what is left, and fetches the rest from its peers. Errors: `storage_corrupt` where
 * nobody else has the log.
 */
export async function readControlLog(options: NodeOptions, store: Store, logger: Logger): Promise<LogState> {
  const reading: Reading = { entries: [], damaged: [] }
  for (const prefix of LOG_PREFIXES) await readSparing(store, prefix, reading)
  const { entries, damaged } = reading
  try {
    if (damaged.length === 0) return recoverControl(options, entries)
  } catch (error) {
    if (!isOstrakaError(error, 'storage_corrupt')) throw error
    logger.error({ code: error.code, ...error.details }, `the control log is damaged: ${error.message}`)
  }
  const mended = mendLog(optionsOfLog(options), entries, damaged)
  logger.error(
    { code: 'storage_corrupt', damaged, height: mended.height },
    'the control log is damaged: what follows this height is fetched from peers',
  )
  await store.write(mended.writes, { sync: true })
  return recoverControl(options, mended.entries)
}

/** Reads all that is sound under a prefix, and notes the rest. */
async function readSparing(store: Store, prefix: string, { entries, damaged }: Reading): Promise<void> {
  let from = prefix
  let limit = BATCH
  for (;;) {
    try {
      const batch = await store.scan(prefix, { from, limit })
      entries.push(...batch)
      if (batch.length < limit) return
      from = `${batch.at(-1)!.key}\u0000`
    } catch (error) {
      if (!isOstrakaError(error, 'storage_corrupt') || typeof error.details.key !== 'string') throw error
      // up to the damaged one they are read singly
      if (limit > 1) limit = 1
      else {
        damaged.push(error.details.key)
        from = `${error.details.key}\u0000`
        limit = BATCH
      }
    }
  }
}

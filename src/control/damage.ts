import { isOstrakaError, type OstrakaError, type Write } from '../base/index.ts'
import { certifiedBlockCodec, certifiedHeaderCodec } from '../wire/index.ts'
import type { Run } from './log-state.ts'
import { BLOCK_PREFIX, HEADER_PREFIX, heightOfKey, SNAPSHOT_PREFIX } from './store-keys.ts'

/**
 * Something of the log was found damaged on disk when it was read. The state that this node goes by was verified and is
 * in memory, so the disk is made to agree with it again: from the blocks that are kept there, or else by a snapshot at
 * the next block, which replaces whole blocks and older snapshots. A node that stops before that mends its log from its
 * peers when it starts (mending.ts).
 */
export function noteDamage(run: Run, error: OstrakaError): void {
  const { key } = error.details
  if (!isOstrakaError(error, 'storage_corrupt') || typeof key !== 'string') return
  const how = mend(run, key)
  const text = `a stored part of the control log is damaged: ${how}`
  run.effects.push({ type: 'note', level: 'error', text, details: { code: error.code, key } })
}

/** Says what is done about it. */
function mend(run: Run, key: string): string {
  const again = writtenAgain(run, key)
  if (again !== undefined) {
    run.effects.push({ type: 'persist', writes: [again] })
    return 'it is written again'
  }
  if (!key.startsWith(BLOCK_PREFIX) && !key.startsWith(SNAPSHOT_PREFIX)) return 'it is not served any more'
  run.log.isDamaged = true
  return 'a snapshot replaces it at the next block'
}

/** What belongs under the key, if its block is in memory. */
function writtenAgain({ log }: Run, key: string): Write | undefined {
  const certified = log.cache.get(heightOfKey(key))?.certified
  if (certified === undefined) return undefined
  if (key.startsWith(BLOCK_PREFIX)) return { key, value: certifiedBlockCodec.encode(certified) }
  if (!key.startsWith(HEADER_PREFIX)) return undefined
  const { block, certificate } = certified
  return { key, value: certifiedHeaderCodec.encode({ header: block.header, certificate }) }
}

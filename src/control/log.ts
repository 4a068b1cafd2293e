import { type GossipVerdict, OstrakaError, type Rng } from '../base/index.ts'
import type { Step } from '../wire/index.ts'
import type { LogEffect, LogEvent, LogOptions, LogView } from './log-types.ts'

/** The control machine's state: opaque, changed in place by `stepLog`. */
export interface LogState {
  readonly options: LogOptions
}

/** Everything under these prefixes of the node's store is what `recoverLog` wants to see. */
export const LOG_PREFIXES: readonly string[] = ['log/block/', 'log/snapshot/', 'log/wal/']

/** The state as the store has it; with no entries, as the genesis has it. Errors: `storage_corrupt`. */
export function recoverLog(
  options: LogOptions,
  _entries: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>,
): LogState {
  return { options }
}

export function stepLog(
  _state: LogState,
  _event: LogEvent,
  _nowMs: number,
  _rng: Rng,
): Step<LogState, LogEffect> {
  throw new OstrakaError('not_ready', 'the control log is being built')
}

export function viewLog(_state: LogState, _nowMs: number): LogView {
  throw new OstrakaError('not_ready', 'the control log is being built')
}

/** Whether a gossiped block is worth forwarding: verified against the certificates known here. */
export function judgeBlock(_state: LogState, _bytes: Uint8Array): GossipVerdict {
  return 'ignore'
}

/** The store key of the certified block at `height`. */
export function blockKey(height: number): string {
  return `log/block/${String(height).padStart(12, '0')}`
}

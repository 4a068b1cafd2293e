import type { Rng } from '../base/index.ts'
import { epochStartMs } from '../control/index.ts'
import { draw, networkVersion, type SettledRecord, settledRandomness } from '../keys/index.ts'
import type { Randomness, Token } from '../wire/index.ts'
import type { RandomnessView } from './port.ts'
import { type NodeState, reading } from './state.ts'

/**
 * So long before an epoch opens its holders say their parts of its randomness, for all to know in time: some round trips
 * around the world, and clocks that differ by as much. Nobody can know the epoch's randomness before that.
 */
const LEAD_MS = 2_000
/** Of short epochs, this share. */
const LEAD_SHARE = 0.25

export const DRAW_TIMER: Token = 'randomness/draw'

export type DrawStep =
  | { readonly type: 'submit'; readonly transaction: Randomness }
  | { readonly type: 'timer'; readonly id: Token; readonly atMs: number }

/**
 * This node's parts of the next epoch's randomness when it is time for them, or when that will be. Undefined when there is
 * nothing to wait for: it has said them, holds no share, or that epoch too is over by the clock.
 */
export function drawWhenDue(state: NodeState, nowMs: number, rng: Rng): DrawStep | undefined {
  const { ledger, peerId, ceremonies, auditing, options } = state
  const reader = reading(ledger)
  const version = networkVersion(reader)
  if (version === undefined) return undefined
  const { epochMs } = options.genesis.timing
  const epoch = ledger.chain.epoch + 1
  const opensMs = epochStartMs(options.genesis, epoch)
  const name = `${epoch}/${version.version}/${version.generation}`
  if (state.drawn === name || nowMs >= opensMs + epochMs) return undefined
  const dueMs = opensMs - Math.min(LEAD_MS, epochMs * LEAD_SHARE)
  if (nowMs < dueMs) return { type: 'timer', id: DRAW_TIMER, atMs: dueMs }
  // without its audit log a node uses no secret, though what is said here stands in the control log anyway
  if ((auditing.log.damage ?? auditing.log.unwritten) !== undefined) return undefined
  const transaction = draw({ peerId, shares: ceremonies.shares, ledger: reader }, epoch, version, rng)
  if (transaction === undefined) return undefined
  state.drawn = name
  return { type: 'submit', transaction }
}

/** What the ledger has of an epoch, or of the newest for 0. */
export function randomnessView(state: NodeState, epoch: number): RandomnessView | undefined {
  const settled = settledRandomness(reading(state.ledger))
  const found = epoch === 0 ? settled.at(-1) : settled.find(record => record.epoch === epoch)
  if (found === undefined) return undefined
  const { chain } = state.ledger
  return { ...sourceOf(found), inUse: { epoch: chain.epoch, seed: chain.seed } }
}

/** 1 while the validators are ranked by a fallback, for the metrics. */
export function fallsBack(state: NodeState): number {
  return settledRandomness(reading(state.ledger)).at(-1)?.source === 'fallback' ? 1 : 0
}

function sourceOf(record: SettledRecord): Omit<RandomnessView, 'inUse'> {
  const { epoch, value, height, source } = record
  const base = { epoch, value, height, source }
  if (record.source === 'key') return { ...base, ...record.draws }
  return record.source === 'fallback' ? { ...base, previous: record.previous } : base
}

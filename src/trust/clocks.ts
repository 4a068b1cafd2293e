import type { PeerId } from '../base/index.ts'

/** As many beacons of a peer: the one that was the shortest on its way tells the most. */
const SAMPLES = 6

/** Beacons are some hundred milliseconds on their way, seconds through a busy network: less than this says nothing. */
export const NOTABLE_OFFSET_MS = 5_000

/** What was measured before this, or before this node's clock was set, says nothing of now. */
const STALE_MS = 60_000

interface PeerClock {
  /** Beacons that are repeated say nothing new. */
  readonly sequence: number
  readonly notedMs: number
  readonly offsetsMs: readonly number[]
}

/** How far other members' clocks are ahead of this node's (negative: behind), by the times in their beacons. */
export type PeerClocks = Map<PeerId, PeerClock>

/** Whether a beacon would tell something new: none is looked at twice, and none more often than they are due. */
export function isClockNews(
  clocks: PeerClocks,
  peerId: PeerId,
  sequence: number,
  nowMs: number,
  spacingMs: number,
): boolean {
  const known = clocks.get(peerId)
  return known === undefined || (sequence > known.sequence && Math.abs(nowMs - known.notedMs) >= spacingMs)
}

/** Of a beacon whose signature holds. */
export function noteClock(
  clocks: PeerClocks,
  peerId: PeerId,
  sequence: number,
  timeMs: number,
  nowMs: number,
): void {
  for (const [other, { notedMs }] of clocks) {
    if (Math.abs(nowMs - notedMs) > STALE_MS) clocks.delete(other)
  }
  const before = clocks.get(peerId)?.offsetsMs ?? []
  clocks.set(peerId, { sequence, notedMs: nowMs, offsetsMs: [...before.slice(1 - SAMPLES), timeMs - nowMs] })
}

/** A beacon can be late and never early: the largest of the last offsets is the best. Null while nothing was heard. */
export function peerOffsetMs(clocks: PeerClocks, peerId: PeerId): number | null {
  const clock = clocks.get(peerId)
  return clock === undefined ? null : Math.max(...clock.offsetsMs)
}

/**
 * How far the others are ahead of this node, by their median: so fewer than half of them can make a right clock seem wrong.
 * Null while fewer than two are heard, who would be one word against another.
 */
export function othersOffsetMs(clocks: PeerClocks): number | null {
  const offsets = [...clocks.keys()].map(peerId => peerOffsetMs(clocks, peerId)!).sort((a, b) => a - b)
  return offsets.length < 2 ? null : offsets[Math.floor((offsets.length - 1) / 2)]!
}

import type { PeerId } from '../base/index.ts'

/** The median of this many recent pings is one robust number; older ones say little about now. */
const SAMPLES = 9

/** Recent round trips per peer, in milliseconds. */
export type RoundTrips = Map<PeerId, readonly number[]>

export function noteRoundTrip(trips: RoundTrips, peerId: PeerId, roundTripMs: number): void {
  trips.set(peerId, [...(trips.get(peerId) ?? []).slice(1 - SAMPLES), roundTripMs])
}

/** The median of recent pings; null while there are none. */
export function medianRoundTrip(trips: RoundTrips, peerId: PeerId): number | null {
  const sorted = [...(trips.get(peerId) ?? [])].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}

import type { PeerId } from '../../base/index.ts'

/** RFC 6298's gains: a mean over the last eight answers or so, and their mean deviation. */
const MEAN_GAIN = 1 / 8
const DEVIATION_GAIN = 1 / 4

/** How patient to be with a holder that has never answered. */
const UNKNOWN_LATENCY_MS = 50
const UNKNOWN_DEVIATION_MS = 50

/** In choosing, one is taken for near until it has shown otherwise, or it would never be known. */
const HOPED_LATENCY_MS = 5

/** And what was seen long ago counts for less, or who was slow once would never be asked again. */
const MEMORY_HALF_LIFE_MS = 30_000

/** A plan has failed for a holder that takes more than twice what it says, and this. */
const PLAN_SLACK_MS = 10

/** A holder is slower than its usual beyond its mean and four deviations, but never before this. */
const MIN_HEDGE_MS = 50
const HEDGE_DEVIATIONS = 4

/** A holder that fails is asked last for this long, doubled with each failure in a row. */
const BACK_OFF_MS = 500
const MAX_BACK_OFF_MS = 30_000

/** A holder that cheated, until the log has convicted it. */
const DISTRUST_MS = 600_000

/** What a gateway has seen of one holder. */
interface Standing {
  meanMs: number
  deviationMs: number
  isKnown: boolean
  sampledMs: number
  failuresInARow: number
  backOffUntilMs: number
  distrustedUntilMs: number
  isConnected: boolean
  inFlight: number
}

/** What a gateway has seen of each holder: latency, failures, connection. Bounded by the membership. */
export class Standings {
  readonly #self: PeerId
  readonly #peers = new Map<PeerId, Standing>()

  constructor(self: PeerId) {
    this.#self = self
  }

  isConnected(peerId: PeerId): boolean {
    return peerId === this.#self || this.#of(peerId).isConnected
  }

  isBackedOff(peerId: PeerId, nowMs: number): boolean {
    const { backOffUntilMs, distrustedUntilMs } = this.#of(peerId)
    return Math.max(backOffUntilMs, distrustedUntilMs) > nowMs
  }

  /** What to expect of it when choosing: its mean, fading with time. */
  expectedMs(peerId: PeerId, nowMs: number): number {
    const { isKnown, meanMs, sampledMs } = this.#of(peerId)
    if (!isKnown) return HOPED_LATENCY_MS
    return meanMs * 0.5 ** (Math.max(0, nowMs - sampledMs) / MEMORY_HALF_LIFE_MS)
  }

  /** The coordinator's word on a holder, until this gateway's own experience contradicts it. */
  latencyMs(peerId: PeerId, plannedMs: number | undefined, nowMs: number): number {
    const ownMs = this.expectedMs(peerId, nowMs)
    if (plannedMs === undefined) return ownMs
    const { isKnown, failuresInARow } = this.#of(peerId)
    const hasFailed = failuresInARow > 0 || (isKnown && ownMs > 2 * plannedMs + PLAN_SLACK_MS)
    return hasFailed ? ownMs : plannedMs
  }

  inFlight(peerId: PeerId): number {
    return this.#of(peerId).inFlight
  }

  /** How long this holder's answer may take before another is asked. */
  hedgeAfterMs(peerId: PeerId): number {
    const { meanMs, deviationMs } = this.#of(peerId)
    return Math.max(MIN_HEDGE_MS, meanMs + HEDGE_DEVIATIONS * deviationMs)
  }

  connection(peerId: PeerId, isConnected: boolean): void {
    const standing = this.#of(peerId)
    standing.isConnected = isConnected
    // What it failed at before may well have been the connection.
    if (isConnected) standing.backOffUntilMs = 0
  }

  asked(peerId: PeerId): void {
    this.#of(peerId).inFlight += 1
  }

  /** An answer came or will never come; `failed` and `answered` judge it. */
  settled(peerId: PeerId): void {
    const standing = this.#of(peerId)
    standing.inFlight = Math.max(0, standing.inFlight - 1)
  }

  answered(peerId: PeerId, elapsedMs: number, nowMs: number): void {
    this.#of(peerId).failuresInARow = 0
    this.#sample(peerId, elapsedMs, nowMs)
  }

  /** It has not answered within its usual time: that much is a sample already. */
  slow(peerId: PeerId, elapsedMs: number, nowMs: number): void {
    this.#sample(peerId, Math.max(elapsedMs, this.#of(peerId).meanMs), nowMs)
  }

  failed(peerId: PeerId, nowMs: number): void {
    const standing = this.#of(peerId)
    const backOffMs = Math.min(MAX_BACK_OFF_MS, BACK_OFF_MS * 2 ** standing.failuresInARow)
    standing.failuresInARow += 1
    standing.backOffUntilMs = Math.max(standing.backOffUntilMs, nowMs + backOffMs)
  }

  cheated(peerId: PeerId, nowMs: number): void {
    this.#of(peerId).distrustedUntilMs = nowMs + DISTRUST_MS
  }

  #sample(peerId: PeerId, elapsedMs: number, nowMs: number): void {
    const standing = this.#of(peerId)
    standing.sampledMs = nowMs
    if (!standing.isKnown) {
      standing.isKnown = true
      standing.meanMs = elapsedMs
      standing.deviationMs = elapsedMs / 2
      return
    }
    const error = elapsedMs - standing.meanMs
    standing.deviationMs += DEVIATION_GAIN * (Math.abs(error) - standing.deviationMs)
    standing.meanMs += MEAN_GAIN * error
  }

  #of(peerId: PeerId): Standing {
    let standing = this.#peers.get(peerId)
    if (standing === undefined) {
      standing = {
        meanMs: UNKNOWN_LATENCY_MS,
        deviationMs: UNKNOWN_DEVIATION_MS,
        isKnown: false,
        sampledMs: 0,
        failuresInARow: 0,
        backOffUntilMs: 0,
        distrustedUntilMs: 0,
        isConnected: false,
        inFlight: 0,
      }
      this.#peers.set(peerId, standing)
    }
    return standing
  }
}

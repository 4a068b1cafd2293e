import { MISDEEDS, type Misdeed } from './misdeeds.ts'

const WEATHER = [
  'loss',
  'delay',
  'duplicate',
  'reorder',
  'partition',
  'crash',
  'outage',
  'unsynced-loss',
  'disk-full',
  'disk-loss',
  'clock-jump',
  'record-missing',
  'tampered-program',
] as const

export type FaultKind = (typeof WEATHER)[number] | Misdeed

/** Every way in which the simulated world can hurt. */
export const FAULT_KINDS: readonly FaultKind[] = [...WEATHER, ...MISDEEDS]

/** How often each fault has fired, not how often it was planned. */
export class FaultCounts {
  readonly counts: Record<FaultKind, number> = Object.fromEntries(
    FAULT_KINDS.map(kind => [kind, 0]),
  ) as Record<FaultKind, number>

  /** When each was first seen. */
  readonly firstMs: Map<FaultKind, number> = new Map()
  readonly #nowMs: () => number

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs
  }

  add(kind: FaultKind): void {
    if (this.counts[kind]++ === 0) this.firstMs.set(kind, this.#nowMs())
  }
}

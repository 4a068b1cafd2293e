/** Every way in which the simulated world can hurt; a batch of seeds in which one of them never fired proves nothing. */
export const FAULT_KINDS = [
  'loss',
  'delay',
  'duplicate',
  'reorder',
  'partition',
  'crash',
  'outage',
  'unsynced-loss',
  'disk-full',
  'clock-jump',
  'record-missing',
  'bad-partial',
  'bad-dealing',
  'equivocation',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** How often each fault has fired, not how often it was planned. */
export class FaultCounts {
  readonly counts: Record<FaultKind, number> = Object.fromEntries(
    FAULT_KINDS.map(kind => [kind, 0]),
  ) as Record<FaultKind, number>

  add(kind: FaultKind): void {
    this.counts[kind]++
  }
}

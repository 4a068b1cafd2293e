/** All that the coalition does and all that happens to it. A run in which one of these never came proves too little. */
export const ATTACKS = [
  'copied encapsulation, of the same ceremony',
  'copied encapsulation, of an earlier ceremony',
  'copied encapsulation, of an aborted ceremony',
  'copied encapsulation, of another network',
  'copied encapsulation, by an importing client',
  'copied encapsulation, with its proof',
  'garbage ciphertexts',
  'garbage ciphertexts, by an importing client',
  'malformed ciphertexts',
  'record withheld from some holders',
  'constant term that cancels the honest ones',
  'another dealer’s whole dealing as its own',
  'two dealings',
  'leader withholds deals',
  'leader withholds acknowledgements',
  'leader withholds complaints',
  'false complaint with the true opening',
  'false complaint with another’s opening',
  'another member’s sealing key as its own',
  'an encapsulation as its sealing key',
  'old transactions again',
  'export to the coalition',
  'export to an encapsulation as one-time key',
  'honest export through its gateway',
  'honest generators repeat themselves',
] as const

export type Attack = (typeof ATTACKS)[number]

export const EVENTS = [
  'create',
  'import',
  'rotate',
  'refresh',
  'reshare',
  'repair',
  'activated',
  'aborted',
  'retried',
  'sealing key renewed',
  'honest complaint',
  'member convicted',
] as const

export type Event = (typeof EVENTS)[number]

/** What a run has seen, by name. */
export class Counts {
  readonly #counts = new Map<Attack | Event, number>([...ATTACKS, ...EVENTS].map(name => [name, 0]))

  add(name: Attack | Event): void {
    this.#counts.set(name, this.#counts.get(name)! + 1)
  }

  of(name: Attack | Event): number {
    return this.#counts.get(name)!
  }

  get rows(): ReadonlyArray<readonly [string, number]> {
    return [...this.#counts]
  }
}

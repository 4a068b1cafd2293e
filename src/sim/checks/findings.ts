/** What the checkers have found. One finding is enough to fail a seed; the first is the one to look at. */
export class Findings {
  readonly list: string[] = []
  readonly #stop: () => void

  constructor(stop: () => void) {
    this.#stop = stop
  }

  add(rule: string, what: string): void {
    this.list.push(`${rule}: ${what}`)
    this.#stop()
  }
}

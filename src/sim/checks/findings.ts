/** What comes after the first few is their aftermath. */
const MAX_FINDINGS = 5

/** What the checkers have found. One finding is enough to fail a seed; the first is the one to look at. */
export class Findings {
  readonly list: string[] = []
  readonly #stop: () => void

  constructor(stop: () => void) {
    this.#stop = stop
  }

  add(rule: string, what: string): void {
    const finding = `${rule}: ${what}`
    if (this.list.length < MAX_FINDINGS && !this.list.includes(finding)) this.list.push(finding)
    this.#stop()
  }
}

import type { Appended } from '../audit/index.ts'
import { type Clock, type OstrakaError, type Store, toOstrakaError, type Write } from '../base/index.ts'

/** What the lane needs of its node. */
export interface LanePorts {
  readonly store: Pick<Store, 'write'>
  readonly clock: Pick<Clock, 'schedule'>
  /** The log's first `size` entries are on disk. */
  written(size: number): void
  /** They are not, and nothing that waits for them may happen. */
  failed(error: OstrakaError): void
}

/** Entries that nothing waits for ride along with others; alone they are written after this. */
const LAZY_MS = 100

/** While the disk refuses entries, they are offered again this often. */
const RETRY_MS = 1_000

interface Held {
  readonly release: () => void
  readonly refuse: (error: OstrakaError) => void
}

/**
 * Writes the audit log beside the control log's lane. All entries that wait go together, in order, under one sync; what
 * a secret was used for is held until its entry is on disk, and refused when that fails. Entries are never dropped:
 * after a failure they are offered again, before any new one.
 */
export class AuditLane {
  readonly #ports: LanePorts
  #writes: Write[] = []
  #head: Write | undefined
  #size = 0
  /** Whether anything among the waiting writes may not wait for company. */
  #isUrgent = false
  #held: Held[] = []
  /** Held by the write under way. */
  #writing: Held[] = []
  #running: Promise<void> | undefined
  #isClosed = false
  /** While entries wait for the disk to recover, nothing that needs them may happen. */
  #failure: OstrakaError | undefined
  #cancelTimer: (() => void) | undefined

  constructor(ports: LanePorts) {
    this.#ports = ports
  }

  push({ writes, head, size }: Appended, isUrgent: boolean): void {
    for (const write of writes) this.#writes.push(write)
    this.#head = head
    this.#size = size
    this.#isUrgent ||= isUrgent
    if (isUrgent) this.#wake()
    else this.#wakeAfter(LAZY_MS)
  }

  /** Releases once every urgent entry so far is on disk: at once, when they are. */
  hold(release: () => void, refuse: (error: OstrakaError) => void): void {
    if (this.#failure !== undefined) refuse(this.#failure)
    else if (this.#isUrgent) this.#held.push({ release, refuse })
    else if (this.#running !== undefined) this.#writing.push({ release, refuse })
    else release()
  }

  /** Writes what waits, once, when nothing more will come: entries behind ones that failed would leave a gap. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    await this.#running
    await this.#writeOnce()
  }

  #wakeAfter(delayMs: number): void {
    if (this.#isClosed || this.#running !== undefined || this.#cancelTimer !== undefined) return
    this.#cancelTimer = this.#ports.clock.schedule(delayMs, () => {
      this.#cancelTimer = undefined
      this.#wake()
    })
  }

  #wake(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    // the steps of one turn of the event loop share a write
    await undefined
    let isWritten = true
    while (isWritten && this.#writes.length > 0) isWritten = await this.#writeOnce()
    this.#running = undefined
    // whoever came between the last write and now had nothing left to wait for
    for (const { release } of this.#writing.splice(0)) release()
    if (!isWritten) this.#wakeAfter(RETRY_MS)
  }

  async #writeOnce(): Promise<boolean> {
    const writes = this.#writes
    const head = this.#head
    const size = this.#size
    if (head === undefined || writes.length === 0) return true
    this.#writes = []
    this.#isUrgent = false
    this.#writing.push(...this.#held.splice(0))
    try {
      await this.#ports.store.write([...writes, head], { sync: true })
    } catch (thrown) {
      const error = toOstrakaError(thrown)
      this.#writes = [...writes, ...this.#writes]
      this.#failure = error
      this.#ports.failed(error)
      this.#isUrgent = false
      for (const { refuse } of [...this.#writing.splice(0), ...this.#held.splice(0)]) refuse(error)
      return false
    }
    this.#failure = undefined
    this.#ports.written(size)
    for (const { release } of this.#writing.splice(0)) release()
    return true
  }
}

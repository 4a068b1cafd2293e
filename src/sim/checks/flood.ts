import type { PeerId } from '../../base/index.ts'
import type { NoncesAnswer } from '../../wire/index.ts'
import { contentOf } from '../frames.ts'
import type { Frame } from '../network.ts'
import type { Findings } from './findings.ts'

/** docs/PROTOCOL.md, budgets: what a peer may have at once, and each second after, in nonces. */
const MOST_NONCES = 3_000
const NONCES_PER_SECOND = 100

/** No honest node does more for a peer that floods it than the peer's budget allows. */
export class FloodCheck {
  readonly #findings: Findings
  readonly #isHonest: (peerId: PeerId) => boolean
  readonly #made = new Map<string, number>()
  readonly #firstMs = new Map<string, number>()

  constructor(findings: Findings, isHonest: (peerId: PeerId) => boolean) {
    this.#findings = findings
    this.#isHonest = isHonest
  }

  /** A node that restarts has forgotten what its peers have had. */
  restarted(peerId: PeerId): void {
    for (const pair of this.#made.keys()) {
      if (!pair.startsWith(`${peerId} `)) continue
      this.#made.delete(pair)
      this.#firstMs.delete(pair)
    }
  }

  see(frame: Frame, nowMs: number): void {
    if (frame.kind !== 'answer' || !this.#isHonest(frame.from)) return
    const answer = contentOf<NoncesAnswer>(frame)
    if (answer.type !== 'nonces') return
    const pair = `${frame.from} ${frame.to}`
    const firstMs = this.#firstMs.get(pair) ?? nowMs
    this.#firstMs.set(pair, firstMs)
    const made = answer.nonces.reduce(
      (sum, { commitments }) => sum + commitments.length,
      this.#made.get(pair) ?? 0,
    )
    this.#made.set(pair, made)
    const most = MOST_NONCES + (NONCES_PER_SECOND * (nowMs - firstMs)) / 1000
    if (made > most) this.#findings.add('a peer gets no more than its budget', `${pair}: ${made} nonces`)
  }
}

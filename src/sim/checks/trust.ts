import type { PeerId } from '../../base/index.ts'
import type { NodePort, TrustView } from '../../node/index.ts'
import type { Findings } from './findings.ts'

type Report = TrustView['reports'][number]
type Observation = Report['observations'][number]

/** Full trust, in the thousandths of docs/PROTOCOL.md section 6. */
const FULL = 1000

/** What honest reporters have said of one subject, over a whole run: scores start from full trust. */
export interface Envelope {
  lowest: number
  highest: number
}

/** Section 6's opinion, in this checker's own words. */
function opinionOf(observation: Observation | undefined): number {
  if (observation === undefined) return FULL
  const { beaconsDue, beaconsSeen, answers, late, wrong, excess } = observation
  const asked = answers + late + 4 * wrong
  const presence =
    beaconsDue === 0 ? FULL : Math.trunc((FULL * Math.min(beaconsSeen, beaconsDue)) / beaconsDue)
  const service = asked === 0 ? FULL : Math.trunc((FULL * answers) / asked)
  const within =
    beaconsDue === 0 ? FULL : Math.trunc((FULL * (beaconsDue - Math.min(excess, beaconsDue))) / beaconsDue)
  return Math.trunc((presence * service * within) / (FULL * FULL))
}

/**
 * No liar moves the agreed opinion on a member past what honest reporters say of it: with at most f of the n active
 * members lying, the median of at least 2f+1 opinions has an honest one on either side, or is one. So every settled
 * score lies in the envelope of the honest opinions so far and the full trust that it started from.
 */
export class TrustCheck {
  settlements = 0
  /** Per settled epoch, every member's score in thousandths. */
  readonly scores: Map<number, ReadonlyMap<PeerId, number>> = new Map()
  readonly envelopes: Map<PeerId, Envelope> = new Map()
  readonly #findings: Findings
  readonly #isHonest: (peerId: PeerId) => boolean
  #before: TrustView | undefined

  constructor(findings: Findings, isHonest: (peerId: PeerId) => boolean) {
    this.#findings = findings
    this.#isHonest = isHonest
  }

  /** A node has applied the log's newest block. */
  follow(port: NodePort): void {
    const view = port.trust()
    const before = this.#before
    if (before !== undefined && view.epoch <= before.epoch) return
    this.#before = view
    if (before === undefined) return
    this.settlements++
    this.scores.set(view.epoch, new Map(view.scores.map(({ peerId, score }) => [peerId, score * FULL])))
    // docs/PROTOCOL.md section 6: reports of the epoch of the last settlement or later, and before the current one
    const counted = view.reports.filter(({ epoch }) => epoch >= before.epoch && epoch < view.epoch)
    const honest = counted.filter(({ reporter }) => this.#isHonest(reporter))
    for (const { peerId, opinion, state } of view.scores) {
      if (state === 'removed') continue
      const words = honest
        .filter(({ reporter }) => reporter !== peerId)
        .map(({ observations }) => opinionOf(observations.find(({ subject }) => subject === peerId)))
      this.#judge(peerId, opinion * FULL, words, before)
    }
  }

  #judge(peerId: PeerId, opinion: number, words: readonly number[], before: TrustView): void {
    const envelope = this.envelopes.get(peerId) ?? { lowest: FULL, highest: FULL }
    const [lowest, highest] = [Math.min(...words), Math.max(...words)]
    this.envelopes.set(peerId, {
      lowest: Math.min(envelope.lowest, lowest),
      highest: Math.max(envelope.highest, highest),
    })
    const last = (before.scores.find(entry => entry.peerId === peerId)?.opinion ?? 1) * FULL
    const isKept = Math.abs(opinion - last) < 0.5
    // half a thousandth: the view divides what the ledger holds as integers
    if (isKept || (opinion > lowest - 0.5 && opinion < highest + 0.5)) return
    this.#findings.add(
      'no liar moves a score past honest words',
      `${peerId} is held for ${opinion} where the honest say ${lowest} to ${highest}`,
    )
  }
}

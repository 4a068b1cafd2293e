import { equalBytes, toHex } from '../base/index.ts'
import type { Signed, Vote } from '../wire/index.ts'

export const NIL: Uint8Array = new Uint8Array(0)

/**
 * A liar's different votes are all counted, since others may have counted any one of them; more than these tell
 * nothing new.
 */
const MAX_VOTES_PER_VOTER = 3

/** The verified votes of one height, round and step. */
export class VoteSet {
  readonly #votes = new Map<string, Signed<Vote>[]>()

  /** Whether this very vote is here, so that its signature need not be verified again. */
  has(vote: Signed<Vote>): boolean {
    const known = this.#votes.get(toHex(vote.signer)) ?? []
    return known.some(
      other =>
        equalBytes(other.value.blockId, vote.value.blockId) && equalBytes(other.signature, vote.signature),
    )
  }

  /** Adds a verified vote; returns an earlier one by the same voter that it contradicts. */
  add(vote: Signed<Vote>): Signed<Vote> | undefined {
    const voter = toHex(vote.signer)
    const known = this.#votes.get(voter) ?? []
    if (known.some(other => equalBytes(other.value.blockId, vote.value.blockId))) return undefined
    if (known.length < MAX_VOTES_PER_VOTER) this.#votes.set(voter, [...known, vote])
    return known[0]
  }

  /** How many validators voted, for whatever: the paper's `*`. */
  get voters(): number {
    return this.#votes.size
  }

  votesFor(blockId: Uint8Array): Signed<Vote>[] {
    const found: Signed<Vote>[] = []
    for (const votes of this.#votes.values()) {
      const vote = votes.find(other => equalBytes(other.value.blockId, blockId))
      if (vote !== undefined) found.push(vote)
    }
    return found
  }

  countFor(blockId: Uint8Array): number {
    return this.votesFor(blockId).length
  }

  all(): Signed<Vote>[] {
    return [...this.#votes.values()].flat()
  }
}

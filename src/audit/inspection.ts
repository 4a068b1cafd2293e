import { equalBytes, type OstrakaError, toOstrakaError } from '../base/index.ts'
import type { TreeHead } from './checkpoint.ts'
import { type AuditEntry, auditEntryCodec } from './entry.ts'
import { CompactRange, type HashedNode, leafHash } from './tree.ts'

/**
 * `truncated`: entries that a checkpoint covers are gone. `edited`: single entries are not what the tree says.
 * `rewritten`: the log is sound in itself but does not lead to a checkpoint. `forked`: two signed heads of one size.
 * `unsigned`: a checkpoint that its node has not signed.
 */
export const AUDIT_FAULTS = ['truncated', 'edited', 'rewritten', 'forked', 'unsigned'] as const
export type AuditFault = (typeof AUDIT_FAULTS)[number]

export interface AuditFinding {
  readonly fault: AuditFault
  /** The first entry concerned; absent where it is the whole log. */
  readonly sequence?: number
  readonly text: string
}

/** A head that the log must lead to, and who says so. */
export interface ClaimedHead extends TreeHead {
  readonly source: string
  /** Whether the log's node has signed it: two such of one size are a fork. */
  readonly isSigned: boolean
}

/** Findings that are reported one by one; one is enough to condemn a log. */
const MAX_FINDINGS = 32

/** Reads a log from its first entry to its last and says what is wrong with it. Changed in place. */
export class Inspection {
  readonly #heads: readonly ClaimedHead[]
  readonly #tree = new CompactRange()
  readonly #findings: AuditFinding[] = []
  #isSound = true

  constructor(heads: readonly ClaimedHead[]) {
    // what several say in the same words is checked once
    this.#heads = heads.filter((head, at) => !heads.slice(0, at).some(other => isSame(other, head)))
    for (const [at, head] of this.#heads.entries()) {
      const other = this.#heads.slice(0, at).find(one => one.size === head.size)
      if (other === undefined || !other.isSigned || !head.isSigned) continue
      this.report('forked', `${other.source} and ${head.source} have different roots for size ${head.size}`)
    }
  }

  get size(): number {
    return this.#tree.size
  }

  get findings(): readonly AuditFinding[] {
    return this.#findings
  }

  /** The next entry's bytes, which the caller may have found not to fit the tree. Returns the subtrees it fills. */
  feed(bytes: Uint8Array, isMisplaced = false): readonly HashedNode[] {
    const sequence = this.#tree.size
    const problem = isMisplaced ? 'it does not fit the tree' : problemOf(bytes, sequence)
    if (problem !== undefined) this.report('edited', `entry ${sequence}: ${problem}`, sequence)
    const filled = this.#tree.append(leafHash(bytes))
    this.#compareRoots()
    return filled
  }

  /** To be called after the last entry. */
  finish(): readonly AuditFinding[] {
    for (const { source, size } of this.#heads) {
      if (size <= this.#tree.size) continue
      const text = `${source} covers ${size} entries, and there are ${this.#tree.size}`
      this.report('truncated', text, this.#tree.size)
    }
    return this.#findings
  }

  report(fault: AuditFault, text: string, sequence?: number): void {
    if (fault === 'edited') this.#isSound = false
    if (this.#findings.length >= MAX_FINDINGS) return
    this.#findings.push({ fault, text, ...(sequence === undefined ? {} : { sequence }) })
  }

  #compareRoots(): void {
    for (const { source, size, root } of this.#heads) {
      if (size !== this.#tree.size || equalBytes(root, this.#tree.root())) continue
      const fault = this.#isSound ? 'rewritten' : 'edited'
      this.report(fault, `the first ${size} entries are not those of ${source}`)
    }
  }
}

function isSame(a: ClaimedHead, b: ClaimedHead): boolean {
  return a.size === b.size && equalBytes(a.root, b.root)
}

function problemOf(bytes: Uint8Array, sequence: number): string | undefined {
  let entry: AuditEntry
  try {
    entry = auditEntryCodec.decode(bytes)
  } catch (thrown) {
    const error: OstrakaError = toOstrakaError(thrown)
    return error.message
  }
  return entry.sequence === sequence ? undefined : `it calls itself ${entry.sequence}`
}

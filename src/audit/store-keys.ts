import type { TreeNode } from './tree.ts'

/**
 * Where one of a node's logs lies in its store. The first one:
 *   audit/entry/<sequence>        the canonical bytes of an entry
 *   audit/node/<level>/<index>    the hash of a full subtree, from level 1 on; level 0 is the entries' own
 *   audit/checkpoint              the last checkpoint that was signed, written before it left
 *   audit/head                    the size, and the hashes of the fewest full subtrees that make it up
 * Later ones have `audit/log/<generation>/` in place of `audit/`, but for their heads, `audit/heads/<generation>`: those
 * tell which there are. What a log was stays where it lay when the next one begins.
 */
export interface AuditKeys {
  readonly entries: string
  readonly head: string
  readonly signed: string
  entry(sequence: number): string
  /** Where a subtree's hash is found: an entry's own key for a leaf. */
  node(node: TreeNode): string
}

export const LATER_HEADS = 'audit/heads/'

export function auditKeys(generation: number): AuditKeys {
  const base = generation === 0 ? 'audit/' : `audit/log/${padded(generation, GENERATION_DIGITS)}/`
  const entry = (sequence: number): string => `${base}entry/${padded(sequence)}`
  return {
    entries: `${base}entry/`,
    head: generation === 0 ? 'audit/head' : LATER_HEADS + padded(generation, GENERATION_DIGITS),
    signed: `${base}checkpoint`,
    entry,
    node: ({ level, index }) =>
      level === 0 ? entry(index) : `${base}node/${padded(level, 2)}/${padded(index)}`,
  }
}

/** The generation whose head lies at this key. */
export function generationOfHead(key: string): number {
  return Number(key.slice(LATER_HEADS.length))
}

const GENERATION_DIGITS = 4

/** Sixteen digits hold every safe integer: keys sort by number. */
function padded(number: number, digits = 16): string {
  return String(number).padStart(digits, '0')
}

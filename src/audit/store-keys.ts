import type { TreeNode } from './tree.ts'

/**
 * Where the log lies in the node's store:
 *   audit/entry/<sequence>        the canonical bytes of an entry
 *   audit/node/<level>/<index>    the hash of a full subtree, from level 1 on; level 0 is the entries' own
 *   audit/head                    the size, and the hashes of the fewest full subtrees that make it up
 *   audit/checkpoint              the last checkpoint that was signed, written before it left
 */
export const ENTRY_PREFIX = 'audit/entry/'
export const HEAD_KEY = 'audit/head'
export const SIGNED_KEY = 'audit/checkpoint'

/** Sixteen digits hold every safe integer: keys sort by number. */
function padded(number: number, digits = 16): string {
  return String(number).padStart(digits, '0')
}

export function entryKey(sequence: number): string {
  return ENTRY_PREFIX + padded(sequence)
}

/** The key under which a node's hash is found: an entry's own for a leaf. */
export function nodeKey({ level, index }: TreeNode): string {
  return level === 0 ? entryKey(index) : `audit/node/${padded(level, 2)}/${padded(index)}`
}

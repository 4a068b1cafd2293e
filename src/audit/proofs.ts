import { equalBytes, OstrakaError } from '../base/index.ts'
import { foldRight, HASH_BYTES, interiorHash, subtreesOf, type TreeNode } from './tree.ts'

/**
 * A proof before its hashes are known: for each hash, the full subtrees to be folded into it. All but the last come
 * from one stored subtree each, so that a proof costs O(log n) look-ups.
 */
export type ProofPlan = ReadonlyArray<readonly TreeNode[]>

/** RFC 6962 section 2.1.1, PATH(index, D[size]). Errors: `malformed` unless 0 <= index < size. */
export function planInclusion(index: number, size: number): ProofPlan {
  requireSize(index, size - 1)
  return path(index, 0, size)
}

function path(index: number, begin: number, end: number): TreeNode[][] {
  if (end - begin === 1) return []
  const middle = begin + splitOf(end - begin)
  return index < middle
    ? [...path(index, begin, middle), subtreesOf(middle, end)]
    : [...path(index, middle, end), subtreesOf(begin, middle)]
}

/** RFC 6962 section 2.1.2, PROOF(first, D[second]). Errors: `malformed` unless 0 < first <= second. */
export function planConsistency(first: number, second: number): ProofPlan {
  requireSize(first, second)
  if (first === 0) throw new OstrakaError('malformed', 'an empty tree is the beginning of every other')
  return subproof(first, 0, second, true)
}

function subproof(first: number, begin: number, end: number, isWhole: boolean): TreeNode[][] {
  if (first === end) return isWhole ? [] : [subtreesOf(begin, end)]
  const middle = begin + splitOf(end - begin)
  return first <= middle
    ? [...subproof(first, begin, middle, isWhole), subtreesOf(middle, end)]
    : [...subproof(first, middle, end, false), subtreesOf(begin, middle)]
}

/** The largest power of two below `count`, which is above 1. */
function splitOf(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

function requireSize(value: number, max: number): void {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(max) && value >= 0 && value <= max) return
  throw new OstrakaError('malformed', 'no proof of this', { value, max })
}

/** Every subtree that a plan wants looked up. */
export function nodesOfPlan(plan: ProofPlan): TreeNode[] {
  return plan.flat()
}

/** The proof that `plan` describes; `hashOf` answers for each of its subtrees. */
export function proofOf(plan: ProofPlan, hashOf: (node: TreeNode) => Uint8Array): Uint8Array[] {
  return plan.map(nodes => foldRight(nodes.map(hashOf)))
}

/** Whether the proof leads from the leaf to the root (RFC 9162 section 2.1.3.2). Never throws. */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isSize(index) || !isSize(size) || index >= size) return false
  if (!areHashes([leaf, root, ...proof])) return false
  let node = index
  let last = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = interiorHash(sibling, hash)
      for (; node % 2 === 0 && node !== 0; node = half(node)) last = half(last)
    } else {
      hash = interiorHash(hash, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && equalBytes(hash, root)
}

/**
 * Whether the tree of `first` leaves is the beginning of the one of `second` (RFC 9162 section 2.1.4.2). A tree
 * without leaves proves nothing, so `first` is at least 1. Never throws.
 */
export function verifyConsistency(
  first: number,
  second: number,
  firstRoot: Uint8Array,
  secondRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isSize(first) || !isSize(second) || first < 1 || first > second) return false
  if (first === second) return proof.length === 0 && equalBytes(firstRoot, secondRoot)
  if (proof.length === 0 || !areHashes([firstRoot, secondRoot, ...proof])) return false
  const isFull = subtreesOf(0, first).length === 1
  const [seed, ...rest] = isFull ? [firstRoot, ...proof] : proof
  let node = first - 1
  let last = second - 1
  for (; node % 2 === 1; node = half(node)) last = half(last)
  let older = seed!
  let newer = seed!
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      older = interiorHash(sibling, older)
      newer = interiorHash(sibling, newer)
      for (; node % 2 === 0 && node !== 0; node = half(node)) last = half(last)
    } else {
      newer = interiorHash(newer, sibling)
    }
    node = half(node)
    last = half(last)
  }
  return last === 0 && equalBytes(older, firstRoot) && equalBytes(newer, secondRoot)
}

/** Sizes go beyond 32 bits, where the shift operators end. */
function half(value: number): number {
  return Math.floor(value / 2)
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every(hash => hash.length === HASH_BYTES)
}

import { OstrakaError } from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'

const LEAF = new Uint8Array([0])
const INTERIOR = new Uint8Array([1])

export const HASH_BYTES = 32

/** RFC 6962 section 2.1: the hash of an empty list. */
export const EMPTY_ROOT: Uint8Array = sha256()

/** RFC 6962 section 2.1: leaves and nodes hash apart, so that neither can pass for the other. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry)
}

export function interiorHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(INTERIOR, left, right)
}

/** The root of a full subtree: the 2^level leaves from index · 2^level on. Once full, its hash never changes. */
export interface TreeNode {
  readonly level: number
  readonly index: number
}

export interface HashedNode extends TreeNode {
  readonly hash: Uint8Array
}

/** Beyond this, sizes lose bits in JavaScript's numbers; a log of 1,000 entries a second gets there in 285,000 years. */
const MAX_LEVEL = 52

/** The fewest full subtrees that together are the leaves [begin, end), from left to right. */
export function subtreesOf(begin: number, end: number): TreeNode[] {
  const nodes: TreeNode[] = []
  let at = begin
  while (at < end) {
    let level = 0
    while (level < MAX_LEVEL && at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level++
    nodes.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return nodes
}

/** Folds the roots of ever smaller subtrees, left to right, into the root of them all. */
export function foldRight(hashes: readonly Uint8Array[]): Uint8Array {
  const last = hashes.at(-1)
  if (last === undefined) return EMPTY_ROOT
  return hashes.slice(0, -1).reduceRight((right, left) => interiorHash(left, right), last)
}

/**
 * The leaves [begin, size) as their fewest full subtrees ("compact range"): all that appending needs, in O(log n).
 * With begin 0 it knows the root. Changed in place.
 */
export class CompactRange {
  readonly begin: number
  #size: number
  readonly #nodes: HashedNode[]

  /** `hashes` are those of `subtreesOf(begin, size)`. Errors: `malformed` for another number of them. */
  constructor(begin = 0, size: number = begin, hashes: readonly Uint8Array[] = []) {
    this.begin = begin
    this.#size = size
    const nodes = subtreesOf(begin, size)
    if (nodes.length !== hashes.length || hashes.some(hash => hash.length !== HASH_BYTES)) {
      throw new OstrakaError('malformed', 'not the hashes of this range', { begin, size })
    }
    this.#nodes = nodes.map((node, at) => ({ ...node, hash: hashes[at]! }))
  }

  get size(): number {
    return this.#size
  }

  get nodes(): readonly HashedNode[] {
    return this.#nodes
  }

  get hashes(): Uint8Array[] {
    return this.#nodes.map(node => node.hash)
  }

  /** Appends one leaf; returns the subtrees above it that it has filled, lowest first. */
  append(hash: Uint8Array): HashedNode[] {
    const filled: HashedNode[] = []
    let last: HashedNode = { level: 0, index: this.#size, hash }
    this.#size += 1
    for (let left = this.#nodes.at(-1); left !== undefined; left = this.#nodes.at(-1)) {
      if (left.level !== last.level || left.index % 2 !== 0) break
      this.#nodes.pop()
      last = { level: left.level + 1, index: left.index / 2, hash: interiorHash(left.hash, last.hash) }
      filled.push(last)
    }
    this.#nodes.push(last)
    return filled
  }

  /** The RFC 6962 tree hash of the first `size` leaves. Errors: `unsupported` when the range does not begin at 0. */
  root(): Uint8Array {
    if (this.begin !== 0) throw new OstrakaError('unsupported', 'only a range from 0 on has a root')
    return foldRight(this.hashes)
  }

  clone(): CompactRange {
    return new CompactRange(this.begin, this.#size, this.hashes)
  }
}

/** Names a subtree among others. */
export function nodeName({ level, index }: TreeNode): string {
  return `${level}/${index}`
}

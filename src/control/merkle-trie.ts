import { compareBytes, equalBytes } from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'
import { Leaf, leafHash, pathHash } from './merkle-leaf.ts'

/**
 * A binary trie over the bits of sha256(path), most significant first. A subtree with one leaf is that leaf, so the
 * depth is about log2 of the size, and the shape depends on the set of paths alone. Nodes are never changed.
 */
export type Trie = Leaf | Branch | null

export class Branch {
  readonly left: Trie
  readonly right: Trie
  #hash: Uint8Array | undefined
  #sizeBytes: number | undefined

  constructor(left: Trie, right: Trie) {
    this.left = left
    this.right = right
  }

  get hash(): Uint8Array {
    this.#hash ??= branchHash(hashOf(this.left), hashOf(this.right))
    return this.#hash
  }

  get sizeBytes(): number {
    this.#sizeBytes ??= (this.left?.sizeBytes ?? 0) + (this.right?.sizeBytes ?? 0)
    return this.#sizeBytes
  }
}

const BRANCH = new Uint8Array([1])
const EMPTY = new Uint8Array(32)

function branchHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(BRANCH, left, right)
}

export function hashOf(node: Trie): Uint8Array {
  return node === null ? EMPTY : node.hash
}

function bitAt(hash: Uint8Array, depth: number): number {
  return (hash[depth >>> 3]! >>> (7 - (depth & 7))) & 1
}

function withChild(branch: Branch, bit: number, child: Trie): Branch {
  return bit === 0 ? new Branch(child, branch.right) : new Branch(branch.left, child)
}

export function insertLeaf(node: Trie, leaf: Leaf, depth = 0): Trie {
  if (node === null) return leaf
  const bit = bitAt(leaf.keyHash, depth)
  if (node instanceof Branch) {
    return withChild(node, bit, insertLeaf(bit === 0 ? node.left : node.right, leaf, depth + 1))
  }
  if (node.path === leaf.path) return leaf
  const parted = withChild(new Branch(null, null), bitAt(node.keyHash, depth), node)
  return insertLeaf(parted, leaf, depth)
}

/** Whether the leaves ascend by path hash, each path once. */
export function areAscending(leaves: readonly Leaf[]): boolean {
  return leaves.every((leaf, at) => at === 0 || compareBytes(leaves[at - 1]!.keyHash, leaf.keyHash) < 0)
}

/** The trie that inserting these leaves gives, at the cost of its branches alone. The leaves ascend by path hash. */
export function trieOf(leaves: readonly Leaf[], depth = 0, from = 0, end: number = leaves.length): Trie {
  if (from === end) return null
  if (end - from === 1) return leaves[from]!
  let low = from
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (bitAt(leaves[middle]!.keyHash, depth) === 0) low = middle + 1
    else high = middle
  }
  return new Branch(trieOf(leaves, depth + 1, from, low), trieOf(leaves, depth + 1, low, end))
}

export function removeLeaf(node: Trie, keyHash: Uint8Array, depth = 0): Trie {
  if (node === null) return null
  if (node instanceof Leaf) return equalBytes(node.keyHash, keyHash) ? null : node
  const bit = bitAt(keyHash, depth)
  const branch = withChild(node, bit, removeLeaf(bit === 0 ? node.left : node.right, keyHash, depth + 1))
  if (branch.left === null && !(branch.right instanceof Branch)) return branch.right
  if (branch.right === null && !(branch.left instanceof Branch)) return branch.left
  return branch
}

/** Shows what stands where a path would: siblings from the root down, and another path's leaf if one is there. */
export interface MerkleProof {
  readonly siblings: readonly Uint8Array[]
  /** For absence: the leaf that ends this branch in the path's stead; null where the branch is empty, or for inclusion. */
  readonly other: { readonly keyHash: Uint8Array; readonly valueHash: Uint8Array } | null
}

export function proveIn(root: Trie, path: string): MerkleProof {
  const keyHash = pathHash(path)
  const siblings: Uint8Array[] = []
  let node = root
  while (node instanceof Branch) {
    const bit = bitAt(keyHash, siblings.length)
    siblings.push(hashOf(bit === 0 ? node.right : node.left))
    node = bit === 0 ? node.left : node.right
  }
  if (node === null || node.path === path) return { siblings, other: null }
  return { siblings, other: { keyHash: node.keyHash, valueHash: sha256(node.bytes) } }
}

function rootFrom(terminal: Uint8Array, keyHash: Uint8Array, siblings: readonly Uint8Array[]): Uint8Array {
  let hash = terminal
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth]!
    hash = bitAt(keyHash, depth) === 0 ? branchHash(hash, sibling) : branchHash(sibling, hash)
  }
  return hash
}

/** Whether `proof` shows that the map with this root holds exactly `bytes` at `path`. */
export function verifyInclusion(
  root: Uint8Array,
  path: string,
  bytes: Uint8Array,
  proof: MerkleProof,
): boolean {
  if (proof.other !== null || proof.siblings.length > 256) return false
  const keyHash = pathHash(path)
  return equalBytes(rootFrom(leafHash(keyHash, sha256(bytes)), keyHash, proof.siblings), root)
}

/** Whether `proof` shows that the map with this root holds nothing at `path`. */
export function verifyAbsence(root: Uint8Array, path: string, proof: MerkleProof): boolean {
  if (proof.siblings.length > 256) return false
  const keyHash = pathHash(path)
  const { other } = proof
  if (other === null) return equalBytes(rootFrom(EMPTY, keyHash, proof.siblings), root)
  if (equalBytes(other.keyHash, keyHash)) return false
  for (let depth = 0; depth < proof.siblings.length; depth++) {
    if (bitAt(other.keyHash, depth) !== bitAt(keyHash, depth)) return false
  }
  return equalBytes(rootFrom(leafHash(other.keyHash, other.valueHash), keyHash, proof.siblings), root)
}

/** A subtree by its depth and root hash. Those of a cut, from left to right, determine the root of the whole. */
export interface Subtree {
  readonly depth: number
  readonly root: Uint8Array
}

/** Cuts a trie into the largest subtrees of at most `maxBytes` each, from left to right; one leaf may be larger. */
export function* cut(
  node: Trie,
  maxBytes: number,
  depth = 0,
): Generator<Subtree & { readonly leaves: Iterable<Leaf> }> {
  if (node instanceof Branch && node.sizeBytes > maxBytes) {
    yield* cut(node.left, maxBytes, depth + 1)
    yield* cut(node.right, maxBytes, depth + 1)
  } else {
    yield { depth, root: hashOf(node), leaves: leavesOf(node) }
  }
}

/** Ascending by path hash. */
function* leavesOf(node: Trie): Generator<Leaf> {
  if (node instanceof Leaf) yield node
  if (!(node instanceof Branch)) return
  yield* leavesOf(node.left)
  yield* leavesOf(node.right)
}

/** The root of the trie that these subtrees are a cut of; undefined when they are none. */
export function rootOfCut(subtrees: readonly Subtree[]): Uint8Array | undefined {
  // complete subtrees so far, deepest last: two neighbours of one depth make their parent
  const open: Subtree[] = []
  for (const subtree of subtrees) {
    let at = subtree
    for (let left = open.at(-1); left !== undefined && left.depth === at.depth; left = open.at(-1)) {
      open.pop()
      at = { depth: at.depth - 1, root: branchHash(left.root, at.root) }
    }
    // a left neighbour that is deeper can never be completed any more
    if (at.depth < (open.at(-1)?.depth ?? 0)) return undefined
    open.push(at)
  }
  const [whole] = open
  return open.length === 1 && whole!.depth === 0 ? whole!.root : undefined
}

/** The root of the subtree at `depth` that holds exactly these leaves; undefined when they do not belong under one. */
export function rootOfSubtree(leaves: readonly Leaf[], depth: number): Uint8Array | undefined {
  if (!areAscending(leaves)) return undefined
  const [first] = leaves
  const last = leaves.at(-1)
  for (let bit = 0; bit < depth && first !== last; bit++) {
    if (bitAt(first!.keyHash, bit) !== bitAt(last!.keyHash, bit)) return undefined
  }
  return hashOf(trieOf(leaves, depth))
}

import type { Leaf } from './merkle-leaf.ts'

/**
 * The Merkle map's leaves ordered by path: a persistent treap (Seidel and Aragon 1996) whose priorities are the path
 * hashes, so that its shape, like the trie's, depends on the set of paths alone. It makes a prefix scan cost what it
 * returns.
 */
export interface IndexNode {
  readonly leaf: Leaf
  readonly left: OrderedIndex
  readonly right: OrderedIndex
}

export type OrderedIndex = IndexNode | null

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function isAbove(a: IndexNode, b: IndexNode): boolean {
  return a.leaf.priority > b.leaf.priority
}

export function find(node: OrderedIndex, path: string): Leaf | undefined {
  let at = node
  while (at !== null) {
    if (at.leaf.path === path) return at.leaf
    at = path < at.leaf.path ? at.left : at.right
  }
  return undefined
}

export function insert(node: OrderedIndex, leaf: Leaf): IndexNode {
  if (node === null) return { leaf, left: null, right: null }
  if (leaf.path === node.leaf.path) return { ...node, leaf }
  if (leaf.path < node.leaf.path) {
    const left = insert(node.left, leaf)
    if (!isAbove(left, node)) return { ...node, left }
    return { ...left, right: { ...node, left: left.right } }
  }
  const right = insert(node.right, leaf)
  if (!isAbove(right, node)) return { ...node, right }
  return { ...right, left: { ...node, right: right.left } }
}

/** The index that inserting these leaves gives, in one pass. The leaves ascend by path. */
export function orderedIndexOf(leaves: readonly Leaf[]): OrderedIndex {
  // the rightmost branch so far, from the root down: a new leaf takes the place of the nodes below it in priority
  const right: Mutable<IndexNode>[] = []
  for (const leaf of leaves) {
    const node: Mutable<IndexNode> = { leaf, left: null, right: null }
    while (right.length > 0 && isAbove(node, right.at(-1)!)) node.left = right.pop()!
    const parent = right.at(-1)
    if (parent !== undefined) parent.right = node
    right.push(node)
  }
  return right[0] ?? null
}

export function remove(node: OrderedIndex, path: string): OrderedIndex {
  if (node === null) return null
  if (path === node.leaf.path) return merge(node.left, node.right)
  if (path < node.leaf.path) return { ...node, left: remove(node.left, path) }
  return { ...node, right: remove(node.right, path) }
}

function merge(left: OrderedIndex, right: OrderedIndex): OrderedIndex {
  if (left === null) return right
  if (right === null) return left
  if (isAbove(left, right)) return { ...left, right: merge(left.right, right) }
  return { ...right, left: merge(left, right.left) }
}

/** Leaves whose path is at or after `from`, ascending. */
export function* ascend(node: OrderedIndex, from: string): Generator<Leaf> {
  const above: IndexNode[] = []
  let at = node
  while (at !== null) {
    if (at.leaf.path >= from) {
      above.push(at)
      at = at.left
    } else {
      at = at.right
    }
  }
  for (let next = above.pop(); next !== undefined; next = above.pop()) {
    yield next.leaf
    for (let down = next.right; down !== null; down = down.left) above.push(down)
  }
}

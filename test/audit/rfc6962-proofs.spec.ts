import { deepEqual, equal, ok } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import {
  CompactRange,
  EMPTY_ROOT,
  interiorHash,
  leafHash,
  nodesOfPlan,
  planConsistency,
  planInclusion,
  proofOf,
  subtreesOf,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/index.ts'
import { randomBelow, SeededRng, toHex } from '../../src/base/index.ts'

const VECTORS = `${import.meta.dirname}/../vectors/merkle`

interface InclusionVector {
  readonly leafIdx: number
  readonly treeSize: number
  readonly root: string | null
  readonly leafHash: string | null
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}

interface ConsistencyVector {
  readonly size1: number
  readonly size2: number
  readonly root1: string | null
  readonly root2: string | null
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}

function vectors<T>(kind: string): Array<readonly [string, T]> {
  const files = globSync(`${kind}/**/*.json`, { cwd: VECTORS }).sort()
  return files.map(file => [file, JSON.parse(readFileSync(`${VECTORS}/${file}`, 'utf8')) as T])
}

const bytes = (text: string | null): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64'))

/** RFC 6962 section 2.1, as it is written. */
function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return leafHash(leaves[0]!)
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1)
  return interiorHash(treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

function leavesOf(count: number, seed: string): Uint8Array[] {
  const rng = new SeededRng(seed)
  return Array.from({ length: count }, () => rng.bytes(1 + randomBelow(rng, 40)))
}

const hashOf =
  (leaves: readonly Uint8Array[]) =>
  ({ level, index }: TreeNode): Uint8Array =>
    treeHash(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))

describe('RFC 6962 proofs', () => {
  it('of transparency-dev are accepted or refused as they say', () => {
    const inclusion = vectors<InclusionVector>('inclusion')
    for (const [file, { leafIdx, treeSize, root, leafHash: leaf, proof, wantErr }] of inclusion) {
      const isAccepted = verifyInclusion(
        leafIdx,
        treeSize,
        bytes(leaf),
        (proof ?? []).map(bytes),
        bytes(root),
      )
      equal(isAccepted, !wantErr, file)
    }
    const consistency = vectors<ConsistencyVector>('consistency')
    for (const [file, { size1, size2, root1, root2, proof, wantErr }] of consistency) {
      const isAccepted = verifyConsistency(size1, size2, bytes(root1), bytes(root2), (proof ?? []).map(bytes))
      equal(isAccepted, !wantErr, file)
    }
    deepEqual([inclusion.length, consistency.length], [98, 98])
  })

  it('of every leaf and every earlier tree hold, in all trees up to 40 leaves', () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = leavesOf(size, 'small')
      const root = treeHash(leaves)
      for (let index = 0; index < size; index++) {
        const proof = proofOf(planInclusion(index, size), hashOf(leaves))
        ok(verifyInclusion(index, size, leafHash(leaves[index]!), proof, root), `${index} of ${size}`)
        ok(!verifyInclusion(index, size, leafHash(new Uint8Array(3)), proof, root))
        const first = index + 1
        const consistency = proofOf(planConsistency(first, size), hashOf(leaves))
        const firstRoot = treeHash(leaves.slice(0, first))
        ok(verifyConsistency(first, size, firstRoot, root, consistency), `${first} in ${size}`)
        if (first < size) ok(!verifyConsistency(first, size, root, root, consistency))
      }
    }
  })

  it('of random trees fit the naive recursion, from O(log n) look-ups', () => {
    const rng = new SeededRng('random trees')
    for (let round = 0; round < 20; round++) {
      const size = 1 + randomBelow(rng, 600)
      const leaves = leavesOf(size, `tree ${round}`)
      const first = 1 + randomBelow(rng, size)
      const plan = planConsistency(first, size)
      const roots = [treeHash(leaves.slice(0, first)), treeHash(leaves)] as const
      ok(verifyConsistency(first, size, ...roots, proofOf(plan, hashOf(leaves))))
      ok(nodesOfPlan(plan).length <= 2 * Math.ceil(Math.log2(size + 1)), `${first} in ${size}`)
      const index = randomBelow(rng, size)
      const inclusion = proofOf(planInclusion(index, size), hashOf(leaves))
      ok(verifyInclusion(index, size, leafHash(leaves[index]!), inclusion, roots[1]))
    }
  })

  it('work for trees that no 32-bit number counts', () => {
    const size = 2 ** 40 + 12_345
    const plan = planInclusion(2 ** 35 + 7, size)
    ok(plan.length <= 41)
    const hashes = new Map(
      nodesOfPlan(plan).map(node => [`${node.level}/${node.index}`, leafHash(new Uint8Array([node.level]))]),
    )
    const proof = proofOf(plan, node => hashes.get(`${node.level}/${node.index}`)!)
    ok(!verifyInclusion(2 ** 35 + 7, size, leafHash(new Uint8Array(1)), proof, EMPTY_ROOT))
  })
})

describe('a compact range', () => {
  it('has the root of the naive recursion after every append, and reports each full subtree once', () => {
    const leaves = leavesOf(70, 'range')
    const range = new CompactRange()
    const seen = new Map<string, string>()
    for (const [at, leaf] of leaves.entries()) {
      for (const node of range.append(leafHash(leaf))) {
        equal(toHex(node.hash), toHex(hashOf(leaves)(node)))
        const name = `${node.level}/${node.index}`
        ok(!seen.has(name))
        seen.set(name, toHex(node.hash))
      }
      equal(toHex(range.root()), toHex(treeHash(leaves.slice(0, at + 1))))
    }
    equal(seen.size, 35 + 17 + 8 + 4 + 2 + 1)
  })

  it('that begins anywhere holds the subtrees which continue the tree up to there', () => {
    const leaves = leavesOf(50, 'middle')
    for (let begin = 0; begin < 50; begin++) {
      const range = new CompactRange(begin)
      for (const leaf of leaves.slice(begin)) range.append(leafHash(leaf))
      deepEqual(
        range.nodes.map(({ level, index }) => ({ level, index })),
        subtreesOf(begin, 50),
      )
    }
  })
})

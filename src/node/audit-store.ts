import {
  type AuditFinding,
  type AuditLog,
  type AuditWorld,
  type ClaimedHead,
  CompactRange,
  decodeHead,
  ENTRY_PREFIX,
  emptyLog,
  entryKey,
  foldRight,
  type HashedNode,
  HEAD_KEY,
  Inspection,
  leafHash,
  nodeKey,
  nodesOfPlan,
  openLog,
  planConsistency,
  planInclusion,
  proofOf,
  SIGNED_KEY,
  type SignedCheckpoint,
  signedCheckpointCodec,
  subtreesOf,
  type TreeNode,
  verifyConsistency,
} from '../audit/index.ts'
import { equalBytes, OstrakaError, type Store, toOstrakaError } from '../base/index.ts'

/** At start the newest entries are hashed again, up to twice so many; `audit verify` reads them all. */
const START_CHECKED = 4096

/** Entries read at a time. */
const BATCH = 1024

type Reader = Pick<Store, 'get' | 'scan'>

/**
 * The audit log as the store left it. What is wrong with it does not keep the node from starting, but from using
 * secrets: the log then carries its `damage`, which names the entries.
 */
export async function openAuditLog(store: Reader, world: AuditWorld): Promise<AuditLog> {
  try {
    return await readLog(store, world)
  } catch (thrown) {
    const { message, details } = toOstrakaError(thrown)
    return emptyLog(world, new OstrakaError('storage_corrupt', `the audit log: ${message}`, details))
  }
}

async function readLog(store: Reader, world: AuditWorld): Promise<AuditLog> {
  const stored = await store.get(HEAD_KEY)
  const signedBytes = await store.get(SIGNED_KEY)
  const signed = signedBytes === undefined ? null : signedCheckpointCodec.decode(signedBytes)
  const tree = stored === undefined ? new CompactRange() : decodeHead(stored)
  await checkTail(store, tree)
  if (signed === null) return openLog(world, { tree, signed, base: [], range: tree.clone() })
  if (signed.size > tree.size) throw damaged('entries that were signed are gone', signed.size, tree.size)
  const base = await hashedNodes(store, subtreesOf(0, signed.size))
  const since = await hashedNodes(store, subtreesOf(signed.size, tree.size))
  await checkSigned(store, tree, signed, base)
  const range = new CompactRange(
    signed.size,
    tree.size,
    since.map(node => node.hash),
  )
  return openLog(world, { tree, signed, base, range })
}

function damaged(text: string, from: number, to: number): OstrakaError {
  return new OstrakaError('storage_corrupt', `${text} (from ${from} to ${to - 1})`, { from, to })
}

/** The newest entries must hash to the subtrees that are stored, and none may lie beyond the head. */
async function checkTail(store: Reader, tree: CompactRange): Promise<void> {
  const begin = Math.max(0, (Math.floor(tree.size / START_CHECKED) - 1) * START_CHECKED)
  const range = new CompactRange(begin)
  for await (const value of entriesOf(store, begin, tree.size)) range.append(leafHash(value))
  const known = new Map(tree.nodes.map(node => [nodeKey(node), node.hash]))
  for (const node of range.nodes) {
    const hash = known.get(nodeKey(node)) ?? (await hashOf(store, node))
    if (equalBytes(hash, node.hash)) continue
    const from = node.index * 2 ** node.level
    throw damaged('entries are not what the tree says', from, from + 2 ** node.level)
  }
  const beyond = await store.scan(ENTRY_PREFIX, { from: entryKey(tree.size), limit: 1 })
  if (beyond.length > 0) throw damaged('entries lie beyond the head', tree.size, tree.size + 1)
}

async function checkSigned(
  store: Reader,
  tree: CompactRange,
  signed: SignedCheckpoint,
  base: readonly HashedNode[],
): Promise<void> {
  const isSigned = equalBytes(foldRight(base.map(node => node.hash)), signed.root)
  const proof = await readProof(store, planConsistency(signed.size, tree.size))
  if (isSigned && verifyConsistency(signed.size, tree.size, signed.root, tree.root(), proof)) return
  throw damaged('the entries are not those that were signed', 0, signed.size)
}

/** The entries [begin, end). Errors: `storage_corrupt` { from } where one is missing. */
async function* entriesOf(store: Reader, begin: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = begin; at < end; ) {
    const limit = Math.min(BATCH, end - at)
    const batch = await store.scan(ENTRY_PREFIX, { from: entryKey(at), limit })
    for (const { key, value } of batch) {
      if (key !== entryKey(at)) break
      yield value
      at += 1
    }
    const isWhole = batch.length === limit && batch.at(-1)!.key === entryKey(at - 1)
    if (!isWhole) throw damaged('an entry is missing', at, end)
  }
}

async function hashOf(store: Reader, node: TreeNode): Promise<Uint8Array> {
  const value = await store.get(nodeKey(node))
  if (value === undefined) {
    const from = node.index * 2 ** node.level
    throw damaged('a part of the tree is missing', from, from + 2 ** node.level)
  }
  return node.level === 0 ? leafHash(value) : value
}

async function hashedNodes(store: Reader, nodes: readonly TreeNode[]): Promise<HashedNode[]> {
  return Promise.all(nodes.map(async node => ({ ...node, hash: await hashOf(store, node) })))
}

async function readProof(store: Reader, plan: ReturnType<typeof planInclusion>): Promise<Uint8Array[]> {
  const nodes = await hashedNodes(store, nodesOfPlan(plan))
  const hashes = new Map(nodes.map(node => [nodeKey(node), node.hash]))
  return proofOf(plan, node => hashes.get(nodeKey(node))!)
}

/** Some entries with their inclusion proofs, each against the head of the first `provenSize` or else of all entries. */
export interface AuditPage {
  readonly size: number
  readonly root: Uint8Array
  /** From the first `provenSize` entries to all; empty when there is nothing to prove. */
  readonly consistency: readonly Uint8Array[]
  readonly entries: ReadonlyArray<{
    readonly sequence: number
    readonly bytes: Uint8Array
    /** The tree that the proof leads to. */
    readonly provenSize: number
    readonly proof: readonly Uint8Array[]
  }>
}

/** Reads a page of the log as it lies on disk. Errors: `storage_corrupt` where it is not whole. */
export async function readAuditPage(
  store: Reader,
  log: AuditLog,
  provenSize: number,
  from: number,
  limit: number,
): Promise<AuditPage> {
  const size = log.durableSize
  const root = foldRight((await hashedNodes(store, subtreesOf(0, size))).map(node => node.hash))
  const isBetween = provenSize > 0 && provenSize <= size
  const consistency = isBetween ? await readProof(store, planConsistency(provenSize, size)) : []
  const entries: Array<AuditPage['entries'][number]> = []
  for await (const bytes of entriesOf(store, from, Math.max(from, Math.min(size, from + limit)))) {
    const sequence = from + entries.length
    const proven = isBetween && sequence < provenSize ? provenSize : size
    const proof = await readProof(store, planInclusion(sequence, proven))
    entries.push({ sequence, bytes, provenSize: proven, proof })
  }
  return { size, root, consistency, entries }
}

export interface StoredInspection {
  readonly size: number
  readonly findings: readonly AuditFinding[]
}

/** Reads the whole log of a stopped node, hashes it again, and compares it with every head that is known of it. */
export async function inspectStore(
  store: Reader,
  recorded: readonly ClaimedHead[],
): Promise<StoredInspection> {
  const heads = [...recorded]
  const stored = await store.get(HEAD_KEY)
  const signed = await store.get(SIGNED_KEY)
  if (signed !== undefined) {
    const { size, root } = signedCheckpointCodec.decode(signed)
    heads.push({ source: 'the checkpoint that the node signed', size, root, isSigned: true })
  }
  if (stored !== undefined) {
    const tree = decodeHead(stored)
    heads.push({ source: 'the head on disk', size: tree.size, root: tree.root(), isSigned: false })
  }
  const inspection = new Inspection(heads)
  for (let at = 0; ; ) {
    const batch = await store.scan(ENTRY_PREFIX, { from: entryKey(at), limit: BATCH })
    for (const { key, value } of batch) {
      if (key !== entryKey(at)) {
        inspection.report('truncated', `entry ${at} is missing, and later ones are there`, at)
        return { size: inspection.size, findings: inspection.finish() }
      }
      await compareNodes(store, inspection, inspection.feed(value), at)
      at += 1
    }
    if (batch.length < BATCH) return { size: inspection.size, findings: inspection.finish() }
  }
}

/** The lowest stored subtree that differs says which entries were touched. */
async function compareNodes(
  store: Reader,
  inspection: Inspection,
  filled: readonly HashedNode[],
  last: number,
): Promise<void> {
  const [lowest] = filled
  if (lowest === undefined) return
  const stored = await store.get(nodeKey(lowest))
  if (stored !== undefined && equalBytes(stored, lowest.hash)) return
  const from = last + 1 - 2 ** lowest.level
  inspection.report('edited', `entries ${from} to ${last} are not what the tree on disk says`, from)
}

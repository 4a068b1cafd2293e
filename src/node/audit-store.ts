import {
  type AuditFault,
  type AuditFinding,
  type AuditKeys,
  type AuditLog,
  type AuditWorld,
  auditKeys,
  type ClaimedHead,
  CompactRange,
  decodeHead,
  emptyLog,
  foldRight,
  generationOfHead,
  type HashedNode,
  Inspection,
  LATER_HEADS,
  leafHash,
  nodeName,
  nodesOfPlan,
  openLog,
  planConsistency,
  planInclusion,
  proofOf,
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

/** One of a node's logs, in its store. */
interface Disk {
  readonly store: Reader
  readonly keys: AuditKeys
}

/** The latest of a node's logs that has entries on this disk. */
export async function storedGeneration(store: Reader): Promise<number> {
  const last = (await store.scan(LATER_HEADS)).at(-1)
  return last === undefined ? 0 : generationOfHead(last.key)
}

/**
 * The audit log as the store left it, the one of `generation` or a later one that is there. What is wrong with it does
 * not keep the node from starting, but from using secrets: the log then carries its `damage`, which names the entries.
 */
export async function openAuditLog(
  store: Reader,
  owner: Omit<AuditWorld, 'generation'>,
  generation = 0,
): Promise<AuditLog> {
  let world: AuditWorld = { ...owner, generation }
  try {
    world = { ...owner, generation: Math.max(generation, await storedGeneration(store)) }
    return await readLog({ store, keys: auditKeys(world.generation) }, world)
  } catch (thrown) {
    const { message, details } = toOstrakaError(thrown)
    return emptyLog(world, new OstrakaError('storage_corrupt', `the audit log: ${message}`, details))
  }
}

async function readLog(disk: Disk, world: AuditWorld): Promise<AuditLog> {
  const { store, keys } = disk
  const stored = await store.get(keys.head)
  const signedBytes = await store.get(keys.signed)
  const signed = signedBytes === undefined ? null : signedCheckpointCodec.decode(signedBytes)
  const tree = stored === undefined ? new CompactRange() : decodeHead(stored)
  await checkTail(disk, tree)
  if (signed === null) return openLog(world, { tree, signed, base: [], range: tree.clone() })
  if (signed.size > tree.size) {
    throw damaged('truncated', 'entries that were signed are gone', tree.size, signed.size)
  }
  const base = await hashedNodes(disk, subtreesOf(0, signed.size))
  const since = await hashedNodes(disk, subtreesOf(signed.size, tree.size))
  await checkSigned(disk, tree, signed, base)
  const range = new CompactRange(
    signed.size,
    tree.size,
    since.map(node => node.hash),
  )
  return openLog(world, { tree, signed, base, range })
}

/** Names the kind of damage and the entries, from one to before another. */
function damaged(fault: AuditFault, text: string, from: number, to: number): OstrakaError {
  const message = `${text} (from ${from} to ${to - 1})`
  return new OstrakaError('storage_corrupt', message, { fault, from, to })
}

/** The newest entries must hash to the subtrees that are stored, and none may lie beyond the head. */
async function checkTail(disk: Disk, tree: CompactRange): Promise<void> {
  const begin = Math.max(0, (Math.floor(tree.size / START_CHECKED) - 1) * START_CHECKED)
  const range = new CompactRange(begin)
  for await (const value of entriesOf(disk, begin, tree.size)) range.append(leafHash(value))
  const known = new Map(tree.nodes.map(node => [nodeName(node), node.hash]))
  for (const node of range.nodes) {
    const hash = known.get(nodeName(node)) ?? (await hashOf(disk, node))
    if (equalBytes(hash, node.hash)) continue
    const from = node.index * 2 ** node.level
    throw damaged('edited', 'entries are not what the tree says', from, from + 2 ** node.level)
  }
  const { store, keys } = disk
  const beyond = await store.scan(keys.entries, { from: keys.entry(tree.size), limit: 1 })
  if (beyond.length > 0) throw damaged('edited', 'entries lie beyond the head', tree.size, tree.size + 1)
}

async function checkSigned(
  disk: Disk,
  tree: CompactRange,
  signed: SignedCheckpoint,
  base: readonly HashedNode[],
): Promise<void> {
  const isSigned = equalBytes(foldRight(base.map(node => node.hash)), signed.root)
  const proof = await readProof(disk, planConsistency(signed.size, tree.size))
  if (isSigned && verifyConsistency(signed.size, tree.size, signed.root, tree.root(), proof)) return
  throw damaged('rewritten', 'the entries are not those that were signed', 0, signed.size)
}

/** The entries [begin, end). Errors: `storage_corrupt` { from } where one is missing. */
async function* entriesOf({ store, keys }: Disk, begin: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = begin; at < end; ) {
    const limit = Math.min(BATCH, end - at)
    const batch = await store.scan(keys.entries, { from: keys.entry(at), limit })
    for (const { key, value } of batch) {
      if (key !== keys.entry(at)) break
      yield value
      at += 1
    }
    const isWhole = batch.length === limit && batch.at(-1)!.key === keys.entry(at - 1)
    if (!isWhole) throw damaged('truncated', 'an entry is missing', at, end)
  }
}

async function hashOf({ store, keys }: Disk, node: TreeNode): Promise<Uint8Array> {
  const value = await store.get(keys.node(node))
  if (value === undefined) {
    const from = node.index * 2 ** node.level
    throw damaged('edited', 'a part of the tree is missing', from, from + 2 ** node.level)
  }
  return node.level === 0 ? leafHash(value) : value
}

async function hashedNodes(disk: Disk, nodes: readonly TreeNode[]): Promise<HashedNode[]> {
  return Promise.all(nodes.map(async node => ({ ...node, hash: await hashOf(disk, node) })))
}

async function readProof(disk: Disk, plan: ReturnType<typeof planInclusion>): Promise<Uint8Array[]> {
  const nodes = await hashedNodes(disk, nodesOfPlan(plan))
  const hashes = new Map(nodes.map(node => [nodeName(node), node.hash]))
  return proofOf(plan, node => hashes.get(nodeName(node))!)
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
  const disk: Disk = { store, keys: log.keys }
  const size = log.durableSize
  const root = foldRight((await hashedNodes(disk, subtreesOf(0, size))).map(node => node.hash))
  const isBetween = provenSize > 0 && provenSize <= size
  const consistency = isBetween ? await readProof(disk, planConsistency(provenSize, size)) : []
  const entries: Array<AuditPage['entries'][number]> = []
  for await (const bytes of entriesOf(disk, from, Math.max(from, Math.min(size, from + limit)))) {
    const sequence = from + entries.length
    const proven = isBetween && sequence < provenSize ? provenSize : size
    const proof = await readProof(disk, planInclusion(sequence, proven))
    entries.push({ sequence, bytes, provenSize: proven, proof })
  }
  return { size, root, consistency, entries }
}

export interface StoredInspection {
  readonly size: number
  readonly findings: readonly AuditFinding[]
}

/**
 * Reads the whole log of that generation of a stopped node, hashes it again, and compares it with every head that is known
 * of it.
 */
export async function inspectStore(
  store: Reader,
  recorded: readonly ClaimedHead[],
  generation = 0,
): Promise<StoredInspection> {
  const keys = auditKeys(generation)
  const heads = [...recorded]
  const stored = await store.get(keys.head)
  const signed = await store.get(keys.signed)
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
    const batch = await store.scan(keys.entries, { from: keys.entry(at), limit: BATCH })
    for (const { key, value } of batch) {
      if (key !== keys.entry(at)) {
        inspection.report('truncated', `entry ${at} is missing, and later ones are there`, at)
        return { size: inspection.size, findings: inspection.finish() }
      }
      await compareNodes({ store, keys }, inspection, inspection.feed(value), at)
      at += 1
    }
    if (batch.length < BATCH) return { size: inspection.size, findings: inspection.finish() }
  }
}

/** The lowest stored subtree that differs says which entries were touched. */
async function compareNodes(
  { store, keys }: Disk,
  inspection: Inspection,
  filled: readonly HashedNode[],
  last: number,
): Promise<void> {
  const [lowest] = filled
  if (lowest === undefined) return
  const stored = await store.get(keys.node(lowest))
  if (stored !== undefined && equalBytes(stored, lowest.hash)) return
  const from = last + 1 - 2 ** lowest.level
  inspection.report('edited', `entries ${from} to ${last} are not what the tree on disk says`, from)
}

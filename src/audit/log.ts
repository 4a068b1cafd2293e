import { equalBytes, OstrakaError, type PeerId, type Write } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import {
  type Codec,
  codec,
  hash32,
  integer,
  list,
  MAX_PROOF_HASHES,
  signature64,
  struct,
} from '../wire/index.ts'
import { type Checkpoint, originOf, signCheckpoint, type TreeHead } from './checkpoint.ts'
import { type AuditAct, type AuditEntry, auditEntryCodec } from './entry.ts'
import { planConsistency, proofOf } from './proofs.ts'
import { Refusals } from './refusals.ts'
import { type AuditKeys, auditKeys } from './store-keys.ts'
import { CompactRange, HASH_BYTES, type HashedNode, leafHash, nodeName, subtreesOf } from './tree.ts'

/** Whose log it is. */
export interface AuditWorld {
  readonly networkId: Uint8Array
  readonly peerId: PeerId
  readonly identity: SigningKey
  /** Which of the node's logs: one more with each reset. */
  readonly generation: number
}

/** A checkpoint with the proof that it continues the one before it; the proof is empty for the first. */
export interface SignedCheckpoint extends Checkpoint {
  readonly proof: readonly Uint8Array[]
}

export const signedCheckpointCodec: Codec<SignedCheckpoint> = codec(
  'audit-checkpoint',
  8 * 1024,
  struct<SignedCheckpoint>({
    size: integer(1),
    root: hash32,
    signature: signature64,
    proof: list(hash32, MAX_PROOF_HASHES),
  }),
)

/** What is known of the leaves since some point, to prove that point's tree the beginning of a later one. */
interface Since {
  /** The subtrees of the tree at that point. */
  readonly base: readonly HashedNode[]
  readonly range: CompactRange
}

/** A tree that is to be signed once all its entries are on disk. */
interface DueCheckpoint {
  readonly head: TreeHead
  readonly proof: readonly Uint8Array[]
  readonly since: Since
}

/** One node's log between two steps. Changed in place. */
export interface AuditLog {
  readonly world: AuditWorld
  readonly keys: AuditKeys
  /** Every entry so far, written or not. */
  readonly tree: CompactRange
  /** So many entries are on disk. */
  durableSize: number
  signed: SignedCheckpoint | null
  /** Since the signed checkpoint, or since the beginning. */
  since: Since
  due: DueCheckpoint | null
  /** Whether the signed checkpoint was handed to the control log since the start. */
  isSubmitted: boolean
  readonly refusals: Refusals
  /** The log on this disk is not the one that was signed: nothing more is written or used until an operator looks. */
  damage: OstrakaError | undefined
  /** Why the disk refuses entries; undefined while it takes them. */
  unwritten: OstrakaError | undefined
}

/** The tree as `audit/head` describes it, and the hashes that continue it. */
export interface StoredLog {
  readonly tree: CompactRange
  readonly signed: SignedCheckpoint | null
  /** Of `subtreesOf(0, signed.size)` and `subtreesOf(signed.size, tree.size)`. */
  readonly base: readonly HashedNode[]
  readonly range: CompactRange
}

export function openLog(world: AuditWorld, stored: StoredLog, damage?: OstrakaError): AuditLog {
  const { tree, signed, base, range } = stored
  return {
    world,
    keys: auditKeys(world.generation),
    tree,
    durableSize: tree.size,
    signed,
    since: { base, range },
    due: null,
    isSubmitted: false,
    refusals: new Refusals(),
    damage,
    unwritten: undefined,
  }
}

export function emptyLog(world: AuditWorld, damage?: OstrakaError): AuditLog {
  const tree = new CompactRange()
  return openLog(world, { tree, signed: null, base: [], range: new CompactRange() }, damage)
}

/** Secrets are not used while this throws: the log's fault, named. Errors: `storage_full`, `storage_corrupt`, `internal`. */
export function requireWritable(log: AuditLog): void {
  const fault = log.damage ?? log.unwritten
  if (fault === undefined) return
  const message = `the audit log cannot be written, so no secret is used: ${fault.message}`
  throw new OstrakaError(fault.code, message, fault.details)
}

/** New entries as writes. The head is apart, since only the last one of a group need be written. */
export interface Appended {
  readonly writes: readonly Write[]
  readonly head: Write
  /** The log's size with them. */
  readonly size: number
}

/** Appends acts in their order; undefined when there are none, or when the log is damaged. */
export function append(log: AuditLog, acts: readonly AuditAct[], nowMs: number): Appended | undefined {
  if (acts.length === 0 || log.damage !== undefined) return undefined
  const writes: Write[] = []
  for (const act of acts) {
    const sequence = log.tree.size
    const entry: AuditEntry = { ...act, sequence, timeMs: nowMs }
    const value = auditEntryCodec.encode(entry)
    const hash = leafHash(value)
    writes.push({ key: log.keys.entry(sequence), value })
    for (const node of log.tree.append(hash)) writes.push({ key: log.keys.node(node), value: node.hash })
    log.since.range.append(hash)
    log.due?.since.range.append(hash)
  }
  return { writes, head: { key: log.keys.head, value: encodeHead(log.tree) }, size: log.tree.size }
}

/** Eight bytes of size, big-endian, and the hashes one after the other: written with every group, so it is plain. */
export function encodeHead(tree: CompactRange): Uint8Array {
  const hashes = tree.hashes
  const bytes = new Uint8Array(8 + hashes.length * HASH_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(tree.size))
  hashes.forEach((hash, at) => {
    bytes.set(hash, 8 + at * HASH_BYTES)
  })
  return bytes
}

/** Errors: `malformed`. */
export function decodeHead(bytes: Uint8Array): CompactRange {
  if (bytes.length < 8) throw new OstrakaError('malformed', 'not an audit log’s head')
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0))
  if (!Number.isSafeInteger(size)) throw new OstrakaError('malformed', 'not an audit log’s size')
  const count = subtreesOf(0, size).length
  if (bytes.length !== 8 + count * HASH_BYTES) throw new OstrakaError('malformed', 'not an audit log’s head')
  const hashes = Array.from({ length: count }, (_, at) =>
    bytes.slice(8 + at * HASH_BYTES, 8 + (at + 1) * HASH_BYTES),
  )
  return new CompactRange(0, size, hashes)
}

/** A checkpoint to store and then to hand in. */
export interface Issued {
  readonly checkpoint: SignedCheckpoint
  readonly write: Write
}

/**
 * Looks at what the control log has recorded of this log, and at a new epoch makes the next checkpoint, one at a time:
 * its successor must prove that it continues it. Never signs what is not on disk: after a crash the same size might
 * get another root, and an honest node would be convicted.
 */
export function look(
  log: AuditLog,
  recorded: TreeHead | undefined,
  isNewEpoch: boolean,
): SignedCheckpoint | Issued | undefined {
  const signedSize = log.signed?.size ?? 0
  log.damage ??= compare(log.signed, recorded)
  if (log.damage !== undefined) return undefined
  if (log.signed !== null && (recorded?.size ?? 0) < signedSize) {
    if (log.isSubmitted) return undefined
    log.isSubmitted = true
    return log.signed
  }
  if (isNewEpoch && log.due === null && log.tree.size > signedSize) log.due = prepare(log)
  return sign(log)
}

/** What was signed here stands on this disk before it leaves, so the control log can never know more. */
function compare(signed: SignedCheckpoint | null, recorded: TreeHead | undefined): OstrakaError | undefined {
  if (recorded === undefined) return undefined
  const sizes = { recordedSize: recorded.size, signedSize: signed?.size ?? 0 }
  if (signed === null || recorded.size > signed.size) {
    return new OstrakaError('storage_corrupt', 'the audit log is shorter than its recorded checkpoint', {
      fault: 'truncated',
      ...sizes,
    })
  }
  if (recorded.size < signed.size || equalBytes(recorded.root, signed.root)) return undefined
  return new OstrakaError('storage_corrupt', 'the audit log is not the one of its recorded checkpoint', {
    fault: 'forked',
    ...sizes,
  })
}

function prepare(log: AuditLog): DueCheckpoint {
  const { tree, since, signed } = log
  const hashes = new Map([...since.base, ...since.range.nodes].map(node => [nodeName(node), node.hash]))
  const proof =
    signed === null
      ? []
      : proofOf(planConsistency(signed.size, tree.size), node => hashes.get(nodeName(node))!)
  const head: TreeHead = { size: tree.size, root: tree.root() }
  return { head, proof, since: { base: [...tree.nodes], range: new CompactRange(tree.size) } }
}

function sign(log: AuditLog): Issued | undefined {
  const { due, world } = log
  if (due === null || log.durableSize < due.head.size) return undefined
  const origin = originOf(world.networkId, world.peerId, world.generation)
  const signature = signCheckpoint(world.identity, origin, due.head)
  const checkpoint: SignedCheckpoint = { ...signature, proof: due.proof }
  log.signed = checkpoint
  log.since = due.since
  log.due = null
  log.isSubmitted = true
  return { checkpoint, write: { key: log.keys.signed, value: signedCheckpointCodec.encode(checkpoint) } }
}

/** The first `size` entries are on disk: what was due may be signed now. */
export function written(log: AuditLog, size: number): Issued | undefined {
  log.durableSize = size
  log.unwritten = undefined
  return log.damage === undefined ? sign(log) : undefined
}

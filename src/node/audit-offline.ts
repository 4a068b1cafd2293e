import {
  type AuditFinding,
  auditKeys,
  type ClaimedHead,
  signedCheckpointCodec,
  verifyCheckpoint,
} from '../audit/index.ts'
import { equalBytes, type PeerId, publicKeyOf, type Store } from '../base/index.ts'
import { networkIdOf } from '../control/index.ts'
import { type AuditRecord, auditLosses, keyPaths } from '../keys/index.ts'
import type { ForkedAudit, Genesis } from '../wire/index.ts'
import { inspectStore, storedGeneration } from './audit-store.ts'
import { readStoredLog } from './position.ts'
import { reading } from './state.ts'

/** A checkpoint of a node's log, and who told of it. */
export interface Witnessed {
  readonly source: string
  readonly checkpoint: Pick<AuditRecord, 'generation' | 'size' | 'root' | 'signature'>
}

interface OwnWord {
  /** The log that the node is to keep. */
  readonly generation: number
  readonly record: AuditRecord | undefined
}

/** What the control log that lies in `store` says of the audit log of `peerId`. Errors: `storage_corrupt`. */
async function recordedCheckpoint(
  store: Pick<Store, 'scan'>,
  genesis: Genesis,
  peerId: PeerId,
): Promise<OwnWord> {
  const { state } = await readStoredLog(store, genesis)
  const record = state.records.get<AuditRecord>(keyPaths.audit(peerId))
  return { generation: auditLosses(reading(state), peerId).length, record }
}

/** Heads to check a node's log against, all of one of its logs. */
export interface Claims {
  readonly generation: number
  readonly heads: readonly ClaimedHead[]
  readonly findings: readonly AuditFinding[]
}

/**
 * What witnesses say that a node signed of its latest log, of those that are told of; what it has not signed is found out.
 */
export function claimedHeads(
  networkId: Uint8Array,
  peerId: PeerId,
  witnessed: readonly Witnessed[],
  least = 0,
): Claims {
  const isIts = ({ checkpoint }: Witnessed): boolean =>
    verifyCheckpoint(networkId, peerId, checkpoint, checkpoint.generation)
  const signed = witnessed.filter(isIts)
  const generation = Math.max(least, ...signed.map(({ checkpoint }) => checkpoint.generation))
  const heads = signed
    .filter(({ checkpoint }) => checkpoint.generation === generation)
    .map(({ source, checkpoint: { size, root } }) => ({ source, size, root, isSigned: true }))
  const findings = witnessed
    .filter(one => !signed.includes(one))
    .map(({ source }): AuditFinding => ({ fault: 'unsigned', text: `${source} is not signed by ${peerId}` }))
  return { generation, heads, findings }
}

/** Proof of a fork, for each two checkpoints that the node signed of one size of one log with two roots. */
export function forksOf(
  networkId: Uint8Array,
  peerId: PeerId,
  witnessed: readonly Witnessed[],
): readonly ForkedAudit[] {
  const signed = witnessed
    .map(({ checkpoint }) => checkpoint)
    .filter(checkpoint => verifyCheckpoint(networkId, peerId, checkpoint, checkpoint.generation))
  const forks = new Map<string, ForkedAudit>()
  for (const [at, second] of signed.entries()) {
    const { generation, size } = second
    const first = signed
      .slice(0, at)
      .find(one => one.generation === generation && one.size === size && !equalBytes(one.root, second.root))
    if (first === undefined) continue
    forks.set(`${generation}/${size}`, {
      type: 'forked-audit',
      log: publicKeyOf(peerId),
      ...(generation === 0 ? {} : { generation }),
      size,
      first: { root: first.root, signature: first.signature },
      second: { root: second.root, signature: second.signature },
    })
  }
  return [...forks.values()]
}

/** What was found in a stopped node's store; with proof, where it has signed what contradicts. */
export interface DirectoryInspection {
  readonly size: number
  readonly findings: readonly AuditFinding[]
  readonly forks: readonly ForkedAudit[]
}

/** What is wrong with the audit log in a stopped node's store, seen from its own control log and from witnesses. */
export async function inspectDirectory(
  store: Pick<Store, 'get' | 'scan'>,
  genesis: Genesis,
  peerId: PeerId,
  witnessed: readonly Witnessed[],
): Promise<DirectoryInspection> {
  const networkId = networkIdOf(genesis)
  const own = await recordedCheckpoint(store, genesis, peerId)
  const onDisk = Math.max(own.generation, await storedGeneration(store))
  const all = [...witnessed]
  if (own.record !== undefined) {
    const source = `the checkpoint in the node’s control log, height ${own.record.height}`
    all.push({ source, checkpoint: own.record })
  }
  const { generation, heads, findings } = claimedHeads(networkId, peerId, all, onDisk)
  const signed = await signedOnDisk(store, generation)
  const forks = forksOf(networkId, peerId, signed === undefined ? all : [...all, signed])
  const inspected = await inspectStore(store, heads, generation)
  return { size: inspected.size, findings: [...findings, ...inspected.findings], forks }
}

async function signedOnDisk(store: Pick<Store, 'get'>, generation: number): Promise<Witnessed | undefined> {
  const bytes = await store.get(auditKeys(generation).signed)
  if (bytes === undefined) return undefined
  const { size, root, signature } = signedCheckpointCodec.decode(bytes)
  const checkpoint = { generation, size, root, signature }
  return { source: 'the checkpoint that the node signed', checkpoint }
}

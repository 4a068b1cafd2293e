import { type AuditFinding, type ClaimedHead, verifyCheckpoint } from '../audit/index.ts'
import { type PeerId, Secret, type Store } from '../base/index.ts'
import { LOG_PREFIXES, networkIdOf, recoverLog, viewLog } from '../control/index.ts'
import { cryptoReady, SigningKey } from '../crypto/index.ts'
import { type AuditRecord, keyPaths } from '../keys/index.ts'
import type { Genesis } from '../wire/index.ts'
import { inspectStore } from './audit-store.ts'
import { type Entries, REDUCER } from './state.ts'

/** A checkpoint of a node's log, and who told of it. */
export interface Witnessed {
  readonly source: string
  readonly checkpoint: Pick<AuditRecord, 'size' | 'root' | 'signature'>
}

/** The checkpoint of `peerId` in the control log that lies in `store`. Errors: `storage_corrupt`. */
export async function recordedCheckpoint(
  store: Pick<Store, 'scan'>,
  genesis: Genesis,
  peerId: PeerId,
): Promise<AuditRecord | undefined> {
  await cryptoReady
  const entries: Entries[number][] = []
  for (const prefix of LOG_PREFIXES) entries.push(...(await store.scan(prefix)))
  // reading the log takes no part in it: a key that is nobody's will do
  const key = new SigningKey(new Secret(new Uint8Array(32)))
  const log = recoverLog({ genesis, key, reducer: REDUCER }, entries)
  return viewLog(log, 0).state.records.get<AuditRecord>(keyPaths.audit(peerId))
}

/** What witnesses say that a node signed, as heads to check its log against; what it has not signed is found out. */
export function claimedHeads(
  networkId: Uint8Array,
  peerId: PeerId,
  witnessed: readonly Witnessed[],
): { readonly heads: readonly ClaimedHead[]; readonly findings: readonly AuditFinding[] } {
  const heads: ClaimedHead[] = []
  const findings: AuditFinding[] = []
  for (const { source, checkpoint } of witnessed) {
    if (verifyCheckpoint(networkId, peerId, checkpoint)) {
      const { size, root } = checkpoint
      heads.push({ source, size, root, isSigned: true })
    } else findings.push({ fault: 'unsigned', text: `${source} is not signed by ${peerId}` })
  }
  return { heads, findings }
}

/** What is wrong with the audit log in a stopped node's store, seen from its own control log and from witnesses. */
export async function inspectDirectory(
  store: Pick<Store, 'get' | 'scan'>,
  genesis: Genesis,
  peerId: PeerId,
  witnessed: readonly Witnessed[],
): Promise<{ readonly size: number; readonly findings: readonly AuditFinding[] }> {
  const own = await recordedCheckpoint(store, genesis, peerId)
  const all = [...witnessed]
  if (own !== undefined) {
    all.push({ source: `the checkpoint in the node’s control log, height ${own.height}`, checkpoint: own })
  }
  const { heads, findings } = claimedHeads(networkIdOf(genesis), peerId, all)
  const inspected = await inspectStore(store, heads)
  return { size: inspected.size, findings: [...findings, ...inspected.findings] }
}

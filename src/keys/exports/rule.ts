import { equalBytes, OstrakaError } from '../../base/index.ts'
import { type ActRule, type DeadlineHandler, type LedgerReader, sealingKeyPath } from '../../control/index.ts'
import { ristretto255 } from '../../crypto/index.ts'
import { type ExportAct, type Genesis, refusalOf } from '../../wire/index.ts'
import { queueHandoff, URGENCY } from '../handoff-queue.ts'
import { isOwnedBy } from '../network-key.ts'
import { paths } from '../paths.ts'
import type { KeyRecord, VersionRecord } from '../records.ts'

/** What the end of an export's window is registered under, before the version's path. */
const EXPORTED = 'exported/'

/**
 * How long holders answer for an approval after its use, in block time: as long as a ceremony's two stages may take, which
 * is the network's own measure of a round of messages with room for slow nodes.
 */
export function exportWindowMs({ timing }: Genesis): number {
  return timing.dealMs + timing.acknowledgeMs
}

/** An exportable key's owner, or whom its policy lets, gets the secret, when the operators agree. */
export const exportRule: ActRule<ExportAct> = {
  takesEffect: 'on-use',
  check: (ledger, act, proposer) => requireExportable(ledger, act, proposer, ledger.timeMs),
  enact(ledger, { keyId, version }, at) {
    const untilMs = at.timeMs + exportWindowMs(ledger.genesis)
    ledger.wakeAt(untilMs, `${EXPORTED}${paths.version(keyId, version)}`)
  },
}

/**
 * All that an export needs but the approvals; the same for the reducer and for every holder. Errors: `unknown_key` (also
 * when the name has gone to another key), `not_exportable`, `forbidden`, `unknown_version`, `version_expired`,
 * `pending_destruction`, `version_destroyed`, `malformed` (the one-time key).
 */
export function requireExportable(
  ledger: LedgerReader,
  { name, keyId, version, recipient }: ExportAct,
  principal: Uint8Array,
  timeMs: number,
): VersionRecord {
  const key = ledger.get<KeyRecord>(paths.key(name))
  if (key === undefined || !equalBytes(key.keyId, keyId)) {
    throw new OstrakaError('unknown_key', 'no such key', { key: name })
  }
  if (!key.isExportable) {
    throw new OstrakaError('not_exportable', 'this key was not created exportable', { key: name })
  }
  if (!mayExport(key, principal, timeMs)) {
    throw new OstrakaError('forbidden', 'the key’s policy does not let this principal ask for it', {
      key: name,
      operation: 'export',
    })
  }
  const record = ledger.get<VersionRecord>(paths.version(keyId, version))
  if (record === undefined) {
    throw new OstrakaError('unknown_version', 'no such version to export', { key: name, version })
  }
  const refusal = refusalOf(record.state, { key: name, version })
  if (refusal !== undefined) throw refusal
  ristretto255.decode(recipient)
  // a one-time key is nobody's sealing key: what is sealed to it must have no other reader
  if (ledger.get(sealingKeyPath(recipient)) !== undefined) {
    throw new OstrakaError('malformed', 'the one-time key is a member’s sealing key', { key: name })
  }
  return record
}

function mayExport(key: KeyRecord, principal: Uint8Array, timeMs: number): boolean {
  if (isOwnedBy(key, principal)) return true
  return key.rules.some(
    ({ principal: other, operations, untilMs }) =>
      equalBytes(other, principal) &&
      operations.includes('export') &&
      (untilMs === undefined || timeMs <= untilMs),
  )
}

/**
 * The refresh that follows an export. It begins when no holder answers any more, so that whatever was sealed belongs to a
 * generation that is over when it ends: sealed answers that somebody kept are then of no use with any share of the next.
 */
export const refreshExported: DeadlineHandler = (ledger, subject, { timeMs }) => {
  const version = ledger.get<VersionRecord>(subject.slice(EXPORTED.length))
  if (version === undefined || version.state === 'destroyed') return
  queueHandoff(ledger, version, { urgency: URGENCY.exported, staleBeforeMs: timeMs })
}

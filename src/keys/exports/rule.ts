import { equalBytes, OstrakaError } from '../../base/index.ts'
import {
  type ActRule,
  type HookContext,
  type Ledger,
  type LedgerReader,
  sealingKeyPath,
} from '../../control/index.ts'
import { ristretto255 } from '../../crypto/index.ts'
import type { ExportAct, Genesis } from '../../wire/index.ts'
import { isOwnedBy } from '../network-key.ts'
import { paths } from '../paths.ts'
import type { ExportRecord, KeyRecord, VersionRecord } from '../records.ts'
import { openRefresh, RETRY_MS } from '../repairs.ts'

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
    ledger.put(paths.exported(keyId, version), { keyId, version, untilMs } satisfies ExportRecord)
    ledger.wakeAt(untilMs, paths.exported(keyId, version))
  },
}

/**
 * All that an export needs but the approvals; the same for the reducer and for every holder. Errors: `unknown_key` (also
 * when the name has gone to another key), `not_exportable`, `forbidden`, `unknown_version`, `malformed` (the one-time key).
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
  if (record === undefined || record.state === 'destroyed') {
    throw new OstrakaError('unknown_version', 'no such version to export', { key: name, version })
  }
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
export function refreshExported(ledger: Ledger, at: HookContext): void {
  for (const { subject } of at.due) {
    const record = subject.startsWith(EXPORTED) ? ledger.get<ExportRecord>(subject) : undefined
    if (record === undefined || record.untilMs > at.timeMs) continue
    const version = ledger.get<VersionRecord>(paths.version(record.keyId, record.version))
    if (version === undefined || version.state === 'destroyed' || version.timeMs >= record.untilMs) {
      ledger.delete(subject)
      continue
    }
    const { dealMs, acknowledgeMs } = ledger.genesis.timing
    const isOpen = openRefresh(ledger, version, at)
    // until one has ended well
    ledger.wakeAt(at.timeMs + RETRY_MS + (isOpen ? dealMs + acknowledgeMs : 0), subject)
  }
}

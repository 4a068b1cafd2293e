import { equalBytes, OstrakaError, requireComing } from '../base/index.ts'
import type { ActRule, DeadlineHandler, Ledger, LedgerReader, TransactionContext } from '../control/index.ts'
import { DEFAULT_DESTROY_DELAY_MS, type DestroyAct, type RetireVersion } from '../wire/index.ts'
import { abort } from './ceremony-rules.ts'
import { ownedKey } from './change-handlers.ts'
import { isOwnedBy } from './network-key.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, KeyRecord, ServingState, VersionRecord } from './records.ts'
import {
  archive,
  awaitDestruction,
  cancelDestruction,
  DESTRUCTION,
  destroy,
  expire,
  RETENTION,
} from './retiring.ts'
import { certifySoon, versionOf } from './version-rules.ts'

/**
 * Archives or destroys a version, or calls its destruction off. Errors: `unknown_key`, `forbidden`, `unknown_version`,
 * `version_destroyed`, `conflict` (a ceremony of it is open, its state does not allow it, or `revision` is another),
 * `malformed` (a retention that is not to come).
 */
export function retireVersion(ledger: Ledger, retire: RetireVersion, at: TransactionContext): void {
  const key = ownedKey(ledger, retire.name, at)
  const { change, retainUntilMs } = retire
  const version = requireVersion(ledger, key, retire.version)
  if (version.revision !== retire.revision) {
    throw new OstrakaError('conflict', 'this version has been retired or kept meanwhile', {
      revision: version.revision,
    })
  }
  if (change !== 'archive' && retainUntilMs !== undefined) {
    throw new OstrakaError('malformed', 'only an archived version has a retention')
  }
  if (retainUntilMs !== undefined) requireComing(retainUntilMs, at.timeMs, 'retainUntilMs')
  const next = { ...version, revision: version.revision + 1 }
  if (change === 'cancel-destroy') {
    if (!isPending(next)) throw new OstrakaError('conflict', 'this version is not about to be destroyed')
    cancelDestruction(ledger, key, next)
  } else if (isPending(next)) {
    throw new OstrakaError('conflict', 'this version is about to be destroyed: cancel-destroy keeps it')
  } else if (openCeremonyOf(ledger, key)?.version === version.version) {
    throw new OstrakaError('conflict', 'a ceremony of this version is open')
  } else if (change === 'archive') archive(ledger, next, retainUntilMs ?? 0)
  else destroyLater(ledger, key, next as VersionRecord & { readonly state: ServingState }, at.timeMs)
  // clients prove a key's state before they encrypt to it
  certifySoon(ledger)
}

function destroyLater(
  ledger: Ledger,
  key: KeyRecord,
  version: VersionRecord & { readonly state: ServingState },
  timeMs: number,
): void {
  const delayMs = ledger.genesis.timing.destroyDelayMs ?? DEFAULT_DESTROY_DELAY_MS
  if (delayMs === 0) destroy(ledger, key, version)
  else awaitDestruction(ledger, version, timeMs + delayMs)
}

function isPending({ state }: VersionRecord): boolean {
  return state === 'pending-destruction'
}

/** Errors: `unknown_version`, `version_destroyed`. */
function requireVersion(ledger: LedgerReader, key: KeyRecord, number: number): VersionRecord {
  const version = versionOf(ledger, key.keyId, number)
  if (version === undefined) throw new OstrakaError('unknown_version', 'no such version', { version: number })
  if (version.state !== 'destroyed') return version
  throw new OstrakaError('version_destroyed', 'this version is destroyed', { version: number })
}

function openCeremonyOf(ledger: LedgerReader, { ceremony }: KeyRecord): CeremonyRecord | undefined {
  return ceremony.length === 0 ? undefined : ledger.get<CeremonyRecord>(paths.ceremony(ceremony))
}

/** Ends the use of what has been archived for its time. */
export const endRetention: DeadlineHandler = (ledger, subject, at) => {
  const version = ledger.get<VersionRecord>(subject.slice(RETENTION.length))
  if (version?.state === 'archived' && version.retainUntilMs > 0 && version.retainUntilMs <= at.timeMs)
    expire(ledger, version)
}

/** Destroys what has waited for its time. */
export const endDestruction: DeadlineHandler = (ledger, subject, at) => {
  const version = ledger.get<VersionRecord>(subject.slice(DESTRUCTION.length))
  if (version?.destruction === undefined || version.destruction.atMs > at.timeMs) return
  destroyNow(ledger, keyOf(ledger, version), version)
}

function keyOf(ledger: LedgerReader, { keyId }: VersionRecord): KeyRecord {
  const { name } = ledger.get<{ readonly name: string }>(paths.keyName(keyId))!
  return ledger.get<KeyRecord>(paths.key(name))!
}

function destroyNow(ledger: Ledger, key: KeyRecord, version: VersionRecord): void {
  const open = openCeremonyOf(ledger, key)
  // else it would make new shares of what is destroyed
  if (open?.version === version.version) abort(ledger, open, 'the version has been destroyed')
  destroy(ledger, key, version)
  certifySoon(ledger)
}

/** A key's owner has the waiting time of a version cut short, when the operators agree. */
export const destroyRule: ActRule<DestroyAct> = {
  takesEffect: 'on-approval',
  check: (ledger, { name, keyId, version }, proposer) => {
    const key = ledger.get<KeyRecord>(paths.key(name))
    if (key === undefined || !equalBytes(key.keyId, keyId)) {
      throw new OstrakaError('unknown_key', 'no such key', { key: name })
    }
    if (!isOwnedBy(key, proposer)) throw new OstrakaError('forbidden', 'only its owner destroys a key')
    // what its owner has kept meanwhile is kept, whatever operators sign
    if (!isPending(requireVersion(ledger, key, version))) {
      throw new OstrakaError('conflict', 'this version is not about to be destroyed', { key: name, version })
    }
  },
  enact: (ledger, { keyId, version }) => {
    const found = versionOf(ledger, keyId, version)!
    destroyNow(ledger, keyOf(ledger, found), found)
  },
}

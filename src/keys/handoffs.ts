import { concat, isOstrakaError, utf8 } from '../base/index.ts'
import type { BlockContext, DeadlineHandler, Ledger } from '../control/index.ts'
import { sha256 } from '../crypto/index.ts'
import { DEFAULT_REFRESH_MS } from '../wire/index.ts'
import { isOwnHandoff, openCeremonies, openCeremony } from './ceremony-rules.ts'
import { handoffCeremony, refreshedSlots } from './change-handlers.ts'
import { standingOf } from './eligible.ts'
import { deferHandoff, forgetHandoff, queueHandoff, URGENCY } from './handoff-queue.ts'
import { NOBODY } from './network-key.ts'
import { paths } from './paths.ts'
import type { Handoff, KeyRecord, QueuedHandoff, VersionRecord } from './records.ts'
import { type FoundVersion, findVersion, repairOf } from './repairs.ts'
import { REFRESH } from './retiring.ts'

/** Handoffs that the network opens by itself run at most this many at a time: clients' own ceremonies come first. */
export const MAX_OPEN_HANDOFFS = 8

/** One block looks at so many heads of the queue, whether they can be opened or not. */
export const MAX_LOOKED_AT = 16

/** A version's shares have reached their age. */
export const queueRefresh: DeadlineHandler = (ledger, subject, { timeMs }) => {
  const version = ledger.get<VersionRecord>(subject.slice(REFRESH.length))
  const { refreshMs = DEFAULT_REFRESH_MS } = ledger.genesis.timing
  if (version === undefined || timeMs - version.timeMs < refreshMs) return
  queueHandoff(ledger, version, {
    urgency: URGENCY.refresh(version.timeMs),
    staleBeforeMs: version.timeMs + 1,
  })
}

/** Block end: opens the most urgent handoffs, as many as there is room for. */
export function openHandoffs(ledger: Ledger, at: BlockContext): void {
  const free = (): number => MAX_OPEN_HANDOFFS - openCeremonies(ledger).filter(isOwnHandoff).length
  if (free() <= 0) return
  const heads = ledger.page<Pick<VersionRecord, 'keyId' | 'version'>>(paths.handoffs, '', MAX_LOOKED_AT)
  for (const { path, value } of heads) {
    if (free() <= 0) return
    const isDone = ledger.isolate(path, () => openNext(ledger, value, at))
    if (!isDone) deferHandoff(ledger, value.keyId, value.version)
  }
  // more may wait behind those that could not be opened
  if (heads.length === MAX_LOOKED_AT) ledger.wakeAt(at.timeMs + 1, 'handoffs')
}

/** Opens what a queued version needs. It stays known as queued until it has new shares. */
function openNext(
  ledger: Ledger,
  { keyId, version: number }: Pick<VersionRecord, 'keyId' | 'version'>,
  at: BlockContext,
): void {
  const found = findVersion(ledger, keyId, number)
  const queued = ledger.get<QueuedHandoff>(paths.queued(keyId, number))
  const handoff = found && queued && neededBy(ledger, found, queued)
  if (handoff === undefined) {
    forgetHandoff(ledger, keyId, number)
    return
  }
  const { key, version } = found!
  if (key.ceremony.length > 0 || !tryOpen(ledger, key, version, handoff, at)) {
    deferHandoff(ledger, keyId, number)
    return
  }
  ledger.delete(queued!.place)
  ledger.put(paths.queued(keyId, number), { ...queued!, place: '' } satisfies QueuedHandoff)
}

function neededBy(
  ledger: Ledger,
  found: FoundVersion,
  { staleBeforeMs }: QueuedHandoff,
): Handoff | undefined {
  const { key, version } = found
  const repair = repairOf(found, standingOf(ledger))
  if (repair !== undefined || version.timeMs >= staleBeforeMs) return repair
  const slots = refreshedSlots(ledger, version)
  return {
    ...{ purpose: 'refresh', creator: NOBODY, threshold: version.threshold, shares: key.shares, slots },
  }
}

/** A ceremony's id comes from what it is about and when. */
function tryOpen(
  ledger: Ledger,
  key: KeyRecord,
  version: VersionRecord,
  handoff: Handoff,
  at: BlockContext,
): boolean {
  const name = `${paths.version(key.keyId, version.version)}/${version.generation}/`
  const cause = sha256(concat(utf8(name), at.blockId))
  try {
    openCeremony(ledger, handoffCeremony(ledger, key, version, handoff, cause, at))
    return true
  } catch (error) {
    if (isOstrakaError(error, 'insufficient_shares')) return false
    throw error
  }
}

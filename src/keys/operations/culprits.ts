import { OstrakaError, type PeerId } from '../../base/index.ts'
import {
  canonicalBytes,
  MAX_PROVEN_PARTIAL_BYTES,
  MAX_PROVEN_REQUEST_BYTES,
  type Partial,
  type PartialRequest,
  type Signed,
} from '../../wire/index.ts'
import type { VersionRecord } from '../records.ts'
import { count, type Desk, note } from './desk.ts'
import { judgeBadPartial } from './evidence.ts'
import type { Call, Run } from './run.ts'

/** One report per culprit in this time: the log hears it until the report is in or void. */
const ACCUSE_AGAIN_MS = 60_000

/**
 * A holder's answer was wrong: it is out of this run and asked last from now on; and if it signed what it sent, the
 * control log gets the proof. An answer that it did not sign properly proves nothing, and is only held against it here.
 */
export function accuse(desk: Desk, run: Run, call: Call, answer: Signed<Partial>): void {
  const { to } = call
  dismissCheat(desk, run, to)
  const isProven = call.request !== undefined && report(desk, run, to, call.request, answer)
  count(desk, 'operation_bad_partials')
  count(desk, `operation_bad_partials/${to}`)
  note(desk, 'warn', 'a holder sent a wrong partial', {
    culprit: to,
    key: run.checked.key.name,
    version: run.material.record.version,
    slots: call.slots,
    isProven,
  })
}

/** A holder handed out commitments that are no group elements: nothing it signed, so nothing to report. */
export function dismissBadCommitments(desk: Desk, run: Run, culprit: PeerId): void {
  dismissCheat(desk, run, culprit)
  count(desk, 'operation_bad_commitments')
  note(desk, 'warn', 'a holder handed out malformed nonce commitments', {
    culprit,
    key: run.checked.key.name,
  })
}

function dismissCheat(desk: Desk, run: Run, culprit: PeerId): void {
  run.answered.delete(culprit)
  run.excluded.set(culprit, {
    error: new OstrakaError('bad_partial', 'a wrong partial', { culprits: [culprit] }),
    againAtMs: null,
  })
  desk.gateway.standings.cheated(culprit, desk.nowMs)
}

/** Hands the proof in; false when there is none, it is too large for a transaction, or nobody can judge it any more. */
function report(
  desk: Desk,
  run: Run,
  holder: PeerId,
  asked: PartialRequest,
  answer: Signed<Partial>,
): boolean {
  const { world, accusedMs } = desk.gateway
  const request = canonicalBytes(asked)
  const partial = canonicalBytes(answer)
  if (request.length > MAX_PROVEN_REQUEST_BYTES || partial.length > MAX_PROVEN_PARTIAL_BYTES) return false
  const { kind, record: version } = run.material
  if (!isJudgedStill(desk, version)) return false
  if (!judgeBadPartial({ networkId: world.networkId, version, kind, holder, request, partial })) return false
  if (desk.nowMs < (accusedMs.get(holder) ?? Number.NEGATIVE_INFINITY) + ACCUSE_AGAIN_MS) return true
  accusedMs.set(holder, desk.nowMs)
  const evidence = { type: 'bad-partial', holder, request, partial } as const
  desk.effects.push({ type: 'submit', transaction: { type: 'report-evidence', evidence } })
  return true
}

/**
 * The control log judges by the present shares, or by those that the last handoff replaced. A holder and an owner who
 * refreshes twice while the answer is on its way must not have an honest accuser fined.
 */
function isJudgedStill({ gateway }: Desk, { keyId, version, generation }: VersionRecord): boolean {
  const present = gateway.world.version(keyId, version)
  return present !== undefined && present.generation <= generation + 1
}

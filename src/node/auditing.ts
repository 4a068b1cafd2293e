import {
  type AuditAct,
  type AuditLog,
  appendAudit,
  auditWritten,
  emptyLog,
  type Issued,
  lookAtRecord,
  requireWritable,
  type SignedCheckpoint,
} from '../audit/index.ts'
import { fromHex, OstrakaError, type Outcome, type PeerId, type Write } from '../base/index.ts'
import { type ProposalRecord, transactionIdOf } from '../control/index.ts'
import { type AuditLoss, type AuditRecord, knownDigest } from '../keys/index.ts'
import type {
  AuditCheckpoint,
  OperationRequest,
  Signed,
  SignedTransaction,
  Token,
  Transaction,
} from '../wire/index.ts'
import type { ApprovalStep } from './approvals.ts'
import type { AuditEffect } from './events.ts'

/** What the node must remember to say what became of a client's wish. */
export interface Auditing {
  /** The log that is kept now; a reset begins another. */
  log: AuditLog
  readonly wishes: Map<Token, AuditAct>
  /** The last epoch that was looked at. */
  epoch: number
}

export function createAuditing(log: AuditLog): Auditing {
  return { log, wishes: new Map(), epoch: 0 }
}

const REFUSALS_TIMER = 'audit/refusals'

function operationAct(
  action: string,
  signed: Signed<OperationRequest>,
  outcome: AuditAct['outcome'],
): AuditAct {
  const { key, version, operation, inputs } = signed.value
  const digest = knownDigest(signed)
  return {
    kind: outcome === 'ok' ? 'use' : 'refusal',
    action,
    outcome,
    principal: signed.signer,
    key,
    version,
    operation,
    inputs: inputs.length,
    ...(digest === undefined ? {} : { requestHash: digest }),
  }
}

/** A client's transaction, before it is known what the control log makes of it. */
function administrationAct(signed: SignedTransaction): AuditAct {
  const { value, signer } = signed
  const key = 'name' in value ? { key: value.name } : {}
  const peer = 'peerId' in value ? { peer: value.peerId } : {}
  return {
    kind: 'administration',
    action: value.type,
    outcome: 'ok',
    principal: signer,
    requestHash: transactionIdOf(signed),
    ...key,
    ...peer,
  }
}

/** Whom or what an exceptional act is about, with its proposal's id, which is the same on every node. */
function exceptionalAct(
  proposal: ProposalRecord,
): Pick<AuditAct, 'requestHash' | 'key' | 'version' | 'peer'> {
  const { id: requestHash, act } = proposal
  switch (act.type) {
    case 'export-key':
    case 'destroy-version':
      return { requestHash, key: act.name, version: act.version }
    case 'remove-member':
    case 'reset-audit':
      return { requestHash, peer: act.peerId }
    case 'set-attestation':
      return { requestHash }
  }
}

/** A step of this node's own in a ceremony, or proof that it hands in; undefined for what need not be told. */
function ownAct(transaction: Transaction): AuditAct | undefined {
  const { type } = transaction
  if (type === 'report-evidence') {
    const { evidence } = transaction
    const culprit = evidence.type === 'bad-partial' ? { peer: evidence.holder } : {}
    return { kind: 'evidence', action: evidence.type, outcome: 'ok', ...culprit }
  }
  if (type === 'announce-sealing-key') return { kind: 'ceremony', action: type, outcome: 'ok' }
  if (type !== 'deal' && type !== 'acknowledge' && type !== 'complain') return undefined
  return { kind: 'ceremony', action: type, outcome: 'ok', requestHash: transaction.ceremony }
}

const SHARE_KEY = /^keys\/share\/([0-9a-f]{64})\/([0-9]+)\//

/** The key versions of which these writes store a share. */
function storedShares(
  writes: readonly Write[],
): Array<{ readonly keyId: Uint8Array; readonly version: number }> {
  const found = new Map<string, { keyId: Uint8Array; version: number }>()
  for (const { key, value } of writes) {
    const match = value === null ? null : SHARE_KEY.exec(key)
    if (match !== null) found.set(match[0], { keyId: fromHex(match[1]!), version: Number(match[2]) })
  }
  return [...found.values()]
}

/** What one step of the node has to tell its audit log; the entries are made at the step's end. */
export class Scribe {
  readonly #auditing: Auditing
  readonly #nowMs: number
  readonly #acts: AuditAct[] = []
  #isUrgent = false
  #timerAtMs: number | null = null

  constructor(auditing: Auditing, nowMs: number) {
    this.#auditing = auditing
    this.#nowMs = nowMs
  }

  /** Errors: those of `requireWritable`. */
  requireWritable(): void {
    requireWritable(this.#auditing.log)
  }

  /** A holder's answer: its entry is on disk before the answer leaves. */
  partial(from: PeerId, signed: Signed<OperationRequest>, version: number, error?: OstrakaError): void {
    const act = { ...operationAct('partial', signed, error?.code ?? 'ok'), version, peer: from }
    if (error === undefined) this.#use(act)
    else this.#refuse(act)
  }

  /** A client's operation; the holders' entries are what its result waits for, not this one. */
  operated(signed: Signed<OperationRequest>, outcome: Outcome<unknown>): void {
    const act = operationAct('operate', signed, outcome.ok ? 'ok' : outcome.error.code)
    if (outcome.ok) this.#acts.push(act)
    else this.#refuse(act)
  }

  /** A step that the control log holds: every node tells of it. */
  approval({ type, signer, proposal }: ApprovalStep): void {
    this.#acts.push({
      kind: 'approval',
      action: type,
      outcome: 'ok',
      principal: signer,
      ...exceptionalAct(proposal),
    })
  }

  /**
   * An export here: as holder (`export-share`, asked by `peer`), whose entry is on disk before a share leaves, or as the
   * client's gateway (`export`). `proposal` is undefined where this node knows of none with that id.
   */
  exported(
    action: 'export' | 'export-share',
    id: Uint8Array,
    proposal: ProposalRecord | undefined,
    { peer, error }: { readonly peer?: PeerId; readonly error?: OstrakaError },
  ): void {
    const about =
      proposal === undefined
        ? { requestHash: id }
        : { principal: proposal.proposer, ...exceptionalAct(proposal) }
    const act: Omit<AuditAct, 'kind' | 'outcome'> = {
      action,
      ...about,
      ...(peer === undefined ? {} : { peer }),
    }
    if (error === undefined) this.#use({ ...act, kind: 'use', outcome: 'ok' })
    else this.#refuse({ ...act, kind: 'refusal', outcome: error.code })
  }

  wish(token: Token, signed: SignedTransaction): void {
    this.#auditing.wishes.set(token, administrationAct(signed))
  }

  fulfilled(token: Token, outcome: Outcome<unknown>): void {
    const act = this.#auditing.wishes.get(token)
    if (act === undefined) return
    this.#auditing.wishes.delete(token)
    if (outcome.ok) this.#acts.push(act)
    else this.#refuse({ ...act, outcome: outcome.error.code })
  }

  submitted(transaction: Transaction): void {
    const act = ownAct(transaction)
    if (act !== undefined) this.#use(act)
  }

  /** `nameOf` answers with a key's name. */
  persisted(writes: readonly Write[], nameOf: (keyId: Uint8Array) => string | undefined): void {
    for (const { keyId, version } of storedShares(writes)) {
      const key = nameOf(keyId)
      const named = key === undefined ? {} : { key }
      this.#acts.push({ kind: 'ceremony', action: 'store-share', outcome: 'ok', version, ...named })
    }
  }

  timer(id: Token): void {
    if (id !== REFUSALS_TIMER) return
    const { refusals, unwritten } = this.#auditing.log
    if (unwritten === undefined) this.#acts.push(...refusals.flush())
    else {
      refusals.postpone(this.#nowMs)
      this.#timerAtMs = refusals.flushAtMs()
    }
  }

  /** The entries of this step, if there are any, and when counted refusals are due. */
  finish(): AuditEffect | undefined {
    const appended = appendAudit(this.#auditing.log, this.#acts, this.#nowMs)
    return appended && { type: 'audit', appended, isUrgent: this.#isUrgent }
  }

  get timerEffect(): { readonly type: 'timer'; readonly id: Token; readonly atMs: number } | undefined {
    return this.#timerAtMs === null ? undefined : { type: 'timer', id: REFUSALS_TIMER, atMs: this.#timerAtMs }
  }

  #use(act: AuditAct): void {
    this.#acts.push(act)
    this.#isUrgent = true
  }

  #refuse(act: AuditAct): void {
    const { refusals, unwritten } = this.#auditing.log
    const now = refusals.add(act, this.#nowMs, unwritten === undefined)
    if (now !== undefined) this.#acts.push(now)
    else this.#timerAtMs = refusals.flushAtMs()
  }
}

/** What is to be stored, and handed to the control log, after the ledger moved on. */
export interface CheckpointStep {
  readonly writes: readonly Write[]
  readonly transaction: AuditCheckpoint
}

/** What the ledger says of this node's logs. */
export interface AuditStanding {
  /** The checkpoint on record of the log that is kept now. */
  readonly recorded: AuditRecord | undefined
  /** The logs that were written off. */
  readonly losses: readonly AuditLoss[]
  /** Up to this height the node may have forgotten what it signed. */
  readonly forgottenHeight: number
}

export function onLedger(
  auditing: Auditing,
  standing: AuditStanding,
  epoch: number,
): CheckpointStep | undefined {
  const isNewEpoch = epoch !== auditing.epoch
  auditing.epoch = epoch
  settleGeneration(auditing, standing)
  // a log that is ahead of the ledger waits for it: the blocks with its reset are still to be fetched
  if (auditing.log.world.generation > standing.losses.length) return undefined
  return stepOf(auditing.log, lookAtRecord(auditing.log, standing.recorded, isNewEpoch))
}

/**
 * Begins the next log once operators have written off the present one, and what was told of it is on disk. A log that was
 * begun before a loss is lost with it, whatever is left: two checkpoints of one size would convict the node.
 */
export function settleGeneration(
  auditing: Auditing,
  { losses, forgottenHeight }: Omit<AuditStanding, 'recorded'>,
): void {
  const { log } = auditing
  const isQuiet = log.durableSize === log.tree.size
  if (losses.length > log.world.generation && isQuiet) {
    auditing.log = emptyLog({ ...log.world, generation: losses.length })
  }
  const { generation } = auditing.log.world
  const begun = losses[generation - 1]?.height ?? 0
  if (begun >= forgottenHeight) return
  auditing.log.damage ??= new OstrakaError(
    'storage_corrupt',
    'the audit log was lost with the database; an operator has to reset it (ostraka audit reset)',
    { fault: 'truncated', generation, resetAfterHeight: forgottenHeight },
  )
}

export function onWritten(auditing: Auditing, size: number): CheckpointStep | undefined {
  return stepOf(auditing.log, auditWritten(auditing.log, size))
}

function stepOf(
  { world: { generation } }: AuditLog,
  made: Issued | SignedCheckpoint | undefined,
): CheckpointStep | undefined {
  if (made === undefined) return undefined
  const [checkpoint, writes] = 'write' in made ? [made.checkpoint, [made.write]] : [made, []]
  return {
    writes,
    transaction: { type: 'audit-checkpoint', ...(generation > 0 && { generation }), ...checkpoint },
  }
}

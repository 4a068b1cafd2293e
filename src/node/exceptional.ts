import { type Outcome, type PeerId, type Rng, toHex } from '../base/index.ts'
import type { AppliedEffect } from '../control/index.ts'
import { answerExport } from '../keys/index.ts'
import type { ExportCall, NoteEffect, PeerAnswer } from '../wire/index.ts'
import { approvalSteps, noticeOf, recordOfProposal } from './approvals.ts'
import type { Scribe } from './auditing.ts'
import type { NodeEffect } from './events.ts'
import { exportAuthority, type NodeState } from './state.ts'

/** Exceptional acts are loud: in this node's log, its audit log, its counters, and to whoever listens. */
export function tellOperators(state: NodeState, scribe: Scribe, applied: AppliedEffect): NodeEffect[] {
  return approvalSteps(state, applied).flatMap((step): NodeEffect[] => {
    const notice = noticeOf(state, step)
    const { act, ...details } = notice.proposal
    scribe.approval(step)
    state.notices.set(step.type, (state.notices.get(step.type) ?? 0) + 1)
    const text = `exceptional act: ${step.type} ${act.type}`
    const note: NoteEffect = {
      type: 'note',
      level: 'warn',
      text,
      details: { by: notice.by, act, ...details },
    }
    return [note, { type: 'notice', notice }]
  })
}

/** This node's shares for an export. Errors: those of `answerExport`. */
export function answerAsHolder(
  state: NodeState,
  from: PeerId,
  call: ExportCall,
  nowMs: number,
  rng: Rng,
): PeerAnswer {
  return answerExport(state.holder, exportAuthority(state), state.answeredExports, { from, call }, nowMs, rng)
}

/** Audits what became of a request for shares, and gives the warning that goes with it. */
export function tellOfExport(
  state: NodeState,
  scribe: Scribe,
  from: PeerId,
  { proposal }: ExportCall,
  answer: Outcome<PeerAnswer>,
): NoteEffect {
  const error = answer.ok ? {} : { error: answer.error }
  scribe.exported('export-share', proposal, recordOfProposal(state, proposal), { peer: from, ...error })
  const details = { proposal: toHex(proposal), from, code: answer.ok ? 'ok' : answer.error.code }
  return { type: 'note', level: 'warn', text: 'asked to export shares of a key', details }
}

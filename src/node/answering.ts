import { OstrakaError, type Outcome } from '../base/index.ts'
import type { LogEffect } from '../control/index.ts'
import type { ExportedEffect, OperatedEffect } from '../keys/index.ts'
import type { ReplyEffect, Token } from '../wire/index.ts'
import { recordOfProposal } from './approvals.ts'
import type { Scribe } from './auditing.ts'
import type { NodeEffect, ResolveEffect } from './events.ts'
import type { NodeState } from './state.ts'

/** What a transaction's submitter is told once the log has decided on it. */
export function outcomeOf({
  height,
  result,
}: Extract<LogEffect, { readonly type: 'included' }>): Outcome<unknown> {
  const { transactionId } = result
  return result.ok
    ? { ok: true, value: { transactionId, height } }
    : { ok: false, error: new OstrakaError(result.code, result.message, result.details) }
}

/** Tells a client; this node's own transactions end in a note, since others may have said the same before. */
export function tellOutcome(scribe: Scribe, token: Token, outcome: Outcome<unknown>): NodeEffect[] {
  scribe.fulfilled(token, outcome)
  if (!token.startsWith('own/')) return [{ type: 'resolve', token, outcome }]
  if (outcome.ok) return []
  const details = { code: outcome.error.code, reason: outcome.error.message, transaction: token }
  // others see this node's own words late at worst; an attestation that is refused costs it its slots
  const level = token.startsWith('own/attest/') ? 'warn' : 'debug'
  return [{ type: 'note', level, text: 'an own transaction had no effect', details }]
}

/** Tells a client what came of its operation, and the audit log. */
export function tellOperated(
  state: NodeState,
  scribe: Scribe,
  { token, outcome }: OperatedEffect,
): NodeEffect {
  const signed = state.operations.get(token)
  state.operations.delete(token)
  if (signed !== undefined) scribe.operated(signed, outcome)
  return heldIfDone({ type: 'resolve', token, outcome })
}

/** The same of an export. */
export function tellExported(
  state: NodeState,
  scribe: Scribe,
  { token, proposal, outcome }: ExportedEffect,
): NodeEffect {
  const error = outcome.ok ? {} : { error: outcome.error }
  scribe.exported('export', proposal, recordOfProposal(state, proposal), error)
  return heldIfDone({ type: 'resolve', token, outcome })
}

/** A peer's answer: one that a share was used for waits until the audit log tells of that. */
export function released(effect: ReplyEffect): NodeEffect {
  return usesSecret(effect) ? { type: 'held', effect } : effect
}

function heldIfDone(effect: ResolveEffect): NodeEffect {
  return effect.outcome.ok ? { type: 'held', effect } : effect
}

function usesSecret({ answer }: ReplyEffect): boolean {
  return answer.ok && (answer.value.type === 'partial' || answer.value.type === 'export')
}

import { OstrakaError, type Outcome, type PeerId, type Rng, toOstrakaError } from '../base/index.ts'
import { viewLog } from '../control/index.ts'
import { type ExportCall, type PeerAnswer, type PeerRequest, REQUEST_RULES } from '../wire/index.ts'
import type { Scribe } from './auditing.ts'
import type { NodeEffect } from './events.ts'
import { answerAsHolder, tellOfExport } from './exceptional.ts'
import { memberOf, type NodeState } from './state.ts'

export function attempt<T>(make: () => T): Outcome<T> {
  try {
    return { ok: true, value: make() }
  } catch (error) {
    return { ok: false, error: toOstrakaError(error) }
  }
}

/**
 * Why nothing is done for this peer; undefined for a member. One that is removed can read in the log that it is, until
 * its connections close.
 */
export function refusalOf(state: NodeState, from: PeerId, request: PeerRequest): OstrakaError | undefined {
  if (memberOf(state, from)?.state !== 'removed' || REQUEST_RULES[request.type].isForRemoved) return undefined
  return new OstrakaError('stranger', 'removed from the network', { peerId: from })
}

/** No share is used while the audit log cannot tell of it, nor by a policy that may be an old one. */
export function requireReady(state: NodeState, scribe: Scribe, nowMs: number): void {
  if (viewLog(state.log, nowMs).recovery === 'catching-up') {
    const why = 'this node has lost its database and is catching up with the network'
    throw new OstrakaError('not_ready', why)
  }
  scribe.requireWritable()
}

/** Answers a gateway that collects an exported key's shares; and whoever watches this node hears of it. */
export function serveExport(
  state: NodeState,
  scribe: Scribe,
  from: PeerId,
  call: ExportCall,
  nowMs: number,
  rng: Rng,
): { readonly answer: Outcome<PeerAnswer>; readonly notice: NodeEffect } {
  const answer = attempt((): PeerAnswer => {
    requireReady(state, scribe, nowMs)
    return answerAsHolder(state, from, call, nowMs, rng)
  })
  return { answer, notice: tellOfExport(state, scribe, from, call, answer) }
}

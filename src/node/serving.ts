import { OstrakaError, type Outcome, type PeerId, type Rng, toOstrakaError } from '../base/index.ts'
import { viewLog } from '../control/index.ts'
import { answerPartial } from '../keys/index.ts'
import type { ExportCall, PartialCall, PeerAnswer, PeerRequest } from '../wire/index.ts'
import type { Scribe } from './auditing.ts'
import type { NodeEffect } from './events.ts'
import { answerAsHolder, tellOfExport } from './exceptional.ts'
import { memberOf, type NodeState } from './state.ts'

/** Requests that read the log, and how high it is. */
const READS: ReadonlySet<PeerRequest['type']> = new Set(['ping', 'blocks', 'headers', 'snapshot'])

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
  if (memberOf(state, from)?.state !== 'removed' || READS.has(request.type)) return undefined
  return new OstrakaError('stranger', 'removed from the network', { peerId: from })
}

/** No share is used while the audit log cannot tell of it, nor by a policy that may be an old one. */
function requireReady(state: NodeState, scribe: Scribe, nowMs: number): void {
  if (viewLog(state.log, nowMs).recovery === 'catching-up') {
    const why = 'this node has lost its database and is catching up with the network'
    throw new OstrakaError('not_ready', why)
  }
  scribe.requireWritable()
}

/** Answers a gateway that asks for partials, and writes down that it did, or why not. */
export function servePartial(
  state: NodeState,
  scribe: Scribe,
  from: PeerId,
  request: PartialCall,
  nowMs: number,
  rng: Rng,
): Outcome<PeerAnswer> {
  const answer = attempt((): PeerAnswer => {
    requireReady(state, scribe, nowMs)
    return answerPartial(state.holder, from, request, nowMs, rng)
  })
  const { call } = request
  scribe.partial(from, call.request, call.version, answer.ok ? undefined : answer.error)
  return answer
}

/** The same for shares of a key that is exported; and whoever watches this node hears of it. */
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

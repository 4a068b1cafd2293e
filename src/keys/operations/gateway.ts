import type { Outcome, PeerId } from '../../base/index.ts'
import { OstrakaError } from '../../base/index.ts'
import type {
  CommonEvent,
  Machine,
  NoteEffect,
  OperationRequest,
  RequestEffect,
  Signed,
  SubmitEffect,
  TimerEffect,
  Token,
} from '../../wire/index.ts'
import type { OperationResult } from './result.ts'
import type { GatewayWorld } from './world.ts'

/** What the gateway is told. Answers and timers whose token or id starts with `operation/` are its own. */
export type GatewayEvent =
  | { readonly type: 'operate'; readonly token: Token; readonly request: Signed<OperationRequest> }
  /** Has nonce commitments fetched ahead for this signing key, so that its next signature is one round trip. */
  | { readonly type: 'warm'; readonly key: string }
  | { readonly type: 'peer'; readonly peerId: PeerId; readonly isConnected: boolean }
  | Extract<CommonEvent, { readonly type: 'timer' | 'answered' }>

/** Exactly one for each `operate`, with its token. */
export interface OperatedEffect {
  readonly type: 'operated'
  readonly token: Token
  readonly outcome: Outcome<OperationResult>
}

export type GatewayEffect = RequestEffect | TimerEffect | SubmitEffect | NoteEffect | OperatedEffect

export interface GatewayState {
  readonly world: GatewayWorld
}

export function createGateway(world: GatewayWorld): GatewayState {
  return { world }
}

export const stepGateway: Machine<GatewayState, GatewayEvent, GatewayEffect> = () => {
  throw new OstrakaError('unsupported', 'the gateway is being built')
}

/** Monotonic counts since the start, by name; `operation_bad_partials/<peer id>` names culprits. */
export function gatewayCounters(_state: GatewayState): Readonly<Record<string, number>> {
  return {}
}

import type { OstrakaError, Outcome, PeerId, Rng, Write } from '../base/index.ts'
import type { PeerAnswer, PeerMessage, PeerRequest } from './peers.ts'
import type { Topic } from './topics.ts'
import type { Transaction } from './transactions.ts'

/**
 * The one shape of every protocol machine: `step(state, event, nowMs, rng) -> { state, effects }`.
 * `step` consumes the state it is given: use only the one it returns (it may be the same object, changed in place).
 * The driver makes every `persist` of a step durable, with fsync, before it performs that step's other effects.
 */
export type Effect =
  | PersistEffect
  | SendEffect
  | PublishEffect
  | TimerEffect
  | RequestEffect
  | ReplyEffect
  | LoadEffect
  | RecordPutEffect
  | RecordGetEffect
  | SubmitEffect
  | NoteEffect

export interface Step<S, E = Effect> {
  readonly state: S
  readonly effects: readonly E[]
}

export type Machine<S, V, E = Effect> = (state: S, event: V, nowMs: number, rng: Rng) => Step<S, E>

/** Tokens and timer ids start with their machine's name and a slash (`control/…`), so that answers find their way. */
export type Token = string

export interface PersistEffect {
  readonly type: 'persist'
  readonly writes: readonly Write[]
}

/** One way, best effort. */
export interface SendEffect {
  readonly type: 'send'
  readonly to: PeerId
  readonly message: PeerMessage
}

export interface PublishEffect {
  readonly type: 'publish'
  readonly topic: Topic
  readonly bytes: Uint8Array
}

/** Fires once at `atMs` by the local clock; the same id replaces, `atMs: null` cancels. */
export interface TimerEffect {
  readonly type: 'timer'
  readonly id: Token
  readonly atMs: number | null
}

/** Exactly one `answered` event with this token follows, `deadlineMs` from now at the latest. */
export interface RequestEffect {
  readonly type: 'request'
  readonly token: Token
  readonly to: PeerId
  readonly request: PeerRequest
  readonly deadlineMs: number
}

/** Answers a `requested` event. */
export interface ReplyEffect {
  readonly type: 'reply'
  readonly token: Token
  readonly answer: Outcome<PeerAnswer>
}

/** Reads the node's own store; a `loaded` event follows. */
export interface LoadEffect {
  readonly type: 'load'
  readonly token: Token
  readonly prefix: string
  readonly from: string
  readonly limit: number
}

export interface RecordPutEffect {
  readonly type: 'dht-put'
  readonly key: Uint8Array
  readonly record: Uint8Array
}

/** Looks a record up in the DHT; a `record` event follows. */
export interface RecordGetEffect {
  readonly type: 'dht-get'
  readonly token: Token
  readonly hash: Uint8Array
}

/** Has this node sign a transaction and hand it to the control log, again and again until it is in or void. */
export interface SubmitEffect {
  readonly type: 'submit'
  readonly transaction: Transaction
}

/** Something an operator may want to read; never decides anything. */
export interface NoteEffect {
  readonly type: 'note'
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text: string
  readonly details: Readonly<Record<string, unknown>>
}

/** What any machine may be told, beside its own events. */
export type CommonEvent =
  | { readonly type: 'timer'; readonly id: Token }
  | { readonly type: 'message'; readonly from: PeerId; readonly message: PeerMessage }
  | {
      readonly type: 'requested'
      readonly from: PeerId
      readonly token: Token
      readonly request: PeerRequest
    }
  | {
      readonly type: 'answered'
      readonly token: Token
      readonly from: PeerId
      readonly answer: Outcome<PeerAnswer>
    }
  | {
      readonly type: 'loaded'
      readonly token: Token
      readonly entries: ReadonlyArray<{ key: string; value: Uint8Array }>
    }
  | { readonly type: 'record'; readonly token: Token; readonly record: Uint8Array | null }
  | { readonly type: 'failed'; readonly token: Token; readonly error: OstrakaError }

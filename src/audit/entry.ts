import { ERROR_CODES, type ErrorCode, type PeerId } from '../base/index.ts'
import {
  type Codec,
  codec,
  hash32,
  integer,
  matching,
  oneOf,
  optional,
  peerId,
  publicKey32,
  struct,
  textUpTo,
  timeMs,
} from '../wire/index.ts'

/**
 * `use`: a holder's share or a gateway's operation; `refusal`: what either refused; `ceremony`: a step of making keys;
 * `administration`: a control transaction that a client handed in here; `evidence`: proof that this node handed in;
 * `approval`: a step of an exceptional act that the control log holds, whoever handed it in.
 */
export const AUDIT_KINDS = ['use', 'refusal', 'ceremony', 'administration', 'evidence', 'approval'] as const
export type AuditKind = (typeof AUDIT_KINDS)[number]

/** What happened, before the log gives it its place. Never a secret, and never an input: their hash at most. */
export interface AuditAct {
  readonly kind: AuditKind
  /** What was done, such as `partial`, `operate`, `deal`, `set-policy`. */
  readonly action: string
  readonly outcome: 'ok' | ErrorCode
  /** Whose signature asked for it. For a refusal it is who is said to ask. */
  readonly principal?: Uint8Array
  readonly key?: string
  readonly version?: number
  readonly operation?: string
  readonly inputs?: number
  /** SHA-256 of the canonical request, ceremony id or transaction id: the same on every node that had part in it. */
  readonly requestHash?: Uint8Array
  /** The node that asked, or the one accused. */
  readonly peer?: PeerId
  /** How many like it this entry stands for; absent means one. */
  readonly count?: number
}

export interface AuditEntry extends AuditAct {
  /** The leaf's index in the tree, from 0. */
  readonly sequence: number
  readonly timeMs: number
}

/** Six hundred bytes at the very most, as the fields are bounded. */
const MAX_ENTRY_BYTES = 1024

const name = matching(/^[a-z][a-z-]{0,31}$/, 'a name')

/** A leaf of the tree is exactly these canonical bytes. */
export const auditEntryCodec: Codec<AuditEntry> = codec(
  'audit-entry',
  MAX_ENTRY_BYTES,
  struct<AuditEntry>({
    sequence: integer(0),
    timeMs,
    kind: oneOf(AUDIT_KINDS),
    action: name,
    outcome: oneOf(['ok', ...ERROR_CODES] as const),
    principal: optional(publicKey32),
    key: optional(textUpTo(64)),
    version: optional(integer(0)),
    operation: optional(name),
    inputs: optional(integer(0)),
    requestHash: optional(hash32),
    peer: optional(peerId),
    count: optional(integer(1)),
  }),
)

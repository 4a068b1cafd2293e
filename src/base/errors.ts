/** Every way in which Ostraka refuses or fails. Tests, metrics, the audit log and HTTP match on these, never on text. */
export const ERROR_CODES = [
  // the request itself
  'malformed',
  'too_large',
  'bad_signature',
  'bad_attestation',
  'unauthorized',
  'forbidden',
  'expired',
  'replayed',
  'rate_limited',
  'wrong_network',
  'wrong_kind',
  'not_exportable',
  'unsupported',
  'unsupported_media_type',
  'method_not_allowed',
  // what it names
  'unknown_key',
  'unknown_version',
  'version_destroyed',
  'version_expired',
  'pending_destruction',
  'not_found',
  'name_taken',
  'conflict',
  // what the network can do at the moment
  'not_enough_nodes',
  'insufficient_shares',
  'no_quorum',
  'ceremony_aborted',
  'not_ready',
  'overloaded',
  'deadline_exceeded',
  'unreachable',
  'stranger',
  // misbehaviour that can be proven
  'bad_partial',
  'bad_dealing',
  'bad_share',
  'false_complaint',
  'equivocation',
  'bad_certificate',
  'bad_block',
  'unproven',
  // this host
  'storage_full',
  'storage_corrupt',
  'wrong_passphrase',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

/** Plain data that explains an error: numbers needed and answered, the culprits' peer ids, limits. Never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>

export class OstrakaError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message)
    this.name = 'OstrakaError'
    this.code = code
    this.details = details
  }
}

/** True for the one error type that may cross a process boundary as itself. */
export function isOstrakaError(value: unknown, code?: ErrorCode): value is OstrakaError {
  return value instanceof OstrakaError && (code === undefined || value.code === code)
}

/** Turns anything thrown into an OstrakaError; what is not ours becomes `internal`. */
export function toOstrakaError(value: unknown): OstrakaError {
  if (value instanceof OstrakaError) return value
  return new OstrakaError('internal', value instanceof Error ? value.message : String(value))
}

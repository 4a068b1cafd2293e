import { type ErrorCode, OstrakaError } from '../base/index.ts'

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

/** The HTTP status of every refusal. The type makes a code without a status a compile error. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  malformed: 400,
  too_large: 413,
  bad_signature: 401,
  bad_attestation: 422,
  unauthorized: 401,
  forbidden: 403,
  expired: 401,
  replayed: 409,
  rate_limited: 429,
  wrong_network: 421,
  wrong_kind: 422,
  not_exportable: 403,
  unsupported: 422,
  unsupported_media_type: 415,
  method_not_allowed: 405,
  unknown_key: 404,
  unknown_version: 404,
  version_destroyed: 410,
  version_expired: 409,
  pending_destruction: 409,
  not_found: 404,
  name_taken: 409,
  conflict: 409,
  not_enough_nodes: 503,
  insufficient_shares: 503,
  no_quorum: 503,
  ceremony_aborted: 503,
  not_ready: 503,
  overloaded: 429,
  deadline_exceeded: 504,
  unreachable: 502,
  stranger: 403,
  bad_partial: 502,
  bad_dealing: 422,
  bad_share: 422,
  false_complaint: 422,
  equivocation: 409,
  bad_certificate: 502,
  bad_block: 502,
  unproven: 502,
  storage_full: 507,
  storage_corrupt: 500,
  wrong_passphrase: 500,
  internal: 500,
}

/** An RFC 9457 problem document. `type` stays `about:blank`: what programs match on is `code`. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>
}

export function statusOf(code: ErrorCode): number {
  return STATUS[code]
}

/** What a client may read of an error. An `internal` one tells its text to the log only, not to strangers. */
export function problemOf(error: OstrakaError): Problem {
  const isInternal = error.code === 'internal'
  return {
    type: 'about:blank',
    title: error.code.replaceAll('_', ' '),
    status: STATUS[error.code],
    detail: isInternal ? 'an unforeseen error, which this node has logged' : error.message,
    code: error.code,
    details: isInternal ? {} : error.details,
  }
}

/** The error inside a problem document; `internal` when the text is not one of ours. */
export function errorOfProblem(status: number, body: unknown): OstrakaError {
  if (typeof body === 'object' && body !== null && 'code' in body && isErrorCode(body.code)) {
    const problem = body as Partial<Problem> & { readonly code: ErrorCode }
    return new OstrakaError(problem.code, problem.detail ?? problem.code, problem.details ?? {})
  }
  return new OstrakaError('internal', `the daemon answered with HTTP status ${status}`, { status })
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(STATUS, code)
}

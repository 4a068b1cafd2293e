import type { ErrorCode } from '../base/index.ts'

/** Exit codes tell classes of failures apart; the error's code on standard error tells the failure itself. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  unreachable: 5,
  noQuorum: 6,
  conflict: 7,
} as const

/** The exit code of every error. The type makes an error code without a class a compile error. */
const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  malformed: EXIT.failed,
  too_large: EXIT.failed,
  bad_signature: EXIT.refused,
  bad_attestation: EXIT.refused,
  unauthorized: EXIT.refused,
  forbidden: EXIT.refused,
  expired: EXIT.refused,
  replayed: EXIT.refused,
  rate_limited: EXIT.refused,
  wrong_network: EXIT.failed,
  wrong_kind: EXIT.failed,
  not_exportable: EXIT.refused,
  unsupported: EXIT.failed,
  unsupported_media_type: EXIT.failed,
  method_not_allowed: EXIT.failed,
  unknown_key: EXIT.notFound,
  unknown_version: EXIT.notFound,
  version_destroyed: EXIT.notFound,
  version_expired: EXIT.conflict,
  pending_destruction: EXIT.conflict,
  not_found: EXIT.notFound,
  name_taken: EXIT.conflict,
  conflict: EXIT.conflict,
  not_enough_nodes: EXIT.noQuorum,
  insufficient_shares: EXIT.noQuorum,
  no_quorum: EXIT.noQuorum,
  ceremony_aborted: EXIT.noQuorum,
  not_ready: EXIT.noQuorum,
  overloaded: EXIT.noQuorum,
  deadline_exceeded: EXIT.unreachable,
  unreachable: EXIT.unreachable,
  stranger: EXIT.refused,
  bad_partial: EXIT.failed,
  bad_dealing: EXIT.failed,
  bad_share: EXIT.failed,
  false_complaint: EXIT.failed,
  equivocation: EXIT.failed,
  bad_certificate: EXIT.failed,
  bad_block: EXIT.failed,
  unproven: EXIT.failed,
  storage_full: EXIT.failed,
  storage_corrupt: EXIT.failed,
  wrong_passphrase: EXIT.failed,
  internal: EXIT.failed,
}

export function exitCodeOf(code: ErrorCode): number {
  return EXIT_CODES[code]
}

/** As `--help` tells it. */
export const EXIT_HELP: string =
  'Exit codes: 0 done; 2 wrong usage; 3 refused: unauthorized, forbidden, rate, policy; 4 not found; 5 unreachable;\n' +
  '6 too few shares or no quorum; 7 conflict; 1 anything else. The error’s code stands on standard error, as JSON with --json.'

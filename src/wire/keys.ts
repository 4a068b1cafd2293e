import { type ErrorDetails, OstrakaError } from '../base/index.ts'
import { publicKey32, timeMs } from './common.ts'
import { integer, list, oneOf, optional, type Schema, struct } from './schema.ts'

/** `toy` exists for simulation alone: a network admits it only when its genesis name starts with `sim`. */
export const KEY_KINDS = ['ed25519', 'secp256k1', 'ristretto255', 'x25519', 'toy'] as const
export type KeyKind = (typeof KEY_KINDS)[number]

export const OPERATIONS = ['sign', 'derive', 'decrypt'] as const
export type Operation = (typeof OPERATIONS)[number]

/** What a policy can grant: the operations, and to ask the operators for the secret itself. */
export const RIGHTS = ['sign', 'derive', 'decrypt', 'export'] as const
export type Right = (typeof RIGHTS)[number]

/**
 * active -> archived -> expired, when its retention ends, and archived again when its owner says so. Each of them ->
 * pending-destruction, which its owner can call off, -> destroyed, for good.
 */
export const VERSION_STATES = ['active', 'archived', 'expired', 'pending-destruction', 'destroyed'] as const
export type VersionState = (typeof VERSION_STATES)[number]

/** Why a version in that state is of no use to anybody; undefined for one that serves, or that still decrypts. */
export function refusalOf(state: VersionState, details: ErrorDetails): OstrakaError | undefined {
  switch (state) {
    case 'active':
    case 'archived':
      return undefined
    case 'expired':
      return new OstrakaError(
        'version_expired',
        'its retention has ended: key archive opens it again',
        details,
      )
    case 'pending-destruction':
      return new OstrakaError(
        'pending_destruction',
        'this version is about to be destroyed: key cancel-destroy keeps it',
        details,
      )
    case 'destroyed':
      return new OstrakaError(
        'version_destroyed',
        'this version is destroyed: nobody has shares of it',
        details,
      )
  }
}

/** What one principal may do with a key. The key's owner may always do everything. */
export interface PolicyRule {
  readonly principal: Uint8Array
  readonly operations: readonly Right[]
  /** Inputs per minute, at each holder; absent means unlimited. */
  readonly ratePerMinute?: number
  readonly untilMs?: number
}

/** Bounds the record that every holder reads on each request. */
export const MAX_POLICY_RULES = 64

export const keyKind: Schema<KeyKind> = oneOf(KEY_KINDS)
export const operationName: Schema<Operation> = oneOf(OPERATIONS)

export const policyRuleSchema: Schema<PolicyRule> = struct<PolicyRule>({
  principal: publicKey32,
  operations: list(oneOf(RIGHTS), RIGHTS.length),
  ratePerMinute: optional(integer(1, 1_000_000_000)),
  untilMs: optional(timeMs),
})

export const policyRules: Schema<readonly PolicyRule[]> = list(policyRuleSchema, MAX_POLICY_RULES)

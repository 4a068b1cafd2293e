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

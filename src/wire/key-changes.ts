import type { PeerId } from '../base/index.ts'
import { keyName, keyVersion, MAX_SLOTS, nonce16, peerId, publicKey32, timeMs } from './common.ts'
import { type KeyKind, keyKind, type PolicyRule, policyRules } from './keys.ts'
import { type Quota, quotaSchema } from './quota.ts'
import { flag, integer, list, literal, oneOf, optional, real, type Schema, struct } from './schema.ts'

/** Opens the ceremony that makes a key's first version. Signed by a principal with the right to create keys. */
export interface CreateKey {
  readonly type: 'create-key'
  /** Makes two attempts at one name two transactions. */
  readonly nonce: Uint8Array
  readonly name: string
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly rules: readonly PolicyRule[]
  /** Whether anybody may read the key's record and its proof; absent: no. The secret's use stays with the rules. */
  readonly isPublic?: boolean
  readonly isExportable: boolean
  /** Declared entropy of what the key protects, 0 to 1. */
  readonly entropy: number
  /** `generate`: by the holders together. `import`: dealt once by the creating principal (BYOK). */
  readonly origin: 'generate' | 'import'
}

/** Opens a ceremony on a key that exists. Signed by the key's owner. */
export interface ChangeKey {
  readonly type: 'change-key'
  readonly nonce: Uint8Array
  readonly name: string
  /** `rotate`: a new secret, a new version. `refresh`: the same secret, new shares. `reshare`: also other holders. */
  readonly change: 'rotate' | 'refresh' | 'reshare'
  /** The version and generation that this is about: a replayed change finds others and does nothing. */
  readonly version: number
  readonly generation: number
  /** reshare, and rotate if wanted: the new numbers. */
  readonly threshold?: number
  readonly shares?: number
  /** reshare only: the nodes that are to hold the slots, in this order; without it, all that are eligible. */
  readonly holders?: readonly PeerId[]
}

/** Takes a version out of service, or keeps it from being destroyed. Signed by the key's owner. */
export interface RetireVersion {
  readonly type: 'retire-version'
  readonly name: string
  readonly version: number
  /** How often its owner has retired it before: the same transaction cannot do it again. */
  readonly revision: number
  /**
   * `archive`: it decrypts and derives only. `destroy`: its shares are erased once the network's waiting time is over.
   * `cancel-destroy`: it is as it was before `destroy`.
   */
  readonly change: 'archive' | 'destroy' | 'cancel-destroy'
  /** archive: when its use ends; absent means never by itself. */
  readonly retainUntilMs?: number
}

/** Replaces a key's policy. Signed by the key's owner; `revision` is that of the policy it replaces. */
export interface SetPolicy {
  readonly type: 'set-policy'
  readonly name: string
  readonly revision: number
  readonly rules: readonly PolicyRule[]
  readonly isPublic?: boolean
}

/** Grants or withdraws the right to create keys, and says how much. Signed by an operator. */
export interface GrantCreate {
  readonly type: 'grant-create'
  readonly principal: Uint8Array
  readonly revision: number
  readonly isAllowed: boolean
  /** Its own quota; absent, the network's. */
  readonly quota?: Quota
}

/** What principals ask of keys, and an operator of principals. */
export type KeyTransaction = CreateKey | ChangeKey | RetireVersion | SetPolicy | GrantCreate

const createKey: Schema<CreateKey> = struct<CreateKey>({
  type: literal('create-key'),
  nonce: nonce16,
  name: keyName,
  kind: keyKind,
  threshold: integer(1, MAX_SLOTS),
  shares: integer(1, MAX_SLOTS),
  rules: policyRules,
  isPublic: optional(flag),
  isExportable: flag,
  entropy: real(0, 1),
  origin: oneOf(['generate', 'import']),
})

const changeKey: Schema<ChangeKey> = struct<ChangeKey>({
  type: literal('change-key'),
  nonce: nonce16,
  name: keyName,
  change: oneOf(['rotate', 'refresh', 'reshare']),
  version: keyVersion,
  generation: integer(0),
  threshold: optional(integer(1, MAX_SLOTS)),
  shares: optional(integer(1, MAX_SLOTS)),
  holders: optional(list(peerId, MAX_SLOTS)),
})

const retireVersion: Schema<RetireVersion> = struct<RetireVersion>({
  type: literal('retire-version'),
  name: keyName,
  version: keyVersion,
  revision: integer(0),
  change: oneOf(['archive', 'destroy', 'cancel-destroy']),
  retainUntilMs: optional(timeMs),
})

const setPolicy: Schema<SetPolicy> = struct<SetPolicy>({
  type: literal('set-policy'),
  name: keyName,
  revision: integer(0),
  rules: policyRules,
  isPublic: optional(flag),
})

const grantCreate: Schema<GrantCreate> = struct<GrantCreate>({
  type: literal('grant-create'),
  principal: publicKey32,
  revision: integer(0),
  isAllowed: flag,
  quota: optional(quotaSchema),
})

export const keySchemas: {
  readonly [K in KeyTransaction['type']]: Schema<Extract<KeyTransaction, { readonly type: K }>>
} = {
  'create-key': createKey,
  'change-key': changeKey,
  'retire-version': retireVersion,
  'set-policy': setPolicy,
  'grant-create': grantCreate,
}

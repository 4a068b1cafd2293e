import {
  ATTESTATION_METHODS,
  KEY_KINDS,
  MAX_INPUTS,
  MAX_POLICY_RULES,
  MAX_SLOTS,
  RIGHTS,
  VERSION_STATES,
} from '../wire/index.ts'
import type { JsonSchema } from './route.ts'

/** Builders for the JSON Schemas that both validate requests and stand in `/openapi.json`. */
export function object(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  const required = Object.keys(properties).filter(name => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

export function listOf(items: JsonSchema, limits: JsonSchema = {}): JsonSchema {
  return { type: 'array', items, ...limits }
}

export const text: JsonSchema = { type: 'string' }
export const flag: JsonSchema = { type: 'boolean' }
export const count: JsonSchema = { type: 'integer', minimum: 0 }
export const amount: JsonSchema = { type: 'number' }
/** Decoded strictly by the handler: canonical padding, standard alphabet. */
export const bytes: JsonSchema = { type: 'string', contentEncoding: 'base64' }
export const anything: JsonSchema = {}

export function nullableOf(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] }
}

export const name: JsonSchema = { type: 'string', pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$' }
// `toy` is for simulations: the wire knows it, HTTP does not offer it
export const kind: JsonSchema = { type: 'string', enum: KEY_KINDS.filter(other => other !== 'toy') }
export const slotCount: JsonSchema = { type: 'integer', minimum: 1, maximum: MAX_SLOTS }
export const inputs: JsonSchema = listOf(bytes, { minItems: 1, maxItems: MAX_INPUTS })
export const keyVersion: JsonSchema = {
  type: 'integer',
  minimum: 0,
  description: 'Which version of the key; 0 or absent means the active one.',
}

/** The handler refuses what is past, or was meant in another unit. */
export const comingMs: JsonSchema = {
  type: 'integer',
  minimum: 1,
  description: 'A time to come, in milliseconds since the Unix epoch.',
}

export const rule: JsonSchema = object(
  {
    principal: { ...bytes, description: 'An Ed25519 public key.' },
    operations: listOf({ type: 'string', enum: RIGHTS }, { minItems: 1, uniqueItems: true }),
    ratePerMinute: { type: 'integer', minimum: 1, description: 'Inputs per minute, at each holder.' },
    untilMs: comingMs,
  },
  ['ratePerMinute', 'untilMs'],
)
export const rules: JsonSchema = listOf(rule, { maxItems: MAX_POLICY_RULES })
export const isPublic: JsonSchema = {
  ...flag,
  description: 'Whether anybody may read the key’s record and its proof; absent means no.',
}
export const policy: JsonSchema = object({ revision: count, rules, public: isPublic }, ['public'])

const slot: JsonSchema = object({ slot: slotCount, peerId: text })
const version: JsonSchema = object({
  version: count,
  state: { type: 'string', enum: VERSION_STATES },
  revision: { ...count, description: 'How often its owner has retired or kept it.' },
  retainUntilMs: { ...count, description: 'archived: when its use ends; 0 means not by itself.' },
  destroyAtMs: nullableOf({ ...count, description: 'pending-destruction: when it is destroyed.' }),
  publicKey: bytes,
  generation: count,
  height: count,
  dealers: listOf(text),
  commitments: { ...listOf(bytes), description: 'Feldman commitments A_0 … A_{t-1}.' },
})

export const key: JsonSchema = object(
  {
    name,
    kind,
    keyId: text,
    version: { ...count, description: '0 while the first version is being made.' },
    generation: { ...count, description: 'How often its shares have been made anew.' },
    publicKey: {
      ...bytes,
      description: '32 raw bytes; BIP-340 x-only for secp256k1; empty while version is 0.',
    },
    recipient: {
      type: 'string',
      description: 'x25519 only: the age1… string; absent unless the current version is active.',
    },
    threshold: slotCount,
    shares: slotCount,
    holders: listOf(slot),
    state: {
      type: 'string',
      enum: ['creating', 'degraded', ...VERSION_STATES],
      description: 'Of its current version; degraded: it has fewer slots than wanted.',
    },
    exportable: flag,
    entropy: amount,
    owner: { ...bytes, description: 'A public key; empty for the network’s own key.' },
    policy,
    versions: listOf(version),
  },
  ['recipient'],
)

/** 32 bytes as operators read, compare and type them. */
export const hash: JsonSchema = { type: 'string', pattern: '^[0-9a-f]{64}$' }
const attestationPolicy = object({
  method: { type: 'string', enum: ATTESTATION_METHODS },
  maxAgeEpochs: count,
  measurements: listOf(hash),
  attestationKeys: listOf(hash),
})
const standing: JsonSchema = {
  type: 'string',
  enum: ['unrequired', 'accepted', 'missing', 'stale', 'weak', 'unlisted', 'unlisted_key'],
  description:
    'How its attestation stands with the policy; slots go to unrequired and accepted members only.',
}

const memberFields = {
  peerId: text,
  region: text,
  state: text,
  trust: amount,
  roundTripMs: nullableOf(amount),
  attestation: standing,
}

/** 32 bytes in hexadecimal. */
export const proposalId: JsonSchema = { type: 'string', pattern: '^[0-9a-f]{64}$' }

const exportAct = object({
  type: { const: 'export-key' },
  name,
  version: count,
  keyId: text,
  recipient: { ...bytes, description: 'The one-time key that the shares are sealed to.' },
})
const removalAct = object({ type: { const: 'remove-member' }, peerId: text })
const attestationAct = object({
  type: { const: 'set-attestation' },
  revision: { ...count, description: 'Of the policy that is replaced.' },
  policy: attestationPolicy,
})
const auditResetAct = object({
  type: { const: 'reset-audit' },
  peerId: text,
  generation: { ...count, description: 'Of the log that begins.' },
})

const destroyAct = object({
  type: { const: 'destroy-version' },
  name,
  keyId: text,
  version: count,
})

export const proposal: JsonSchema = object({
  id: proposalId,
  proposer: bytes,
  act: { anyOf: [exportAct, removalAct, attestationAct, auditResetAct, destroyAct] },
  reason: text,
  expiresMs: count,
  state: { type: 'string', description: 'open, approved, done, withdrawn or expired.' },
  needed: { ...count, description: 'How many operators must approve.' },
  approvals: { ...listOf(bytes), description: 'The operators that have.' },
  height: count,
  timeMs: { ...count, description: 'Of the block that holds it.' },
  closedMs: { ...count, description: 'Block time of its end; 0 until then.' },
})

export const status: JsonSchema = object({
  networkId: text,
  name: text,
  peerId: text,
  software: text,
  height: {
    ...count,
    description: 'Of the newest block on this node’s disk: all its answers tell of the state after it.',
  },
  lowest: { ...count, description: 'The oldest block that this node still has whole.' },
  epoch: count,
  coordinator: text,
  validators: listOf(text),
  members: listOf(object(memberFields)),
  convictions: listOf(object({ peerId: text, reason: text, height: count })),
  clockOffsetMs: {
    ...nullableOf(amount),
    description: 'How far the other members’ clocks are ahead of this node’s, by their median.',
  },
  warnings: listOf(text),
  approvals: { ...listOf(proposal), description: 'What waits for operators, or for its proposer.' },
})

export const member: JsonSchema = object({
  peerId: text,
  region: text,
  state: { type: 'string', description: 'joining, active, suspended or removed.' },
  isValidator: flag,
  trust: amount,
  joinedHeight: { ...count, description: '0 for the founders.' },
  addresses: listOf(text),
  attestation: standing,
})

export const attestation: JsonSchema = object({
  epoch: count,
  revision: count,
  policy: attestationPolicy,
  eligible: { ...count, description: 'Members that could hold slots.' },
  accepted: { ...count, description: 'Those of them whose attestation the policy accepts.' },
  isMoving: {
    ...flag,
    description: 'Whether slots leave the others: not while fewer than a quorum is accepted.',
  },
  members: listOf(
    object({
      peerId: text,
      standing,
      method: nullableOf(text),
      measurements: listOf(hash),
      attestationKey: nullableOf(hash),
      epoch: { ...nullableOf(count), description: 'Of the challenge that the attestation answers.' },
      height: nullableOf(count),
      statement: { ...nullableOf(bytes), description: 'Canonical CBOR of the signed statement.' },
    }),
  ),
})

/** What the control log decided of a member, and in which block. */
export const decision: JsonSchema = object({ height: count, member })

export const peers: JsonSchema = object({
  peers: listOf(
    object({
      ...memberFields,
      software: nullableOf(text),
      location: object({ region: text, latitude: amount, longitude: amount }),
      height: nullableOf(count),
      measurements: {
        ...listOf({ type: 'string', pattern: '^[0-9a-f]{16}$' }),
        description:
          'The first 8 bytes of what its last beacon says that it measures; `/api/v1/attestation` has the whole.',
      },
      load: nullableOf(
        object({
          cpu: amount,
          memoryBytes: count,
          operations: count,
          linkMbps: amount,
          trafficMbps: amount,
        }),
      ),
      beaconAgeMs: nullableOf(amount),
      clockOffsetMs: { ...nullableOf(amount), description: 'How far its clock is ahead of this node’s.' },
    }),
  ),
})

const conviction = { peerId: text, reason: text, height: count }

export const trust: JsonSchema = object({
  epoch: count,
  scores: listOf(
    object({
      peerId: text,
      state: text,
      score: amount,
      attestation: standing,
      opinion: amount,
      fines: count,
    }),
  ),
  reports: listOf(
    object({
      reporter: text,
      epoch: count,
      observations: listOf(
        object(
          {
            subject: text,
            beaconsDue: count,
            beaconsSeen: count,
            answers: count,
            late: count,
            wrong: count,
            excess: count,
            roundTripMs: count,
          },
          ['roundTripMs'],
        ),
      ),
    }),
  ),
  convictions: listOf(object({ ...conviction, transactionId: text })),
})

export const approvals = (next: JsonSchema): JsonSchema =>
  object({ needed: count, operators: listOf(bytes), proposals: listOf(proposal), next }, ['next'])

export const exported: JsonSchema = object({
  proposal,
  kind,
  generation: count,
  threshold: slotCount,
  publicKey: bytes,
  commitments: listOf(bytes),
  holders: listOf(slot),
  answers: { ...listOf(bytes), description: 'Canonical CBOR, each signed by its holder.' },
})

export const sealedShare: JsonSchema = object({ slot: slotCount, sealed: bytes })
export const possession: JsonSchema = object({ challenge: bytes, response: bytes })
export const encapsulation: JsonSchema = object({ enc: bytes, proof: possession })

export const plan: JsonSchema = object({
  keyId: bytes,
  ceremony: bytes,
  version: count,
  threshold: slotCount,
  dealer: { ...bytes, description: 'The principal that opened the ceremony; it alone may deal.' },
  recipients: listOf(object({ slot: slotCount, peerId: text, sealingKey: bytes })),
})

export const proof: JsonSchema = object({
  slot: slotCount,
  verifyingShare: bytes,
  elements: listOf(bytes),
  challenge: bytes,
  response: bytes,
})

export const problem: JsonSchema = {
  type: 'object',
  properties: {
    type: text,
    title: text,
    status: count,
    detail: text,
    code: text,
    details: { type: 'object' },
  },
  required: ['type', 'title', 'status', 'detail', 'code', 'details'],
}

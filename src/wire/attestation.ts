import { type Approval, approvals, hash32, type Signed, signedSchema } from './common.ts'
import { bytesUpTo, integer, list, literal, oneOf, type Schema, struct, union } from './schema.ts'

/** How strongly a node can say what runs on it: each method says more than the one before. */
export const ATTESTATION_METHODS = ['none', 'measured', 'tpm2'] as const
export type AttestationMethod = (typeof ATTESTATION_METHODS)[number]

/** What the node's own process says that it was started from. */
export interface MeasuredEvidence {
  readonly type: 'measured'
  /** The root of the hash tree over the installed program. */
  readonly program: Uint8Array
}

/** The same, and a TPM 2.0 quote that ties it to the state in which the host booted. Bytes as the TPM marshals them. */
export interface Tpm2Evidence {
  readonly type: 'tpm2'
  readonly program: Uint8Array
  /** TPMT_PUBLIC of the attestation key (TPM 2.0 Library, Part 2, section 12.2.4). */
  readonly attestationKey: Uint8Array
  /** TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE (Part 2, section 10.12.12). */
  readonly quote: Uint8Array
  /** TPMT_SIGNATURE over `quote` (Part 2, section 11.3.4). */
  readonly signature: Uint8Array
}

export type AttestationEvidence = MeasuredEvidence | Tpm2Evidence

/** A node's word on what runs on it. Signed by the node in the domain `attestation`. */
export interface AttestationStatement {
  /** The control log's challenge of one epoch: the statement is no older than that. */
  readonly nonce: Uint8Array
  readonly evidence: AttestationEvidence
}

/** Puts a statement into the log. Signed by the node that the statement is about. */
export interface Attest {
  readonly type: 'attest'
  readonly statement: Signed<AttestationStatement>
}

/** Which nodes slots may go to, as far as their attestations decide it. */
export interface AttestationPolicy {
  /** The weakest method that suffices; with `none` nothing is asked for, and the rest says nothing. */
  readonly method: AttestationMethod
  /** How many epochs an attestation counts. */
  readonly maxAgeEpochs: number
  /** Accepted measurements, of programs and of platforms: an attestation's every measurement must be among them. */
  readonly measurements: readonly Uint8Array[]
  /** Accepted attestation keys, by SHA-256 of their public area. Without any, a node's first key is pinned. */
  readonly attestationKeys: readonly Uint8Array[]
}

/** Replaces the network's policy; `revision` is that of the policy it replaces. Signed by an operator. */
export interface SetAttestation {
  readonly type: 'set-attestation'
  readonly revision: number
  readonly policy: AttestationPolicy
  /** Other operators' signatures over the `AttestationChange` in the domain `attestation-policy`. */
  readonly approvals: readonly Approval[]
}

export interface AttestationChange {
  readonly revision: number
  readonly policy: AttestationPolicy
}

export type AttestationTransaction = Attest | SetAttestation

/** A key of RSA-3072 has 414 bytes, a quote over one bank 145, an RSA-3072 signature 390. */
const MAX_TPM_BYTES = 512

/** Releases and platforms that stand beside each other; the whole policy is one ledger record. */
export const MAX_MEASUREMENTS = 256

const structure: Schema<Uint8Array> = bytesUpTo(MAX_TPM_BYTES)

const evidence: Schema<AttestationEvidence> = union<AttestationEvidence>({
  measured: struct<MeasuredEvidence>({ type: literal('measured'), program: hash32 }),
  tpm2: struct<Tpm2Evidence>({
    type: literal('tpm2'),
    program: hash32,
    attestationKey: structure,
    quote: structure,
    signature: structure,
  }),
})

const statement: Schema<AttestationStatement> = struct<AttestationStatement>({ nonce: hash32, evidence })

export const attestationPolicySchema: Schema<AttestationPolicy> = struct<AttestationPolicy>({
  method: oneOf(ATTESTATION_METHODS),
  maxAgeEpochs: integer(1, 2 ** 31),
  measurements: list(hash32, MAX_MEASUREMENTS),
  attestationKeys: list(hash32, MAX_MEASUREMENTS),
})

export const attestationSchemas: {
  readonly [K in AttestationTransaction['type']]: Schema<
    Extract<AttestationTransaction, { readonly type: K }>
  >
} = {
  attest: struct<Attest>({ type: literal('attest'), statement: signedSchema(statement) }),
  'set-attestation': struct<SetAttestation>({
    type: literal('set-attestation'),
    revision: integer(0),
    policy: attestationPolicySchema,
    approvals,
  }),
}

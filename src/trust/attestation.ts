import { concat, equalBytes, OstrakaError, utf8 } from '../base/index.ts'
import { sha256, verifySigned, verifyTpmSignature } from '../crypto/index.ts'
import type {
  AttestationEvidence,
  AttestationMethod,
  AttestationStatement,
  Signed,
  Tpm2Evidence,
} from '../wire/index.ts'
import {
  attestationKeyId,
  type Quote,
  readAttestationKey,
  readQuote,
  readSignature,
  unproven,
} from './tpm-structures.ts'

/** What a statement that holds says of its node. */
export interface Attested {
  readonly method: Exclude<AttestationMethod, 'none'>
  /** The program's measurement and, with a TPM, the platform's: 32 bytes each. */
  readonly measurements: readonly Uint8Array[]
  /** tpm2: SHA-256 of the attestation key's public area. */
  readonly attestationKey?: Uint8Array
  readonly quote?: Quote
}

/**
 * The challenge that every node answers in an epoch: nobody knew it before the block that opened the epoch, so no
 * statement over it was made earlier.
 */
export function nonceOf(networkId: Uint8Array, epoch: number, seed: Uint8Array): Uint8Array {
  return sha256(utf8('ostraka/1/attestation-nonce\0'), networkId, utf8(`${epoch}\0`), seed)
}

/**
 * What a TPM is asked to sign along: it ties a quote to the network, the epoch, the node and the program, so that
 * nobody else can hand in the quote as its own.
 */
export function quoteChallenge(
  networkId: Uint8Array,
  nonce: Uint8Array,
  node: Uint8Array,
  program: Uint8Array,
): Uint8Array {
  return sha256(utf8('ostraka/1/attestation-quote\0'), networkId, nonce, node, program)
}

/** A platform's measurement: which PCRs, and what they hold. Another choice of PCRs is another platform. */
export function platformMeasurement(selection: Uint8Array, pcrDigest: Uint8Array): Uint8Array {
  return sha256(utf8('ostraka/1/attestation-platform\0'), concat(selection, pcrDigest))
}

/**
 * Checks a node's statement over one of `nonces`; whether its measurements are welcome is the policy's to say.
 * Errors: `unauthorized` (another node's), `expired` (over no such nonce), `bad_signature`, `malformed`, and
 * `bad_attestation` { reason: 'key' | 'magic' | 'type' | 'pcrs' | 'nonce' | 'signature' } for a quote that proves nothing.
 */
export function verifyStatement(
  networkId: Uint8Array,
  node: Uint8Array,
  nonces: readonly Uint8Array[],
  statement: Signed<AttestationStatement>,
): Attested {
  const { value, signer } = statement
  if (!equalBytes(signer, node)) throw new OstrakaError('unauthorized', 'a node attests for itself')
  if (!nonces.some(nonce => equalBytes(nonce, value.nonce))) {
    throw new OstrakaError('expired', 'the statement answers no recent challenge')
  }
  if (!verifySigned('attestation', networkId, statement)) {
    throw new OstrakaError('bad_signature', 'the node has not signed this statement')
  }
  return verifyEvidence(networkId, node, value.nonce, value.evidence)
}

function verifyEvidence(
  networkId: Uint8Array,
  node: Uint8Array,
  nonce: Uint8Array,
  evidence: AttestationEvidence,
): Attested {
  const { program } = evidence
  if (evidence.type === 'measured') return { method: 'measured', measurements: [program] }
  const quote = verifyQuote(evidence, quoteChallenge(networkId, nonce, node, program))
  return {
    method: 'tpm2',
    measurements: [program, platformMeasurement(quote.selection, quote.pcrDigest)],
    attestationKey: attestationKeyId(evidence.attestationKey),
    quote,
  }
}

/** Errors: `malformed`, `bad_attestation` { reason }. */
export function verifyQuote(
  evidence: Pick<Tpm2Evidence, 'attestationKey' | 'quote' | 'signature'>,
  challenge: Uint8Array,
): Quote {
  const key = readAttestationKey(evidence.attestationKey)
  const quote = readQuote(evidence.quote)
  if (!equalBytes(quote.extraData, challenge)) unproven('nonce', 'the quote answers another challenge')
  if (!verifyTpmSignature(key, evidence.quote, readSignature(evidence.signature, key.type))) {
    unproven('signature', 'the attestation key has not signed this quote')
  }
  return quote
}

import { compareBytes, equalBytes, OstrakaError, toHex } from '../base/index.ts'
import { sha256, verifySigned } from '../crypto/index.ts'
import {
  type Block,
  type Certificate,
  type CertifiedBlock,
  type CertifiedHeader,
  type Header,
  MAX_BLOCK_BYTES,
  type Signed,
  type SignedTransaction,
  transactionListCodec,
  type Vote,
} from '../wire/index.ts'
import { honestMinority, verifyCertificate } from './certificates.ts'
import { blockIdOf, certificateHashOf, transactionIdOf } from './ids.ts'
import { type LedgerState, MAX_VOTING, proposerOf } from './ledger.ts'
import type { Validator } from './rotation.ts'

/** Leaves room for the header and for both certificates, 64 signatures each. */
export const MAX_TRANSACTIONS_BYTES: number = MAX_BLOCK_BYTES - 40 * 1024

/** A fresh block on top of `state`; `certificate` is that of its last block, null at height 1. */
export function makeBlock(
  state: LedgerState,
  certificate: Certificate | null,
  transactions: readonly SignedTransaction[],
  round: number,
  timeMs: number,
): Block {
  const { chain, records } = state
  const header: Header = {
    height: chain.height + 1,
    previous: chain.blockId,
    stateRoot: records.root(),
    timeMs: Math.max(timeMs, chain.timeMs + 1),
    round,
    proposer: proposerOf(state, round).publicKey,
    certificateHash: certificateHashOf(certificate),
    transactionsHash: sha256(transactionListCodec.encode(transactions)),
  }
  return { header, previousCertificate: certificate, transactions }
}

function refuse(why: string, header: Header): never {
  throw new OstrakaError('bad_block', why, { height: header.height, round: header.round })
}

/** Everything a header must be on top of `state`. Errors: `bad_block`. */
export function checkHeader(state: LedgerState, block: Block): void {
  const { header, previousCertificate } = block
  const { chain } = state
  if (header.height !== chain.height + 1) refuse('wrong height', header)
  if (!equalBytes(header.previous, chain.blockId)) refuse('does not follow the last block', header)
  if (!equalBytes(header.stateRoot, state.records.root())) refuse('wrong state root', header)
  if (header.timeMs <= chain.timeMs) refuse('time does not advance', header)
  if (!equalBytes(header.proposer, proposerOf(state, header.round).publicKey)) {
    refuse('not the proposer of its round', header)
  }
  if (!equalBytes(header.certificateHash, certificateHashOf(previousCertificate))) {
    refuse('carries another certificate', header)
  }
  if (chain.height === 0 ? previousCertificate !== null : previousCertificate === null) {
    refuse('a certificate where none is, or none where one is', header)
  }
  const bytes = transactionListCodec.encode(block.transactions)
  if (bytes.length > MAX_TRANSACTIONS_BYTES) refuse('too many bytes of transactions', header)
  if (!equalBytes(header.transactionsHash, sha256(bytes))) refuse('carries other transactions', header)
}

/** Signatures that this node has checked before. */
export interface Verified {
  /** By transaction id, which covers the signature. */
  transaction(id: string): boolean
  precommit(vote: Signed<Vote>): boolean
}

const NOTHING_VERIFIED: Verified = { transaction: () => false, precommit: () => false }

/**
 * valid(v) of the paper: whether `block` may follow `state`. What is `verified` is spared, and nothing else depends on
 * it. Errors: `bad_block`, `bad_certificate`.
 */
export function checkBlock(state: LedgerState, block: Block, verified: Verified = NOTHING_VERIFIED): void {
  const { header, previousCertificate: certificate } = block
  checkHeader(state, block)
  if (certificate !== null) {
    if (certificate.height !== state.chain.height || !equalBytes(certificate.blockId, state.chain.blockId)) {
      refuse('carries a certificate of another block', header)
    }
    verifyCertificate(state.networkId, state.previousValidators, certificate, verified.precommit)
  }
  const seen = new Set<string>()
  for (const transaction of block.transactions) {
    const id = toHex(transactionIdOf(transaction))
    if (seen.has(id)) refuse('holds a transaction twice', header)
    seen.add(id)
    if (!verified.transaction(id) && !verifySigned('transaction', state.networkId, transaction)) {
      refuse('a transaction is not signed by its signer', header)
    }
  }
}

/** Whether q of `validators` certified this header. Errors: `bad_certificate`. */
export function checkCertifiedHeader(
  networkId: Uint8Array,
  validators: readonly Validator[],
  { header, certificate }: CertifiedHeader,
): void {
  if (certificate.height !== header.height || !equalBytes(certificate.blockId, blockIdOf(header))) {
    throw new OstrakaError('bad_certificate', 'certifies another block', { height: header.height })
  }
  verifyCertificate(networkId, validators, certificate)
}

/** Whether header, body and certificate belong together. Who signed is another question. */
export function isWhole({ block, certificate }: CertifiedBlock): boolean {
  const { header } = block
  return (
    certificate.height === header.height &&
    equalBytes(certificate.blockId, blockIdOf(header)) &&
    hasOwnBody(block)
  )
}

/** Whether a certificate names a validator for a vote that it never signed. That is so at every height. */
export function isForged(
  networkId: Uint8Array,
  validators: readonly Validator[],
  { certificate }: CertifiedBlock,
): boolean {
  const { height, round, blockId, signatures } = certificate
  return signatures.some(
    ({ signer, signature }) =>
      validators.some(({ publicKey }) => equalBytes(publicKey, signer)) &&
      !verifySigned('precommit', networkId, { value: { height, round, blockId }, signer, signature }),
  )
}

/**
 * Checks that enough of the validators that this node knows have precommitted a header's block that one of them is
 * honest. It says that no outsider made the header up, not that it was decided: that takes a quorum of the set that voted.
 * Returns the header with only the signatures that verify. A signature by a key that this node does not know is kept if
 * it verifies: it may be of a validator that joined later, whom others know. Errors: `bad_certificate`.
 */
export function vouchedFor(
  networkId: Uint8Array,
  known: readonly Validator[],
  { header, certificate }: CertifiedHeader,
): CertifiedHeader {
  const { height, round, blockId, signatures } = certificate
  if (height !== header.height || !equalBytes(blockId, blockIdOf(header))) {
    throw new OstrakaError('bad_certificate', 'certifies another block', { height: header.height })
  }
  if (signatures.length > MAX_VOTING) {
    throw new OstrakaError('bad_certificate', 'more signatures than validators', { height })
  }
  const value: Vote = { height, round, blockId }
  const verified = signatures.filter(
    ({ signer, signature }, index) =>
      (index === 0 || compareBytes(signatures[index - 1]!.signer, signer) < 0) &&
      verifySigned('precommit', networkId, { value, signer, signature }),
  )
  const needed = honestMinority(known.length)
  const vouchers = verified.filter(({ signer }) => known.some(each => equalBytes(each.publicKey, signer)))
  if (vouchers.length < needed) {
    throw new OstrakaError('bad_certificate', 'too few known validators vouch for it', { height, needed })
  }
  return { header, certificate: { ...certificate, signatures: verified } }
}

/**
 * Whether the block's certificate and transactions are those that its header, and so its id, commits to. A relay can
 * pair a signed proposal or a certificate with another body.
 */
export function hasOwnBody({ header, previousCertificate, transactions }: Block): boolean {
  return (
    equalBytes(header.certificateHash, certificateHashOf(previousCertificate)) &&
    equalBytes(header.transactionsHash, sha256(transactionListCodec.encode(transactions)))
  )
}

/**
 * Whether `certified` is the block that the network decided on top of `state`. Its quorum vouches for what only
 * signatures inside could show. Errors: `bad_block`, `bad_certificate`.
 */
export function checkCertified(state: LedgerState, certified: CertifiedBlock): void {
  const { block, certificate } = certified
  checkHeader(state, block)
  checkCertifiedHeader(state.networkId, state.validators, { header: block.header, certificate })
}

import { equalBytes, OstrakaError, peerIdOf } from '../base/index.ts'
import {
  type AttestationRecord,
  attestationOf,
  attestationPath,
  attestationPolicy,
  type ChainRecord,
  isListed,
  type Ledger,
  type LedgerReader,
  type MemberRecord,
  memberPath,
  type TransactionContext,
} from '../control/index.ts'
import { keyPaths } from '../keys/index.ts'
import type { Attest } from '../wire/index.ts'
import { nonceOf, verifyStatement } from './attestation.ts'

const NONCES_PATH = 'attestation-nonces'

export interface AttestationNonce {
  readonly epoch: number
  readonly nonce: Uint8Array
}

/** The challenges that count: the newest first, then the one before it, for statements that were under way. */
interface NoncesRecord {
  readonly nonces: readonly AttestationNonce[]
}

/** Two epochs' challenges count: a statement made in one may be in a block of the next. */
const KEPT_NONCES = 2

export function attestationNonces(ledger: LedgerReader): readonly AttestationNonce[] {
  return ledger.get<NoncesRecord>(NONCES_PATH)?.nonces ?? []
}

/** Each epoch has its own challenge, made of the seed that its first block has brought. */
export function rollNonces(ledger: Ledger): void {
  const { epoch, seed } = ledger.get<ChainRecord>('chain')!
  const nonces = attestationNonces(ledger)
  if (nonces[0]?.epoch === epoch) return
  const next = { epoch, nonce: nonceOf(ledger.networkId, epoch, seed) }
  ledger.put(NONCES_PATH, { nonces: [next, ...nonces].slice(0, KEPT_NONCES) } satisfies NoncesRecord)
}

/**
 * Records what a member's statement says. Its TPM's key is pinned by the first one; another is taken only when the
 * policy lists it. Errors: those of `verifyStatement`, `forbidden` (no member any more, or convicted), `conflict` (a
 * statement of this epoch or a later one is on record, or another key is pinned).
 */
export function takeAttestation(ledger: Ledger, { statement }: Attest, at: TransactionContext): void {
  const peerId = peerIdOf(at.signer)
  const member = ledger.get<MemberRecord>(memberPath(peerId))
  if (member === undefined || member.state === 'removed' || ledger.get(keyPaths.conviction(peerId))) {
    throw new OstrakaError('forbidden', 'only members attest')
  }
  const nonces = attestationNonces(ledger)
  const attested = verifyStatement(
    ledger.networkId,
    at.signer,
    nonces.map(each => each.nonce),
    statement,
  )
  const { epoch } = nonces.find(each => equalBytes(each.nonce, statement.value.nonce))!
  const recorded = attestationOf(ledger, peerId)
  if (recorded !== undefined && recorded.epoch >= epoch) {
    throw new OstrakaError('conflict', 'a statement of this epoch is on record', { epoch: recorded.epoch })
  }
  const { method, measurements, attestationKey } = attested
  const pinned = recorded?.attestationKey
  if (pinned !== undefined && attestationKey !== undefined && !equalBytes(pinned, attestationKey)) {
    const { policy } = attestationPolicy(ledger)
    if (!isListed(policy.attestationKeys, attestationKey))
      throw new OstrakaError('conflict', 'another attestation key is pinned to this node', { peerId })
  }
  const key = attestationKey ?? pinned
  const { height } = at
  ledger.put(attestationPath(peerId), {
    ...{ peerId, method, measurements, epoch, height, statement },
    ...(key === undefined ? {} : { attestationKey: key }),
  } satisfies AttestationRecord)
}

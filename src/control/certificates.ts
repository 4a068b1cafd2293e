import { compareBytes, equalBytes, OstrakaError } from '../base/index.ts'
import { verifySigned } from '../crypto/index.ts'
import type { Certificate, Signed, Vote } from '../wire/index.ts'
import type { Validator } from './rotation.ts'

/** q = floor(2n/3)+1 of n validators: two quorums share an honest one while at most floor((n-1)/3) are faulty. */
export function quorumOf(validators: number): number {
  return Math.floor((2 * validators) / 3) + 1
}

/** f+1 of n: among so many at least one is honest. */
export function honestMinority(validators: number): number {
  return Math.floor((validators - 1) / 3) + 1
}

/** A certificate from at least q precommits for one block in one round, which must be verified already. */
export function makeCertificate(precommits: readonly Signed<Vote>[]): Certificate {
  const { height, round, blockId } = precommits[0]!.value
  const signatures = precommits
    .map(({ signer, signature }) => ({ signer, signature }))
    .sort((a, b) => compareBytes(a.signer, b.signer))
  return { height, round, blockId, signatures }
}

function refuse(why: string, certificate: Certificate): never {
  throw new OstrakaError('bad_certificate', why, { height: certificate.height, round: certificate.round })
}

/**
 * Checks that at least q distinct validators precommitted this block; the signers stand in ascending order, so that
 * distinctness needs no set. `isVerified` spares signatures that this node has checked before. Errors: `bad_certificate`.
 */
export function verifyCertificate(
  networkId: Uint8Array,
  validators: readonly Validator[],
  certificate: Certificate,
  isVerified: (precommit: Signed<Vote>) => boolean = () => false,
): void {
  const { height, round, blockId, signatures } = certificate
  if (signatures.length < quorumOf(validators.length)) refuse('too few signatures', certificate)
  const value: Vote = { height, round, blockId }
  for (const [index, { signer, signature }] of signatures.entries()) {
    const before = signatures[index - 1]
    if (before !== undefined && compareBytes(before.signer, signer) >= 0) {
      refuse('signers are not ascending', certificate)
    }
    if (!validators.some(validator => equalBytes(validator.publicKey, signer))) {
      refuse('a signer is no validator', certificate)
    }
    const precommit = { value, signer, signature }
    if (!isVerified(precommit) && !verifySigned('precommit', networkId, precommit)) {
      refuse('a signature does not verify', certificate)
    }
  }
}

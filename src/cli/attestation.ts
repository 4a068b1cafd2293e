import type { AttestationPolicyJson } from '../api/index.ts'
import { fromHex, OstrakaError } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type { AttestationChange, AttestationPolicy, Genesis, SignedTransaction } from '../wire/index.ts'
import { approvalsBy, signIn } from './invites.ts'

/** The transaction that replaces the policy, approved by all the given operators. */
export function signAttestationPolicy(
  genesis: Genesis,
  operators: readonly [SigningKey, ...SigningKey[]],
  change: AttestationChange,
): SignedTransaction {
  const [first, ...others] = operators
  const approvals = approvalsBy(genesis, others, 'attestation-policy', change)
  return signIn(genesis, first, { type: 'set-attestation', ...change, approvals })
}

/** A policy as a daemon shows it. Errors: `malformed`. */
export function policyOf({
  measurements,
  attestationKeys,
  ...rest
}: AttestationPolicyJson): AttestationPolicy {
  return { ...rest, measurements: measurements.map(hashOf), attestationKeys: attestationKeys.map(hashOf) }
}

/** 32 bytes as the commands print them. Errors: `malformed`. */
export function hashOf(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new OstrakaError('malformed', `${text} is no hash of 64 hexadecimal digits`)
  return fromHex(text)
}

const has = (list: readonly Uint8Array[], hash: Uint8Array): boolean =>
  list.some(each => Buffer.from(each).equals(hash))

/** The policy with these added. */
export function allowing(
  policy: AttestationPolicy,
  measurements: readonly Uint8Array[],
  attestationKeys: readonly Uint8Array[],
): AttestationPolicy {
  const union = (a: readonly Uint8Array[], b: readonly Uint8Array[]) => [
    ...a,
    ...b.filter((hash, at) => !has(a, hash) && !has(b.slice(0, at), hash)),
  ]
  return {
    ...policy,
    measurements: union(policy.measurements, measurements),
    attestationKeys: union(policy.attestationKeys, attestationKeys),
  }
}

/** The policy without these. Errors: `not_found` for one that it does not list. */
export function denying(policy: AttestationPolicy, hashes: readonly Uint8Array[]): AttestationPolicy {
  const { measurements, attestationKeys } = policy
  const unknown = hashes.find(hash => !has([...measurements, ...attestationKeys], hash))
  if (unknown !== undefined) {
    throw new OstrakaError('not_found', 'the policy lists no such hash', {
      hash: Buffer.from(unknown).toString('hex'),
    })
  }
  const without = (list: readonly Uint8Array[]) => list.filter(each => !has(hashes, each))
  return { ...policy, measurements: without(measurements), attestationKeys: without(attestationKeys) }
}

import { hash } from 'node:crypto'
import { concat, OstrakaError } from '../base/index.ts'
import type { Element, Group, Scalar } from './group.ts'
import { ristretto255 } from './ristretto255.ts'
import { sodium } from './sodium.ts'

const HASH_BYTES = 64
const BLOCK_BYTES = 128

/** expand_message_xmd with SHA-512 (RFC 9380 section 5.3.1) at the only length used here: 64 bytes, one block. */
export function expandMessage64(message: Uint8Array, domain: Uint8Array): Uint8Array {
  if (domain.length > 255) throw new OstrakaError('internal', 'a domain separation tag has at most 255 bytes')
  const domainPrime = concat(domain, new Uint8Array([domain.length]))
  const lengthAndZero = new Uint8Array([0, HASH_BYTES, 0])
  const b0 = digest(concat(new Uint8Array(BLOCK_BYTES), message, lengthAndZero, domainPrime))
  return digest(concat(b0, new Uint8Array([1]), domainPrime))
}

/** A scalar from the message, indistinguishable from uniform (RFC 9497 section 4.1, HashToScalar). */
export function hashToScalar(group: Group, message: Uint8Array, domain: Uint8Array): Scalar {
  return group.scalarFromWide(expandMessage64(message, domain))
}

/**
 * An element of unknown discrete logarithm from the message: hash_to_ristretto255 (RFC 9380 appendix B); the toy
 * group, which has no such elements, gives its best imitation. Errors: `unsupported` for other groups, `malformed`
 * for a message that meets the identity (RFC 9497 section 3.3.1, InvalidInputError).
 */
export function hashToGroup(group: Group, message: Uint8Array, domain: Uint8Array): Element {
  const uniform = expandMessage64(message, domain)
  if (group.name === 'toy') return group.multiplyBase(group.scalarFromWide(uniform))
  if (group.name !== 'ristretto255') {
    throw new OstrakaError('unsupported', 'no hashing to this group', { group: group.name })
  }
  return ristretto255.decode(sodium.crypto_core_ristretto255_from_hash(uniform))
}

function digest(input: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha512', input, 'buffer'))
}

import { ed25519 } from '@noble/curves/ed25519.js'
import { OstrakaError, type Rng, Secret, utf8 } from '../base/index.ts'
import { type DleqDomain, type DleqProof, proveDleq, verifyDleq } from './dleq.ts'
import { clampedScalar } from './ed25519.ts'
import type { Element, Group } from './group.ts'
import { combinePartials, provenMultiplyByShare, type SlotPartial } from './partials.ts'
import { sodium } from './sodium.ts'

const { Fp } = ed25519.Point

const CONTEXT = utf8('OstrakaDecryptV1-edwards25519-SHA512')

/** Where the DLEQ proofs of decryption partials are valid. The group is edwards25519, or toy in simulations. */
export function decryptDomain(group: Group): DleqDomain {
  return { group, contextString: CONTEXT }
}

/** The X25519 public key of a shared key: the u-coordinate (RFC 7748 section 4.1) of its Edwards point, 32 bytes. */
export function publicKeyFromEdwards(publicKey: Element): Uint8Array {
  // The toy group has no second coordinate; its X25519 keys are its elements.
  if (publicKey.group === 'toy') return publicKey.bytes
  return sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey.bytes)
}

/**
 * Lifts a sender's X25519 public key to the Edwards point with an even x: all holders get the same one, and the
 * result's u-coordinate does not depend on the choice. Errors: `malformed` for u that is not canonical, on the twist,
 * of small order, or outside the prime-order subgroup, where an unclamped share would not give X25519's answer.
 */
export function decodeEncapsulation(group: Group, publicKey: Uint8Array): Element {
  if (publicKey.length !== 32) throw new OstrakaError('malformed', 'an X25519 public key has 32 bytes')
  if (group.name === 'toy') return group.decode(publicKey)
  let u: bigint
  try {
    u = Fp.fromBytes(publicKey)
  } catch {
    throw new OstrakaError('malformed', 'the u-coordinate is not canonical')
  }
  const denominator = Fp.add(u, Fp.ONE)
  if (Fp.is0(denominator)) throw new OstrakaError('malformed', 'no point has this u-coordinate')
  const y = Fp.mul(Fp.sub(u, Fp.ONE), Fp.inv(denominator))
  return group.decode(Fp.toBytes(y)) // the sign bit is 0: x is even
}

/** One holder's part of a batch of decryptions under its share, with one proof. */
export function decryptPartial(
  group: Group,
  share: Secret,
  encapsulations: readonly Element[],
  publicShare: Element,
  rng: Rng,
): { readonly elements: Element[]; readonly proof: DleqProof } {
  return provenMultiplyByShare(decryptDomain(group), share, encapsulations, publicShare, rng)
}

/** The proof of `decryptPartial` for encapsulations that `multiplyByShare` has evaluated already, a few at a time. */
export function proveDecrypted(
  group: Group,
  share: Secret,
  elements: readonly Element[],
  evaluated: readonly Element[],
  publicShare: Element,
  rng: Rng,
): DleqProof {
  return proveDleq(decryptDomain(group), share, { publicKey: publicShare, elements, evaluated }, rng)
}

/** Whether `evaluated` is the share behind `publicShare` times `encapsulations`. */
export function verifyDecryptPartial(
  group: Group,
  encapsulations: readonly Element[],
  publicShare: Element,
  evaluated: readonly Element[],
  proof: DleqProof,
): boolean {
  return verifyDleq(
    decryptDomain(group),
    { publicKey: publicShare, elements: encapsulations, evaluated },
    proof,
  )
}

/** The X25519 shared secrets, 32 bytes each, in the batch's order. */
export function combineDecryption(group: Group, partials: readonly SlotPartial[]): Secret[] {
  return combinePartials(group, partials).map(element => {
    // An honest encapsulation times a key is never the identity: then the partials do not belong together.
    if (group.isIdentity(element)) throw new OstrakaError('bad_partial', 'the partials cancel out')
    return new Secret(new Uint8Array(publicKeyFromEdwards(element)))
  })
}

/**
 * The scalar of an ordinary X25519 private key (RFC 7748 section 5, clamped), reduced modulo L, for import: on the
 * prime-order points that `decodeEncapsulation` lets through it acts as the key itself. Errors: `malformed`.
 */
export function privateKeyToScalar(privateKey: Secret): Secret {
  if (privateKey.length !== 32) throw new OstrakaError('malformed', 'an X25519 private key has 32 bytes')
  return clampedScalar(privateKey.expose())
}

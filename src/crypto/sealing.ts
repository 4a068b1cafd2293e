import { concat, OstrakaError, type Rng, Secret, utf8 } from '../base/index.ts'
import { type DleqDomain, type DleqProof, proveDleq, verifyDleq } from './dleq.ts'
import type { Element, Group } from './group.ts'
import { groupByName } from './groups.ts'
import { extractAndExpand, type MessageKey, scheduleMessageKey } from './hpke.ts'
import { ristretto255 } from './ristretto255.ts'

/** RFC 9180 reserves no KEM over ristretto255; this number lies in its unassigned range. */
const KEM_ID = 0xff52

/** A node's sealing key pair: an element of ristretto255 (toy in simulations) and its discrete logarithm. */
export interface SealingKeyPair {
  readonly publicKey: Element
  readonly secretKey: Secret
}

/** The KEM's shared point of one sealed message, with the proof that it belongs to the sealing key. */
export interface Opening {
  readonly sharedPoint: Uint8Array
  readonly proof: DleqProof
}

/** The group is ristretto255 in earnest; only simulations pass another. */
export function generateSealingKey(rng: Rng, group: Group = ristretto255): SealingKeyPair {
  return sealingKeyFromSecret(new Secret(group.randomScalar(rng)), group)
}

/** Restores a key pair from its stored 32 bytes, of which it takes ownership. Errors: `malformed`. */
export function sealingKeyFromSecret(secretKey: Secret, group: Group = ristretto255): SealingKeyPair {
  const publicKey = group.multiplyBase(group.decodeScalar(secretKey.expose()))
  if (group.isIdentity(publicKey)) throw new OstrakaError('malformed', 'a sealing key is not zero')
  return { publicKey, secretKey }
}

/**
 * Encrypts to `publicKey`: RFC 9180 base mode, single shot (section 6.1), DHKEM's construction (section 4.1) over
 * ristretto255, HKDF-SHA512, AES-256-GCM. Gives enc (32 bytes) || ciphertext || tag (16 bytes).
 */
export function seal(
  publicKey: Element,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Secret,
  rng: Rng,
): Uint8Array {
  const group = groupByName(publicKey.group)
  const ephemeral = group.randomScalar(rng)
  const enc = group.multiplyBase(ephemeral)
  const { key, nonce } = messageKey(publicKey, enc, group.multiply(publicKey, ephemeral), info)
  ephemeral.fill(0)
  return concat(enc.bytes, key.seal(nonce, aad, plaintext.expose()))
}

/** Decrypts what `seal` made; undefined when any part of it does not fit. */
export function open(
  keys: SealingKeyPair,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Secret | undefined {
  const group = groupByName(keys.publicKey.group)
  const enc = encapsulationOf(group, sealed)
  if (enc === undefined) return undefined
  const shared = group.multiply(enc, keys.secretKey.expose())
  return openWith(keys.publicKey, enc, shared, info, aad, sealed)
}

/** Whether the message carries an encapsulation at all; the sealer alone is to blame when it does not. */
export function hasEncapsulation(publicKey: Element, sealed: Uint8Array): boolean {
  return encapsulationOf(groupByName(publicKey.group), sealed) !== undefined
}

/**
 * Lets anyone open this one message, and no other: the shared point and a proof that it is the secret key times enc.
 * Errors: `malformed` when the message has no encapsulation.
 */
export function proveOpening(keys: SealingKeyPair, sealed: Uint8Array, rng: Rng): Opening {
  const group = groupByName(keys.publicKey.group)
  const enc = encapsulationOf(group, sealed)
  if (enc === undefined) throw new OstrakaError('malformed', 'the sealed message has no encapsulation')
  const shared = group.multiply(enc, keys.secretKey.expose())
  const statement = { publicKey: keys.publicKey, elements: [enc], evaluated: [shared] }
  return { sharedPoint: shared.bytes, proof: proveDleq(openingDomain(group), keys.secretKey, statement, rng) }
}

/** Whether `opening` was made with the secret key behind `publicKey` for this very message. */
export function verifyOpening(publicKey: Element, opening: Opening, sealed: Uint8Array): boolean {
  const group = groupByName(publicKey.group)
  const enc = encapsulationOf(group, sealed)
  const shared = decodeOrUndefined(group, opening.sharedPoint)
  if (enc === undefined || shared === undefined) return false
  const statement = { publicKey, elements: [enc], evaluated: [shared] }
  return verifyDleq(openingDomain(group), statement, opening.proof)
}

/**
 * `open` for everyone else; undefined when the opening is honest but the message does not decrypt.
 * Errors: `false_complaint` when the opening is not that of the sealing key.
 */
export function openWithSharedPoint(
  publicKey: Element,
  opening: Opening,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Secret | undefined {
  if (!verifyOpening(publicKey, opening, sealed)) {
    throw new OstrakaError('false_complaint', 'the shared point is not that of the sealing key')
  }
  const group = groupByName(publicKey.group)
  const enc = group.decode(sealed.subarray(0, group.elementBytes))
  return openWith(publicKey, enc, group.decode(opening.sharedPoint), info, aad, sealed)
}

function openingDomain(group: Group): DleqDomain {
  return { group, contextString: utf8('OstrakaOpeningV1-ristretto255-SHA512') }
}

function encapsulationOf(group: Group, sealed: Uint8Array): Element | undefined {
  return decodeOrUndefined(group, sealed.subarray(0, group.elementBytes))
}

function decodeOrUndefined(group: Group, bytes: Uint8Array): Element | undefined {
  try {
    return group.decode(bytes)
  } catch {
    return undefined
  }
}

function openWith(
  publicKey: Element,
  enc: Element,
  shared: Element,
  info: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Secret | undefined {
  const { key, nonce } = messageKey(publicKey, enc, shared, info)
  const plaintext = key.open(nonce, aad, sealed.subarray(enc.bytes.length))
  return plaintext === undefined ? undefined : new Secret(plaintext)
}

/** Encap and Decap (RFC 9180 section 4.1) end alike: dh and kem_context = enc || pkRm, then the key schedule. */
function messageKey(publicKey: Element, enc: Element, shared: Element, info: Uint8Array): MessageKey {
  const dh = new Secret(new Uint8Array(shared.bytes))
  const secret = extractAndExpand(KEM_ID, dh, concat(enc.bytes, publicKey.bytes))
  return scheduleMessageKey(KEM_ID, secret, info)
}

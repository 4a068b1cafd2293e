import { concat, OstrakaError, type Rng, Secret, utf8 } from '../base/index.ts'
import { type DleqDomain, type DleqProof, proveDleq, verifyDleq } from './dleq.ts'
import type { Element, Group } from './group.ts'
import { groupByName } from './groups.ts'
import { sha512 } from './hash.ts'
import { extractAndExpand, type MessageKey, scheduleMessageKey } from './hpke.ts'
import { type PossessionProof, provePossession, verifyPossession } from './possession.ts'
import { ristretto255 } from './ristretto255.ts'
import { newSecretScalar, secretScalar } from './secret-scalars.ts'
import { framed } from './transcript.ts'

/** RFC 9180 reserves no KEM over ristretto255; this number lies in its unassigned range. */
const KEM_ID = 0xff53

/** Of AES-256-GCM. */
const TAG_BYTES = 16

/** Everything is bound by the info string. */
const NO_AAD = new Uint8Array(0)

/** A node's sealing key pair: an element of ristretto255 (toy in simulations) and its discrete logarithm. */
export interface SealingKeyPair {
  readonly publicKey: Element
  readonly secretKey: Secret
}

/** The public half of a sender's ephemeral key, with the proof that the sender knows the other half. */
export interface Encapsulation {
  readonly enc: Uint8Array
  readonly proof: PossessionProof
}

/** One plaintext on its way to one recipient. `info` names the plaintext among all that the sender seals together. */
export interface Sealable {
  readonly recipient: Element
  readonly info: Uint8Array
  /** Stays the caller's to wipe. */
  readonly plaintext: Secret
}

/** What one sender has sealed on one occasion. */
export interface SealedTogether {
  readonly encapsulation: Encapsulation
  /** In the order of the plaintexts: ciphertext || tag. */
  readonly ciphertexts: readonly Uint8Array[]
}

/** The KEM's shared point of one ciphertext, with the proof that it belongs to the sealing key. */
export interface Opening {
  readonly sharedPoint: Uint8Array
  readonly proof: DleqProof
}

/** Whose word a new sealing key is, so that a repeated generator makes no key twice. */
export interface KeyOrigin {
  readonly hedge: Secret
  readonly statement: Uint8Array
}

const NEW_KEY = utf8('ostraka/1/sealing-key')

/** The group is ristretto255 in earnest; only simulations pass another. */
export function generateSealingKey(
  rng: Rng,
  group: Group = ristretto255,
  origin?: KeyOrigin,
): SealingKeyPair {
  const scalar =
    origin === undefined
      ? newSecretScalar(group, 'sealing-key', rng, NEW_KEY)
      : secretScalar(group, 'sealing-key', origin.hedge, rng, concat(NEW_KEY, origin.statement))
  return sealingKeyFromSecret(new Secret(scalar), group)
}

/** Restores a key pair from its stored 32 bytes, of which it takes ownership. Errors: `malformed`. */
export function sealingKeyFromSecret(secretKey: Secret, group: Group = ristretto255): SealingKeyPair {
  const publicKey = group.multiplyBase(group.decodeScalar(secretKey.expose()))
  if (group.isIdentity(publicKey)) throw new OstrakaError('malformed', 'a sealing key is not zero')
  return { publicKey, secretKey }
}

/**
 * An encapsulation whose sender has proven to know its discrete logarithm, on the occasion that `context` names. Nothing is
 * opened, and nothing published, about any other: a shared point of a copied encapsulation would open what the one
 * who made it has sealed. Only `verify` makes one.
 */
export class ProvenEncapsulation {
  readonly element: Element
  readonly context: Uint8Array

  private constructor(element: Element, context: Uint8Array) {
    this.element = element
    this.context = context
  }

  /** Undefined when the proof is not that of this very encapsulation on this very occasion. */
  static verify(
    { enc, proof }: Encapsulation,
    context: Uint8Array,
    group: Group = ristretto255,
  ): ProvenEncapsulation | undefined {
    const element = decodeOrUndefined(group, enc)
    if (element === undefined) return undefined
    const isProven = verifyPossession(group, element, possessionContext(context), proof)
    return isProven ? new ProvenEncapsulation(element, context) : undefined
  }
}

/**
 * Seals all plaintexts of one occasion under one fresh ephemeral, which nobody learns and nothing keeps. `context` names the
 * occasion: network, purpose and sender; no two occasions share one. `hedge` is a secret of the sender's. Each key follows from
 * enc, sealing key, shared point, context and info as in RFC 9180's base mode (sections 4.1, 5.1 and 6.1) with
 * HKDF-SHA512 and AES-256-GCM; DHKEM's construction runs over ristretto255.
 */
export function sealTogether(
  context: Uint8Array,
  messages: readonly Sealable[],
  hedge: Secret,
  rng: Rng,
  group: Group = ristretto255,
): SealedTogether {
  const named = messages.map(({ recipient, info }) => framed(recipient.bytes, info))
  const statement = concat(framed(context), ...named)
  const ephemeral = new Secret(secretScalar(group, 'ephemeral', hedge, rng, statement))
  try {
    const enc = group.multiplyBase(ephemeral.expose())
    const proof = provePossession(group, ephemeral, enc, possessionContext(context), rng)
    const ciphertexts = messages.map(({ recipient, info, plaintext }) => {
      const shared = group.multiply(recipient, ephemeral.expose())
      const { key, nonce } = messageKey(recipient, enc, shared, context, info)
      return key.seal(nonce, NO_AAD, plaintext.expose())
    })
    return { encapsulation: { enc: enc.bytes, proof }, ciphertexts }
  } finally {
    ephemeral.wipe()
  }
}

/** Whether the ciphertext has the length of one with `plaintextBytes` inside. */
export function isWellFormed(ciphertext: Uint8Array, plaintextBytes: number): boolean {
  return ciphertext.length === plaintextBytes + TAG_BYTES
}

/** Decrypts one of `sealTogether`'s ciphertexts; undefined when any part of it does not fit. */
export function open(
  keys: SealingKeyPair,
  encapsulation: ProvenEncapsulation,
  info: Uint8Array,
  ciphertext: Uint8Array,
): Secret | undefined {
  const group = groupByName(keys.publicKey.group)
  const shared = group.multiply(encapsulation.element, keys.secretKey.expose())
  return openWith(keys.publicKey, encapsulation, shared, info, ciphertext)
}

/**
 * Lets anyone open what this sender has sealed to this key on this occasion: the shared point, and a proof that it is the secret
 * key times enc. The sender knows the point anyway; nobody else's message opens with it.
 */
export function proveOpening(
  keys: SealingKeyPair,
  encapsulation: ProvenEncapsulation,
  info: Uint8Array,
  rng: Rng,
): Opening {
  const group = groupByName(keys.publicKey.group)
  const { element } = encapsulation
  const shared = group.multiply(element, keys.secretKey.expose())
  const statement = { publicKey: keys.publicKey, elements: [element], evaluated: [shared] }
  const domain = openingDomain(group, encapsulation, info)
  return { sharedPoint: shared.bytes, proof: proveDleq(domain, keys.secretKey, statement, rng) }
}

/**
 * `open` for everyone else; undefined when the opening is honest but the ciphertext does not decrypt.
 * Errors: `false_complaint` when the opening is not that of the sealing key for this very ciphertext's name.
 */
export function openWithSharedPoint(
  publicKey: Element,
  opening: Opening,
  encapsulation: ProvenEncapsulation,
  info: Uint8Array,
  ciphertext: Uint8Array,
): Secret | undefined {
  const group = groupByName(publicKey.group)
  const shared = decodeOrUndefined(group, opening.sharedPoint)
  const isHonest =
    shared !== undefined &&
    verifyDleq(
      openingDomain(group, encapsulation, info),
      { publicKey, elements: [encapsulation.element], evaluated: [shared] },
      opening.proof,
    )
  if (!isHonest) throw new OstrakaError('false_complaint', 'the shared point is not that of the sealing key')
  return openWith(publicKey, encapsulation, shared, info, ciphertext)
}

/** The proof hashes the whole context of the ciphertext that it opens. */
function openingDomain(group: Group, { context }: ProvenEncapsulation, info: Uint8Array): DleqDomain {
  const bound = sha512(framed(context, info))
  return { group, contextString: concat(utf8('OstrakaOpeningV2-ristretto255-SHA512-'), bound) }
}

function possessionContext(context: Uint8Array): Uint8Array {
  return concat(utf8('ostraka/1/encapsulation\0'), context)
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
  { element, context }: ProvenEncapsulation,
  shared: Element,
  info: Uint8Array,
  ciphertext: Uint8Array,
): Secret | undefined {
  const { key, nonce } = messageKey(publicKey, element, shared, context, info)
  const plaintext = key.open(nonce, NO_AAD, ciphertext)
  return plaintext === undefined ? undefined : new Secret(plaintext)
}

/** Encap and Decap (RFC 9180 section 4.1) end alike: dh and kem_context = enc || pkRm, then the key schedule. */
function messageKey(
  publicKey: Element,
  enc: Element,
  shared: Element,
  context: Uint8Array,
  info: Uint8Array,
): MessageKey {
  const dh = new Secret(new Uint8Array(shared.bytes))
  const secret = extractAndExpand(KEM_ID, dh, concat(enc.bytes, publicKey.bytes))
  return scheduleMessageKey(KEM_ID, secret, concat(utf8('ostraka/1/sealed\0'), framed(context, info)))
}

import { createDecipheriv, createHmac } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import sodium from 'libsodium-wrappers-sumo'

// How sealed shares are made, written down a second time from docs/PROTOCOL.md and RFC 9180: the coalition's checker
// opens them with this and with nothing of src/crypto.

/** Whose dealing of what: all that its shares' keys are bound to beside the slot. */
export interface DealingName {
  readonly networkId: Uint8Array
  readonly ceremony: Uint8Array
  readonly dealer: Uint8Array
  readonly fromSlot: number
  readonly keyId: Uint8Array
  readonly version: number
}

/** Context and info of one ciphertext. */
export interface SealedName {
  readonly context: Uint8Array
  readonly info: Uint8Array
}

const KEM_ID = 0xff53
const KDF_HKDF_SHA512 = 3
const AEAD_AES_256_GCM = 2
const TAG_BYTES = 16

export function dealtName(
  { networkId, ceremony, dealer, fromSlot, keyId, version }: DealingName,
  slot: number,
): SealedName {
  return {
    context: dagCbor.encode({ purpose: 'dealing', networkId, ceremony, dealer, fromSlot }),
    info: dagCbor.encode({ group: 'home', keyId, version, slot }),
  }
}

export interface ExportName {
  readonly networkId: Uint8Array
  readonly proposal: Uint8Array
  readonly holder: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly generation: number
}

export function exportedName(name: ExportName, slot: number): SealedName {
  const { networkId, proposal, holder, keyId, version, generation } = name
  return {
    context: dagCbor.encode({ purpose: 'export', networkId, proposal, holder }),
    info: dagCbor.encode({ keyId, version, generation, slot }),
  }
}

const text = (value: string): Buffer => Buffer.from(value, 'utf8')
const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])
const framed = (...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat(parts.flatMap(part => [uint16(part.length), part]))

function extract(salt: Uint8Array, suite: Uint8Array, label: string, material: Uint8Array): Buffer {
  return createHmac('sha512', salt).update('HPKE-v1').update(suite).update(label).update(material).digest()
}

/** LabeledExpand for up to 64 bytes: one block of HKDF. */
function expand(key: Uint8Array, suite: Uint8Array, label: string, info: Uint8Array, length: number): Buffer {
  const labeled = Buffer.concat([uint16(length), text('HPKE-v1'), suite, text(label), info, Buffer.from([1])])
  return createHmac('sha512', key).update(labeled).digest().subarray(0, length)
}

const EMPTY = new Uint8Array(0)

/** Opens a ciphertext with the KEM's shared point; undefined when they do not belong together. */
export function openSealed(
  enc: Uint8Array,
  publicKey: Uint8Array,
  sharedPoint: Uint8Array,
  { context, info }: SealedName,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined
  const kem = Buffer.concat([text('KEM'), uint16(KEM_ID)])
  const dh = extract(EMPTY, kem, 'eae_prk', sharedPoint)
  const shared = expand(dh, kem, 'shared_secret', Buffer.concat([enc, publicKey]), 64)
  const suite = Buffer.concat([
    text('HPKE'),
    uint16(KEM_ID),
    uint16(KDF_HKDF_SHA512),
    uint16(AEAD_AES_256_GCM),
  ])
  const bound = Buffer.concat([text('ostraka/1/sealed\0'), framed(context, info)])
  const schedule = Buffer.concat([
    Buffer.from([0]),
    extract(EMPTY, suite, 'psk_id_hash', EMPTY),
    extract(EMPTY, suite, 'info_hash', bound),
  ])
  const secret = extract(shared, suite, 'secret', EMPTY)
  const key = expand(secret, suite, 'key', schedule, 32)
  const nonce = expand(secret, suite, 'base_nonce', schedule, 12)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  const opened = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
  try {
    decipher.final()
    return new Uint8Array(opened)
  } catch {
    return undefined
  }
}

/** Scalar times ristretto255 point; undefined for bytes that are none, or a result that is the identity. */
export function multiplied(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined {
  try {
    return sodium.crypto_scalarmult_ristretto255(scalar, point)
  } catch {
    return undefined
  }
}

export function multipliedBase(scalar: Uint8Array): Uint8Array {
  return sodium.crypto_scalarmult_ristretto255_base(scalar)
}

/** response * B + challenge * X: the point of the nonce behind a Schnorr proof about X. */
export function noncePoint(
  response: Uint8Array,
  challenge: Uint8Array,
  x: Uint8Array,
): Uint8Array | undefined {
  const product = multiplied(challenge, x)
  try {
    return product && sodium.crypto_core_ristretto255_add(multipliedBase(response), product)
  } catch {
    return undefined
  }
}

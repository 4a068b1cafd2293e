import { concat, type Secret, utf8 } from '../base/index.ts'
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AeadKey } from './aead.ts'
import { hkdfExpand, hkdfExtract } from './kdf.ts'
import { uint16 } from './transcript.ts'

const VERSION = utf8('HPKE-v1')
const BASE_MODE = new Uint8Array([0x00])
const KDF_HKDF_SHA512 = uint16(0x0003)
const AEAD_AES_256_GCM = uint16(0x0002)
const EMPTY = new Uint8Array(0)

/** What RFC 9180's base mode gives for the first, and here only, message of a context. */
export interface MessageKey {
  readonly key: AeadKey
  readonly nonce: Uint8Array
}

/** LabeledExtract (RFC 9180 section 4). */
function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Secret {
  return hkdfExtract(salt, VERSION, suite, utf8(label), ikm)
}

/** LabeledExpand (RFC 9180 section 4). */
function labeledExpand(
  suite: Uint8Array,
  key: Secret,
  label: string,
  info: Uint8Array,
  lengthBytes: number,
): Secret {
  return hkdfExpand(key, concat(uint16(lengthBytes), VERSION, suite, utf8(label), info), lengthBytes)
}

/** ExtractAndExpand (RFC 9180 section 4.1) with HKDF-SHA512: the KEM's 64-byte shared secret; wipes `dh`. */
export function extractAndExpand(kemId: number, dh: Secret, kemContext: Uint8Array): Secret {
  const suite = concat(utf8('KEM'), uint16(kemId))
  const extracted = labeledExtract(suite, EMPTY, 'eae_prk', dh.expose())
  const shared = labeledExpand(suite, extracted, 'shared_secret', kemContext, 64)
  extracted.wipe()
  dh.wipe()
  return shared
}

/** KeySchedule in base mode (RFC 9180 section 5.1) with HKDF-SHA512 and AES-256-GCM; wipes `sharedSecret`. */
export function scheduleMessageKey(kemId: number, sharedSecret: Secret, info: Uint8Array): MessageKey {
  const suite = concat(utf8('HPKE'), uint16(kemId), KDF_HKDF_SHA512, AEAD_AES_256_GCM)
  const pskIdHash = labeledExtract(suite, EMPTY, 'psk_id_hash', EMPTY)
  const infoHash = labeledExtract(suite, EMPTY, 'info_hash', info)
  const context = concat(BASE_MODE, pskIdHash.expose(), infoHash.expose())
  const secret = labeledExtract(suite, sharedSecret.expose(), 'secret', EMPTY)
  const key = labeledExpand(suite, secret, 'key', context, AEAD_KEY_BYTES)
  const nonce = labeledExpand(suite, secret, 'base_nonce', context, AEAD_NONCE_BYTES)
  const messageKey = { key: new AeadKey(key), nonce: new Uint8Array(nonce.expose()) }
  for (const spent of [sharedSecret, secret, key, nonce]) spent.wipe()
  return messageKey
}

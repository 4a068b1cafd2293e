import { concat, OstrakaError, toHex } from '../base/index.ts'
import { sha256, type TpmPublicKey } from '../crypto/index.ts'

/**
 * The few structures of the TPM 2.0 Library (Part 2: Structures, revision 1.59) that a quote is made of, read strictly:
 * one algorithm suite, no trailing bytes, every length within its cap. Section numbers below are of that part.
 */

/** TPM_ALG_ID, section 6.3. */
const ALG_RSA = 0x0001
const ALG_SHA256 = 0x000b
const ALG_NULL = 0x0010
const ALG_RSASSA = 0x0014
const ALG_ECDSA = 0x0018
const ALG_ECC = 0x0023
/** TPM_ECC_NIST_P256, section 6.4. */
const CURVE_P256 = 0x0003
/** TPM_GENERATED_VALUE, section 6.2: a restricted key signs it only in what the TPM itself has made. */
const GENERATED = 0xff544347
/** TPM_ST_ATTEST_QUOTE, section 6.9. */
const ATTEST_QUOTE = 0x8018

/** TPMA_OBJECT, section 8.3: what makes a key worth anything as an attestation key. */
const REQUIRED_ATTRIBUTES = {
  fixedTPM: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  restricted: 1 << 16,
  sign: 1 << 18,
} as const
const DECRYPT = 1 << 17

/** TPM2B_DATA and TPM2B_NAME hold at most a TPMT_HA of the longest hash. */
const MAX_NAME_BYTES = 2 + 64
const SHA256_BYTES = 32
const RSA_BYTES = 384
/** A platform has 24 PCRs (PC Client Platform TPM Profile, section 4.6.1); TPMs may round their bitmap up to 32. */
const MAX_SELECT_BYTES = 4

/** Refuses what is well-formed but proves nothing, naming why. */
export function unproven(reason: string, why: string): never {
  throw new OstrakaError('bad_attestation', why, { reason })
}

/** Reads big-endian fields front to back. Errors: `malformed`. */
class Reader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  take(length: number): Uint8Array {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new OstrakaError('malformed', `${this.#what}: cut off`)
    const taken = this.#bytes.slice(this.#at, end)
    this.#at = end
    return taken
  }

  /** An unsigned integer of up to 4 bytes. */
  uint(length: 1 | 2 | 4): number {
    return this.take(length).reduce((value, byte) => value * 256 + byte, 0)
  }

  /** A TPM2B: its length, then so many bytes. */
  sized(maxLength: number): Uint8Array {
    const length = this.uint(2)
    if (length > maxLength) throw new OstrakaError('malformed', `${this.#what}: over ${maxLength} bytes`)
    return this.take(length)
  }

  expect(length: 1 | 2 | 4, value: number, field: string): void {
    if (this.uint(length) !== value)
      throw new OstrakaError('malformed', `${this.#what}: unsupported ${field}`)
  }

  /** Everything since `from` was remembered. */
  since(from: number): Uint8Array {
    return this.#bytes.slice(from, this.#at)
  }

  get position(): number {
    return this.#at
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new OstrakaError('malformed', `${this.#what}: trailing bytes`)
  }
}

/** SHA-256 of the public area. With the algorithm 0x000b before it, this is the key's TPM name (Part 1, section 16). */
export function attestationKeyId(attestationKey: Uint8Array): Uint8Array {
  return sha256(attestationKey)
}

/**
 * TPMT_PUBLIC, section 12.2.4, of a restricted signing key that never leaves its TPM. Errors: `malformed`,
 * `bad_attestation` { reason: 'key' } for one with other attributes.
 */
export function readAttestationKey(bytes: Uint8Array): TpmPublicKey {
  const reader = new Reader(bytes, 'attestation key')
  const type = reader.uint(2)
  reader.expect(2, ALG_SHA256, 'name algorithm')
  checkAttributes(reader.uint(4))
  reader.sized(MAX_NAME_BYTES)
  reader.expect(2, ALG_NULL, 'symmetric algorithm')
  let key: TpmPublicKey
  if (type === ALG_ECC) {
    reader.expect(2, ALG_ECDSA, 'scheme')
    reader.expect(2, ALG_SHA256, 'hash')
    reader.expect(2, CURVE_P256, 'curve')
    reader.expect(2, ALG_NULL, 'key derivation')
    key = { type: 'ecdsa-p256', x: reader.sized(SHA256_BYTES), y: reader.sized(SHA256_BYTES) }
  } else if (type === ALG_RSA) {
    reader.expect(2, ALG_RSASSA, 'scheme')
    reader.expect(2, ALG_SHA256, 'hash')
    reader.uint(2) // the bits of the modulus, whose own length says it again
    // zero stands for 2^16 + 1, section 12.2.3.5
    const exponent = reader.uint(4) || 65_537
    key = { type: 'rsassa', exponent, modulus: reader.sized(RSA_BYTES) }
  } else throw new OstrakaError('malformed', 'attestation key: neither RSA nor ECC')
  reader.end()
  return key
}

function checkAttributes(attributes: number): void {
  const missing = Object.entries(REQUIRED_ATTRIBUTES).filter(([, bit]) => (attributes & bit) === 0)
  if (missing.length > 0)
    unproven('key', `the attestation key is not ${missing.map(([name]) => name).join(', ')}`)
  if ((attributes & DECRYPT) !== 0) unproven('key', 'the attestation key may also decrypt')
}

/** TPMT_SIGNATURE, section 11.3.4: r and s of ECDSA, or the one integer of RSASSA. Errors: `malformed`. */
export function readSignature(bytes: Uint8Array, type: TpmPublicKey['type']): readonly Uint8Array[] {
  const reader = new Reader(bytes, 'quote signature')
  reader.expect(2, type === 'rsassa' ? ALG_RSASSA : ALG_ECDSA, 'scheme')
  reader.expect(2, ALG_SHA256, 'hash')
  const parts =
    type === 'rsassa' ? [reader.sized(RSA_BYTES)] : [reader.sized(SHA256_BYTES), reader.sized(SHA256_BYTES)]
  reader.end()
  return parts
}

/** What a quote says. */
export interface Quote {
  /** What the quote was asked to carry. */
  readonly extraData: Uint8Array
  /** How often the TPM was reset, and resumed since: a boot is a reset. */
  readonly resetCount: number
  readonly restartCount: number
  /** Eight bytes in hexadecimal; the vendor says what they mean. */
  readonly firmware: string
  /** Which PCRs of the SHA-256 bank, ascending. */
  readonly pcrs: readonly number[]
  /** TPML_PCR_SELECTION as marshalled. */
  readonly selection: Uint8Array
  /** SHA-256 of the selected PCRs' values, one after another. */
  readonly pcrDigest: Uint8Array
}

/**
 * TPMS_ATTEST with a TPMS_QUOTE_INFO, sections 10.12.12 and 10.12.4. Errors: `malformed`, `bad_attestation`
 * { reason: 'magic' | 'type' } for what a TPM has not made, or made for something else.
 */
export function readQuote(bytes: Uint8Array): Quote {
  const reader = new Reader(bytes, 'quote')
  if (reader.uint(4) !== GENERATED) unproven('magic', 'no TPM has made this quote')
  if (reader.uint(2) !== ATTEST_QUOTE) unproven('type', 'the TPM attests something other than its PCRs')
  reader.sized(MAX_NAME_BYTES) // the qualified name of the key, which names the keys above it too
  const extraData = reader.sized(MAX_NAME_BYTES)
  reader.take(8) // its clock in milliseconds, for nobody here to compare
  const resetCount = reader.uint(4)
  const restartCount = reader.uint(4)
  const safe = reader.uint(1)
  if (safe > 1) throw new OstrakaError('malformed', 'quote: neither yes nor no')
  const firmware = toHex(reader.take(8))
  const from = reader.position
  reader.expect(4, 1, 'number of PCR banks')
  reader.expect(2, ALG_SHA256, 'PCR bank')
  const select = reader.uint(1)
  if (select > MAX_SELECT_BYTES) throw new OstrakaError('malformed', 'quote: more PCRs than there are')
  const pcrs = pcrsIn(reader.take(select))
  const selection = reader.since(from)
  const pcrDigest = reader.sized(SHA256_BYTES)
  if (pcrs.length === 0 || pcrDigest.length !== SHA256_BYTES) unproven('pcrs', 'the quote covers no PCR')
  reader.end()
  return { extraData, resetCount, restartCount, firmware, pcrs, selection, pcrDigest }
}

/** TPMS_PCR_SELECT, section 10.6.1: PCR n is bit n mod 8 of byte n div 8. */
function pcrsIn(bitmap: Uint8Array): number[] {
  return [...bitmap].flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter(bit => (byte & (1 << bit)) !== 0).map(bit => index * 8 + bit),
  )
}

/** The TPML_PCR_SELECTION that tpm2-tools asks for: these PCRs of the SHA-256 bank, in a bitmap for 24. */
export function selectionOf(pcrs: readonly number[]): Uint8Array {
  const bitmap = new Uint8Array(3)
  for (const pcr of pcrs) {
    if (!Number.isInteger(pcr) || pcr < 0 || pcr > 23)
      throw new OstrakaError('malformed', `there is no PCR ${pcr}`)
    bitmap[pcr >> 3]! |= 1 << (pcr & 7)
  }
  return concat(new Uint8Array([0, 0, 0, 1, 0, ALG_SHA256, bitmap.length]), bitmap)
}

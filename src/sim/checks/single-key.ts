import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { schnorr } from '@noble/curves/secp256k1.js'
import type { KeyKind } from '../../wire/index.ts'
import { fromLittleEndian, modulo, montgomeryLadder, orderOf, toLittleEndian } from './arithmetic.ts'

/** RFC 9497 section 3.3.2's Evaluate; noble has it in this mode too, but its types do not say so. */
const voprf = ristretto255_oprf.voprf as unknown as {
  evaluate(secretKey: Uint8Array, input: Uint8Array): Uint8Array
}

/** A key as nobody but the checker ever sees it: whole. */
export interface WholeKey {
  readonly kind: KeyKind
  readonly secret: bigint
  readonly publicKey: Uint8Array
}

/** Whether `output` is what one holder of the whole key would have made of `input`, or what its verifier accepts. */
export function isSingleKeyResult(key: WholeKey, input: Uint8Array, output: Uint8Array): boolean {
  switch (key.kind) {
    case 'ed25519':
      return verifyEd25519(key.publicKey, input, output)
    case 'secp256k1':
      return schnorr.verify(output, input, key.publicKey)
    case 'ristretto255':
      return isEqual(voprf.evaluate(toLittleEndian(key.secret), input), output)
    case 'x25519':
      return isEqual(toLittleEndian(montgomeryLadder(key.secret, fromLittleEndian(input))), output)
    case 'toy':
      return verifyToy(key, input, output)
  }
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

const publicKeys = new Map<string, KeyObject>()
/** Signatures that have verified: every node shows the same ones again and again. */
const verified = new Set<string>()

export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const name = Buffer.from(publicKey).toString('latin1')
  const known = createHash('sha256').update(publicKey).update(signature).update(message).digest('base64')
  if (verified.has(known)) return true
  let key = publicKeys.get(name)
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    publicKeys.set(name, key)
  }
  const isValid = verify(null, message, key, signature)
  if (isValid) verified.add(known)
  return isValid
}

/** The toy group's elements are integers, so that Schnorr's equation z·B = R + c·Y is one of integers too. */
function verifyToy({ secret }: WholeKey, message: Uint8Array, signature: Uint8Array): boolean {
  const order = orderOf('toy')
  const commitment = signature.subarray(0, 32)
  const digest = createHash('sha512')
    .update('FROST-TOY-SHA512-v1chal')
    .update(commitment)
    .update(toLittleEndian(secret))
    .update(message)
    .digest()
  const challenge = fromLittleEndian(digest) % order
  const response = fromLittleEndian(signature.subarray(32, 64))
  return response === modulo(fromLittleEndian(commitment) + challenge * secret, order)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

import { readFileSync } from 'node:fs'
import { ageRecipient, publicKeyOfRecipient } from '../src/api/json.ts'
import {
  concat,
  equalBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  OstrakaError,
  peerIdOf,
  publicKeyOf,
  Secret,
  SeededRng,
  toBase64,
  toHex,
  utf8,
} from '../src/base/index.ts'
import {
  edwards25519,
  type Group,
  generateSealingKey,
  open,
  ProvenEncapsulation,
  ristretto255,
  SigningKey,
  sealTogether,
  secp256k1,
  toy,
  verifyEd25519,
  verifyTpmSignature,
} from '../src/crypto/index.ts'
import { decodeError, encodeError, encodeFrames, FrameDecoder } from '../src/io/frames.ts'
import { readAttestationKey, readQuote, readSignature } from '../src/trust/tpm-structures.ts'
import { SAMPLED } from '../test/wire/samples.ts'

/** One decoder: what it should read, and what it gives back; `read` throws OstrakaError or answers the bytes it stands for. */
export interface FuzzTarget {
  readonly name: string
  readonly corpus: readonly Uint8Array[]
  /** Decodes and encodes again. Errors: OstrakaError alone. */
  read(bytes: Uint8Array): Uint8Array
  /** Most decoders give back the very bytes; a stream's gives back the whole frames at its start. */
  readonly isStream?: boolean
  /** What is read is not written again: only that nothing foreign is thrown counts. */
  readonly isOneWay?: boolean
}

function groupTargets(group: Group): FuzzTarget[] {
  const rng = new SeededRng(`fuzz corpus ${group.name}`)
  const scalars = [1, 2, 3].map(() => group.randomScalar(rng))
  const elements = scalars.map(scalar => group.multiplyBase(scalar).bytes)
  const order = fromHex(group.order.toString(16).padStart(64, '0'))
  return [
    {
      name: `${group.name} element`,
      corpus: [...elements, group.identity.bytes, group.base.bytes],
      read: bytes => group.decode(bytes).bytes,
    },
    {
      name: `${group.name} scalar`,
      corpus: [...scalars, order, order.toReversed(), new Uint8Array(32)],
      read: bytes => group.decodeScalar(bytes),
    },
  ]
}

const text = (name: string, samples: readonly string[], read: (text: string) => string): FuzzTarget => ({
  name,
  corpus: samples.map(utf8),
  read: bytes => utf8(read(fromUtf8(bytes))),
})

const frames: FuzzTarget = {
  name: 'frames',
  isStream: true,
  corpus: [
    encodeFrames([{ kind: 'request', id: 7, payload: utf8('payload') }]),
    encodeFrames([
      { kind: 'message', id: 0, payload: new Uint8Array(0) },
      { kind: 'error', id: 2 ** 32 - 1, payload: utf8('x') },
    ]),
  ],
  read(bytes) {
    const whole = new FrameDecoder().push(bytes)
    // the same stream cut in two must say the same
    const cut = bytes.length >> 1
    const decoder = new FrameDecoder()
    const parts = [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))]
    const again = encodeFrames(whole)
    if (!equalBytes(encodeFrames(parts), again)) throw new Error('the cut changes what is read')
    return again
  },
}

/** Readers that answer yes or no, or undefined, to anything that a stranger may send. */
function oneWayTargets(): FuzzTarget[] {
  const rng = new SeededRng('fuzz corpus one-way')
  const key = new SigningKey(new Secret(rng.bytes(32)))
  const message = utf8('message')
  const sealing = generateSealingKey(rng)
  const plaintext = new Secret(rng.bytes(32))
  const sealable = { recipient: sealing.publicKey, info: message, plaintext }
  const { encapsulation, ciphertexts } = sealTogether(message, [sealable], plaintext, rng)
  const proven = ProvenEncapsulation.verify(encapsulation, message)!
  const { enc, proof } = encapsulation
  const refuse = (): never => {
    throw new OstrakaError('malformed', 'refused')
  }
  const oneWay = (
    name: string,
    corpus: readonly Uint8Array[],
    accepts: (bytes: Uint8Array) => boolean,
  ): FuzzTarget => ({
    name,
    corpus,
    isOneWay: true,
    read: bytes => (accepts(bytes) ? bytes : refuse()),
  })
  return [
    oneWay('Ed25519 key and signature', [concat(key.publicKey, key.sign(message))], bytes =>
      verifyEd25519(bytes.subarray(0, 32), message, bytes.subarray(32)),
    ),
    oneWay('sealed share', [ciphertexts[0]!], bytes => open(sealing, proven, message, bytes) !== undefined),
    oneWay('encapsulation', [concat(enc, proof.challenge, proof.response)], bytes => {
      const read = { challenge: bytes.subarray(32, 64), response: bytes.subarray(64) }
      return ProvenEncapsulation.verify({ enc: bytes.subarray(0, 32), proof: read }, message) !== undefined
    }),
    oneWay(
      'error frame',
      [encodeError(new OstrakaError('insufficient_shares', '2 of 3', { needed: 3, answered: 2 }))],
      bytes => decodeError(bytes).code !== 'malformed',
    ),
    oneWay(
      'age recipient',
      [utf8(ageRecipient(new Uint8Array(32).fill(9)))],
      bytes => publicKeyOfRecipient(fromUtf8(bytes)) !== undefined,
    ),
  ]
}

/** What a TPM marshals: read for what it says, never written. */
function tpmTargets(): FuzzTarget[] {
  const path = new URL('../test/vectors/tpm2/quotes.json', import.meta.url)
  const { accepted, refused } = JSON.parse(readFileSync(path, 'utf8'))
  const target = (
    name: 'attestationKey' | 'quote' | 'signature',
    read: (bytes: Uint8Array) => unknown,
  ): FuzzTarget => ({
    name: `TPM ${name}`,
    corpus: [...accepted, ...refused].map(vector => fromHex(vector[name])),
    isOneWay: true,
    read(bytes) {
      read(bytes)
      return bytes
    },
  })
  const readSignatureOf = (bytes: Uint8Array): void => {
    const type = bytes[1] === 0x14 ? 'rsassa' : 'ecdsa-p256'
    readSignature(bytes, type)
  }
  return [
    // a key that can be read is also tried, on a signature that is not its own
    target('attestationKey', bytes => {
      const key = readAttestationKey(bytes)
      const parts = key.type === 'rsassa' ? [new Uint8Array(256)] : [new Uint8Array(32), new Uint8Array(32)]
      verifyTpmSignature(key, bytes, parts)
    }),
    target('quote', readQuote),
    target('signature', readSignatureOf),
  ]
}

/** Every decoder that bytes from outside reach. `cryptoReady` must have resolved. */
export function fuzzTargets(): FuzzTarget[] {
  const wire = Object.entries(SAMPLED).map(
    ([name, { codec, samples }]): FuzzTarget => ({
      name: `wire ${name}`,
      corpus: [...samples.values()].map(value => new Uint8Array(codec.encode(value))),
      read: bytes => codec.encode(codec.decode(bytes)),
    }),
  )
  return [
    ...wire,
    ...[edwards25519, ristretto255, secp256k1, toy].flatMap(groupTargets),
    frames,
    ...oneWayTargets(),
    ...tpmTargets(),
    text('peer id', [peerIdOf(new Uint8Array(32).fill(7))], id => peerIdOf(publicKeyOf(id))),
    text('base64', ['AAAA', 'AA==', '/+8='], base64 => toBase64(fromBase64(base64, 'base64'))),
    text('hexadecimal', ['00ff', ''], hex => (toHex(fromHex(hex)) === hex.toLowerCase() ? hex : '')),
    { name: 'utf-8', corpus: [utf8('ὄστρακον'), concat(utf8('a'))], read: bytes => utf8(fromUtf8(bytes)) },
  ]
}

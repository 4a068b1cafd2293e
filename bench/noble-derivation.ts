import { mulAddUnsafe } from '@noble/curves/abstract/curve.js'
import { ristretto255, ristretto255_hasher, ristretto255_oprf } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { SharedKey } from './shared-key.ts'

const { Point } = ristretto255
const { Fn } = Point
type RistrettoPoint = InstanceType<typeof Point>

const CONTEXT = concatBytes(utf8ToBytes('OPRFV1-'), new Uint8Array([1]), utf8ToBytes('-ristretto255-SHA512'))
const HASH_TO_GROUP = concatBytes(utf8ToBytes('HashToGroup-'), CONTEXT)
const HASH_TO_SCALAR = concatBytes(utf8ToBytes('HashToScalar-'), CONTEXT)

/** Derives RFC 9497's output for an input with noble in one process, by three holders' proven partials. */
export type NobleDerivation = (input: Uint8Array) => Uint8Array

/**
 * What the network computes, with noble: hash the input to the group once; each of the first `threshold` holders
 * evaluates with a DLEQ proof (noble's own `blindEvaluate`); each proof is verified; the partials are combined by
 * Lagrange coefficients and finalized. noble exports the verification only inside `finalize`, together with an
 * unblinding that has no place here, so it is written out below over noble's points, step by step as noble has it.
 */
export function nobleDerivation(key: SharedKey, threshold: number): NobleDerivation {
  const holders = key.slots.slice(0, threshold).map(({ slot, share, verifyingShare }) => ({
    slot,
    secretKey: share.expose(),
    publicKey: verifyingShare.bytes,
  }))
  const slots = holders.map(({ slot }) => slot)
  return input => {
    const element = ristretto255_hasher.hashToCurve(input, { DST: HASH_TO_GROUP }) as RistrettoPoint
    const wire = element.toBytes()
    const answers = holders.map(({ slot, secretKey, publicKey }) => ({
      slot,
      publicKey,
      ...ristretto255_oprf.voprf.blindEvaluate(secretKey, publicKey, wire),
    }))
    const points = answers.map(({ publicKey, evaluated, proof }) => {
      const point = Point.fromBytes(evaluated)
      if (!verifyProof(Point.fromBytes(publicKey), element, point, proof)) throw new Error('a bad proof')
      return point
    })
    const weights = slots.map(slot => lagrangeAtZero(slots, slot))
    const combined = mulAddUnsafe(Point, points, weights)
    return sha512(encode(input, combined.toBytes(), 'Finalize'))
  }
}

function verifyProof(
  publicKey: RistrettoPoint,
  element: RistrettoPoint,
  evaluated: RistrettoPoint,
  proof: Uint8Array,
): boolean {
  const seed = sha512(encode(publicKey.toBytes(), concatBytes(utf8ToBytes('Seed-'), CONTEXT)))
  const weight = toScalar(encode(seed, 0, element.toBytes(), evaluated.toBytes(), 'Composite'))
  const m = mulAddUnsafe(Point, [element], [weight])
  const z = mulAddUnsafe(Point, [evaluated], [weight])
  const c = Fn.fromBytes(proof.subarray(0, Fn.BYTES))
  const s = Fn.fromBytes(proof.subarray(Fn.BYTES))
  const t2 = mulAddUnsafe(Point, [Point.BASE, publicKey], [s, c])
  const t3 = mulAddUnsafe(Point, [m, z], [s, c])
  const transcript = [publicKey, m, z, t2, t3].map(point => point.toBytes())
  return Fn.eql(c, toScalar(encode(...transcript, 'Challenge')))
}

function toScalar(transcript: Uint8Array): bigint {
  return ristretto255_hasher.hashToScalar!(transcript, { DST: HASH_TO_SCALAR })
}

/** RFC 9497's framing: numbers in two bytes, byte strings after their length, text as it is. */
function encode(...parts: ReadonlyArray<Uint8Array | number | string>): Uint8Array {
  const uint16 = (value: number): Uint8Array => new Uint8Array([value >> 8, value & 0xff])
  return concatBytes(
    ...parts.flatMap(part => {
      if (typeof part === 'number') return [uint16(part)]
      return typeof part === 'string' ? [utf8ToBytes(part)] : [uint16(part.length), part]
    }),
  )
}

function lagrangeAtZero(slots: readonly number[], slot: number): bigint {
  let [numerator, denominator] = [Fn.ONE, Fn.ONE]
  for (const other of slots) {
    if (other === slot) continue
    numerator = Fn.mul(numerator, BigInt(other))
    denominator = Fn.mul(denominator, Fn.sub(BigInt(other), BigInt(slot)))
  }
  return Fn.mul(numerator, Fn.inv(denominator))
}

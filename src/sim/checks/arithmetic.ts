import { ed25519, ristretto255 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { KeyKind } from '../../wire/index.ts'

// The checkers' own arithmetic: BigInt and noble, nothing of src/crypto, so that no mistake can hide itself.

/** The order of edwards25519's and ristretto255's prime subgroup, which the toy group shares. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const P25519 = 2n ** 255n - 19n

export function orderOf(kind: KeyKind): bigint {
  return kind === 'secp256k1' ? secp256k1.Point.Fn.ORDER : L
}

export function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = modulo(base, modulus)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** By Fermat; `modulus` is prime. */
export function inverse(value: bigint, modulus: bigint): bigint {
  return power(value, modulus - 2n, modulus)
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

export function toLittleEndian(value: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse())
}

export function scalarOf(kind: KeyKind, bytes: Uint8Array): bigint {
  return kind === 'secp256k1' ? BigInt(`0x${Buffer.from(bytes).toString('hex')}`) : fromLittleEndian(bytes)
}

/** Lagrange interpolation at zero of the points (slot, share). */
export function interpolate(points: ReadonlyMap<number, bigint>, order: bigint): bigint {
  let secret = 0n
  for (const [slot, share] of points) {
    let numerator = 1n
    let denominator = 1n
    for (const other of points.keys()) {
      if (other === slot) continue
      numerator = (numerator * BigInt(other)) % order
      denominator = (denominator * BigInt(other - slot)) % order
    }
    secret += share * numerator * inverse(modulo(denominator, order), order)
  }
  return modulo(secret, order)
}

/** RFC 7748's ladder for any scalar, clamped or not: the u-coordinate of scalar times the point over `u`. */
export function montgomeryLadder(scalar: bigint, u: bigint): bigint {
  const p = P25519
  let [x2, z2, x3, z3] = [1n, 0n, u, 1n]
  for (let bit = 255n; bit >= 0n; bit--) {
    const isSet = (scalar >> bit) & 1n
    if (isSet) [x2, z2, x3, z3] = [x3, z3, x2, z2]
    const [a, b, c, d] = [x2 + z2, x2 - z2, x3 + z3, x3 - z3]
    const [aa, bb, da, cb] = [a * a, b * b, d * a, c * b]
    const e = aa - bb
    x3 = modulo((da + cb) * (da + cb), p)
    z3 = modulo(u * (da - cb) * (da - cb), p)
    x2 = modulo(aa * bb, p)
    z2 = modulo(e * (aa + 121665n * e), p)
    if (isSet) [x2, z2, x3, z3] = [x3, z3, x2, z2]
  }
  return modulo(x2 * inverse(modulo(z2, p), p), p)
}

/** The public key of a whole secret, as a standard client knows it. */
export function publicKeyOf(kind: KeyKind, secret: bigint): Uint8Array {
  switch (kind) {
    case 'ed25519':
      return ed25519.Point.BASE.multiply(secret).toBytes()
    case 'ristretto255':
      return ristretto255.Point.BASE.multiply(secret).toBytes()
    case 'secp256k1':
      return secp256k1.Point.BASE.multiply(secret).toBytes(true).slice(1)
    case 'x25519':
      return toLittleEndian(montgomeryLadder(secret, 9n))
    case 'toy':
      return toLittleEndian(secret)
  }
}

import { compareText, type PeerId, type PublicKey, utf8 } from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'

/** A node whose vote counts. All votes weigh the same; `weight` says how often it leads. */
export interface Validator {
  readonly peerId: PeerId
  readonly publicKey: PublicKey
  /** The agreed trust score, above zero. */
  readonly weight: number
}

/** The validators in the order in which they lead: rank 0 first. */
export type Ranking = readonly Validator[]

/**
 * rank(i, epoch) = -ln(u_i)/w_i ascending with u_i = H(r_epoch || peerId_i) in (0,1]: exponential races (Efraimidis and
 * Spirakis 2006), so that i is first with probability w_i over the sum of all weights. Ties go by peer id.
 */
export function rank(validators: readonly Validator[], seed: Uint8Array): Ranking {
  return validators
    .map(validator => ({ validator, score: -naturalLog(unitOf(seed, validator.peerId)) / validator.weight }))
    .sort((a, b) => a.score - b.score || compareText(a.validator.peerId, b.validator.peerId))
    .map(entry => entry.validator)
}

/** The first 53 bits of the hash, plus one, over 2^53: exact in a double, in (0,1]. */
function unitOf(seed: Uint8Array, peerId: PeerId): number {
  const hash = sha256(seed, utf8(peerId))
  let bits = 0
  for (let index = 0; index < 6; index++) bits = bits * 256 + hash[index]!
  bits = bits * 32 + (hash[6]! >>> 3)
  return (bits + 1) / 2 ** 53
}

/**
 * ln(x) for x in (0,1]. ECMAScript leaves the last bits of `Math.log` to the machine, and one bit could part two
 * nodes; the four operations are exact IEEE 754 everywhere. Scales by powers of two into [0.7, 1.4], then
 * ln(m) = 2·atanh((m-1)/(m+1)), |s| < 0.18, whose terms are below 2^-60 after s^23.
 */
export function naturalLog(x: number): number {
  let mantissa = x
  let exponent = 0
  while (mantissa < 0.7) {
    mantissa *= 2
    exponent--
  }
  const s = (mantissa - 1) / (mantissa + 1)
  let sum = 0
  for (let power = 23; power >= 1; power -= 2) sum = sum * s * s + 1 / power
  return 2 * s * sum + exponent * Math.LN2
}

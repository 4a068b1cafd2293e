import assert from 'node:assert/strict'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import {
  cryptoReady,
  evaluatePartial,
  hashInput,
  multiplyByShare,
  ristretto255,
} from '../src/crypto/index.ts'
import { compare } from './measure.ts'
import type { Bench, Part } from './report.ts'
import { shareKey, systemRng } from './shared-key.ts'

/**
 * One holder's evaluation x_i * T of an element as it comes off the wire, and the encoded result. noble's own
 * blindEvaluate does the same: decode, multiply, encode, with RFC 9497's proof in VOPRF mode.
 */
async function run({ seconds, figure }: Bench): Promise<void> {
  await cryptoReady
  const group = ristretto255
  const { share, verifyingShare } = shareKey(group, 3, 5).slots[0]!
  const wire = hashInput(group, systemRng.bytes(32)).bytes
  const secretKey = share.expose()
  const publicKey = verifyingShare.bytes
  const ours = (): Uint8Array => multiplyByShare(group, share, [group.decode(wire)])[0]!.bytes
  const noble = (): Uint8Array => ristretto255_oprf.oprf.blindEvaluate(secretKey, wire)
  assert.deepEqual(ours(), noble())

  const plain = compare(seconds, { ours, noble })
  figure({ name: 'ristretto255 partial, ours', value: plain.us('ours'), unit: 'µs' })
  figure({ name: 'ristretto255 partial, noble', value: plain.us('noble'), unit: 'µs' })
  figure({
    name: 'ristretto255 partial, noble / ours',
    value: plain.ratio('noble', 'ours'),
    unit: 'x',
    target: { atLeast: 6 },
  })

  const proven = compare(seconds, {
    ours: () => evaluatePartial(group, share, [group.decode(wire)], verifyingShare, systemRng),
    noble: () => ristretto255_oprf.voprf.blindEvaluate(secretKey, publicKey, wire),
  })
  figure({ name: 'ristretto255 partial with proof, ours', value: proven.us('ours'), unit: 'µs' })
  figure({ name: 'ristretto255 partial with proof, noble', value: proven.us('noble'), unit: 'µs' })
  figure({
    name: 'ristretto255 partial with proof, noble / ours',
    value: proven.ratio('noble', 'ours'),
    unit: 'x',
  })
}

export const partials: Part = {
  name: 'partials',
  title: 'One ristretto255 partial, CPU time in one process',
  run,
}

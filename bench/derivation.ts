import assert from 'node:assert/strict'
import { toHex } from '../src/base/index.ts'
import {
  combineProven,
  cryptoReady,
  evaluatePartial,
  finalizeDirect,
  hashInput,
  oprfDomain,
  ristretto255,
} from '../src/crypto/index.ts'
import { compare } from './measure.ts'
import { nobleDerivation } from './noble-derivation.ts'
import type { Bench, Part } from './report.ts'
import { type SharedKey, shareKey, systemRng } from './shared-key.ts'
import { MESSAGE_BYTES, SHARES, THRESHOLD } from './signing.ts'

/** Our whole threshold derivation: each holder evaluates with proof, every proof is verified, then combination. */
function ourDerivation({ slots, commitments }: SharedKey): (input: Uint8Array) => Uint8Array {
  const group = ristretto255
  const domain = oprfDomain(group)
  return input => {
    const wire = hashInput(group, input)
    const partials = slots.slice(0, THRESHOLD).map(({ slot, share, verifyingShare }) => ({
      slot,
      ...evaluatePartial(group, share, [group.decode(wire.bytes)], verifyingShare, systemRng),
    }))
    return finalizeDirect(input, combineProven(domain, commitments, [wire], partials)[0]!).expose()
  }
}

async function run({ seconds, figure }: Bench): Promise<void> {
  await cryptoReady
  const key = shareKey(ristretto255, THRESHOLD, SHARES)
  const input = systemRng.bytes(MESSAGE_BYTES)
  const ours = ourDerivation(key)
  const noble = nobleDerivation(key, THRESHOLD)
  assert.equal(toHex(ours(input)), toHex(noble(input)))

  const derivation = compare(seconds, { ours: () => ours(input), noble: () => noble(input) })
  figure({ name: '3-of-5 derivation, whole, ours', value: derivation.us('ours') / 1000, unit: 'ms' })
  figure({ name: '3-of-5 derivation, whole, noble', value: derivation.us('noble') / 1000, unit: 'ms' })
  figure({ name: '3-of-5 derivation, noble / ours', value: derivation.ratio('noble', 'ours'), unit: 'x' })
}

export const derivation: Part = {
  name: 'derivation',
  title: 'ristretto255 3-of-5: evaluate with proof x3, verify x3, combine; CPU time in one process',
  run,
}

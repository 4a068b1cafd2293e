import assert from 'node:assert/strict'
import { cryptoReady, signingSuite, verifyEd25519 } from '../src/crypto/index.ts'
import { compare } from './measure.ts'
import { nobleSigning } from './noble-signing.ts'
import type { Bench, Part } from './report.ts'
import { type SharedKey, shareKey, systemRng } from './shared-key.ts'

export const THRESHOLD = 3
export const SHARES = 5
export const MESSAGE_BYTES = 100

/** Our whole FROST(Ed25519) computation: three holders commit and sign, the gateway aggregates and verifies. */
function ourSigning(key: SharedKey): (message: Uint8Array) => Uint8Array {
  const suite = signingSuite('ed25519')
  const { publicKey } = key
  const holders = key.slots.slice(0, THRESHOLD)
  let made = 0
  return message => {
    const rounds = holders.map(holder => {
      const origin = { start: 1, index: made++ }
      return { holder, ...suite.commitNonces(holder.share, origin, systemRng) }
    })
    const commitments = rounds.map(({ holder, commitments }) => ({ slot: holder.slot, ...commitments }))
    const shares = rounds.map(({ holder, nonces }) => {
      const { slot, share } = holder
      return { slot, share: suite.signShare({ slot, share, publicKey, nonces, commitments, message }) }
    })
    const verifyingShare = (slot: number) => key.slots[slot - 1]!.verifyingShare
    return suite.aggregate({ publicKey, verifyingShare, commitments, message, shares })
  }
}

async function run({ seconds, figure }: Bench): Promise<void> {
  await cryptoReady
  const key = shareKey(signingSuite('ed25519').group, THRESHOLD, SHARES)
  const message = systemRng.bytes(MESSAGE_BYTES)
  const ours = ourSigning(key)
  const noble = nobleSigning(key, THRESHOLD)
  for (const sign of [ours, noble]) assert.ok(verifyEd25519(key.publicKey.bytes, message, sign(message)))

  const signing = compare(seconds, { ours: () => ours(message), noble: () => noble(message) })
  figure({
    name: 'FROST(Ed25519) 3-of-5 signature, whole, ours',
    value: signing.us('ours') / 1000,
    unit: 'ms',
  })
  figure({
    name: 'FROST(Ed25519) 3-of-5 signature, whole, noble',
    value: signing.us('noble') / 1000,
    unit: 'ms',
  })
  figure({
    name: 'FROST(Ed25519) 3-of-5 signature, noble / ours',
    value: signing.ratio('noble', 'ours'),
    unit: 'x',
  })
}

export const signing: Part = {
  name: 'signing',
  title: 'FROST(Ed25519) 3-of-5: commit, sign x3, aggregate and verify; CPU time in one process',
  run,
}

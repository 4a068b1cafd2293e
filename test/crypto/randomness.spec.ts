import assert from 'node:assert/strict'
import { ristretto255_hasher } from '@noble/curves/ed25519.js'
import { concat, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import {
  combineDraws,
  cryptoReady,
  drawPartial,
  evaluatePartial,
  fallbackRandomness,
  ristretto255 as group,
  hashInput,
  isRightDraw,
  type RandomnessPartial,
  sha256,
  verifyingShare,
  verifyRandomness,
} from '../../src/crypto/index.ts'
import { fromLittleEndian } from '../../src/sim/checks/arithmetic.ts'
import { refuses } from './refuses.ts'
import { type SharedKey, shareKey } from './shared-key.ts'

await cryptoReady

const rng = new SeededRng('randomness')
const secret = group.randomScalar(rng)
const key = shareKey(group, secret, [4, 7], rng)

function drawn(epoch: number, slots: readonly number[], from: SharedKey = key): RandomnessPartial[] {
  return slots.map(slot => drawPartial(epoch, slot, from.shares.get(slot)!, from.commitments, rng)!)
}

const epochBytes = (epoch: number): Uint8Array => new Uint8Array([0, 0, 0, 0, 0, 0, 0, epoch])

describe('randomness', () => {
  it('any majority of the holders gives the same value, which the whole key would give, by noble too', () => {
    const point = ristretto255_hasher.hashToCurve(epochBytes(9), {
      DST: 'HashToGroup-ostraka/v1/randomness',
    })
    const element = point.multiply(fromLittleEndian(secret)).toBytes()
    const framed = [utf8('ostraka/v1/randomness'), epochBytes(9), element].flatMap(part => [
      new Uint8Array([0, part.length]),
      part,
    ])
    const expected = toHex(sha256(concat(...framed)))
    for (const slots of [
      [1, 2, 3, 4],
      [4, 5, 6, 7],
      [1, 3, 5, 7],
      [1, 2, 3, 4, 5, 6, 7],
    ]) {
      assert.equal(toHex(combineDraws(9, drawn(9, slots))), expected)
      assert.equal(toHex(verifyRandomness(9, key.commitments, drawn(9, slots))), expected)
    }
    assert.notEqual(toHex(combineDraws(10, drawn(10, [1, 2, 3, 4]))), expected)
  })

  it('t-1 holders that put their shares together know nothing: they fit every value there could be', () => {
    const known = [1, 2, 3]
    const values = new Set<string>()
    for (let guess = 0; guess < 8; guess++) {
      // four points make one polynomial: with any guess at the fourth share theirs are as good as the true ones
      const share = group.randomScalar(rng)
      const { element } = drawn(5, [4])[0]!
      const guessed = group.multiply(hashed(5), share)
      assert.notDeepEqual(guessed.bytes, element.bytes)
      const forged = { slot: 4, element: guessed, proof: drawn(5, [4])[0]!.proof }
      values.add(toHex(combineDraws(5, [...drawn(5, known), forged])))
      refuses('bad_partial', () => verifyRandomness(5, key.commitments, [...drawn(5, known), forged]))
    }
    assert.equal(values.size, 8)
    const truth = toHex(combineDraws(5, drawn(5, [1, 2, 3, 4])))
    assert.ok(!values.has(truth))
    // neither do their partials alone, interpolated as if they were enough
    assert.notEqual(toHex(combineDraws(5, drawn(5, known))), truth)
    refuses('insufficient_shares', () => verifyRandomness(5, key.commitments, drawn(5, known)))
  })

  it('a wrong element, another slot’s, another epoch’s and a moved proof are told from right ones', () => {
    const [one, two] = drawn(6, [1, 2]) as [RandomnessPartial, RandomnessPartial]
    assert.ok(isRightDraw(6, key.commitments, one))
    const wrong: RandomnessPartial[] = [
      { ...one, element: two.element },
      { ...one, slot: 2 },
      { ...one, proof: two.proof },
      { ...one, element: group.add(one.element, group.base) },
      { ...one, proof: { ...one.proof, response: new Uint8Array(32).fill(255) } },
    ]
    for (const partial of wrong) assert.ok(!isRightDraw(6, key.commitments, partial))
    assert.ok(!isRightDraw(7, key.commitments, one))
    // and once one has been found right, no other passes for it
    assert.ok(isRightDraw(6, key.commitments, one))
    const other = shareKey(group, group.randomScalar(rng), [4, 7], rng)
    assert.ok(!isRightDraw(6, other.commitments, one))
  })

  it('a share of another generation draws nothing, so that no honest holder signs what would convict it', () => {
    const fresh = shareKey(group, secret, [4, 7], rng)
    assert.equal(drawPartial(6, 3, key.shares.get(3)!, fresh.commitments, rng), undefined)
    assert.equal(drawPartial(6, 3, key.shares.get(4)!, key.commitments, rng), undefined)
    assert.ok(drawPartial(6, 3, fresh.shares.get(3)!, fresh.commitments, rng))
  })

  it('the value outlives a refresh: new shares of the same secret give it again', () => {
    const fresh = shareKey(group, secret, [4, 7], rng)
    const again = combineDraws(6, drawn(6, [2, 3, 5, 6], fresh))
    assert.deepEqual(again, combineDraws(6, drawn(6, [1, 2, 3, 4])))
  })

  it('no derivation of a client stands for a part of it, though the key were the same', () => {
    const share = key.shares.get(1)!
    const publicShare = verifyingShare(group, key.commitments, 1)
    const input = hashInput(group, epochBytes(6))
    const { elements, proof } = evaluatePartial(group, share, [input], publicShare, rng)
    assert.ok(!isRightDraw(6, key.commitments, { slot: 1, element: elements[0]!, proof }))
    // nor when the client has the epoch's own element evaluated blindly
    const blind = evaluatePartial(group, share, [hashed(6)], publicShare, rng)
    assert.ok(!isRightDraw(6, key.commitments, { slot: 1, element: blind.elements[0]!, proof: blind.proof }))
  })

  it('the fallback is a chain of hashes, of its own domain', () => {
    const previous = sha256(utf8('r'))
    assert.notDeepEqual(fallbackRandomness(3, previous), fallbackRandomness(4, previous))
    assert.notDeepEqual(
      fallbackRandomness(3, previous),
      fallbackRandomness(3, fallbackRandomness(2, previous)),
    )
    assert.equal(fallbackRandomness(3, previous).length, 32)
  })
})

/** The epoch's element, taken out of slot 1's part by its share. */
function hashed(epoch: number): ReturnType<typeof hashInput> {
  const { element } = drawn(epoch, [1])[0]!
  return group.multiply(element, group.scalarInvert(key.shares.get(1)!.expose()))
}

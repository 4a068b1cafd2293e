import assert from 'node:assert/strict'
import { SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { signingSuite } from '../../src/crypto/signing-suite.ts'
import { FixedRng, randomKey, refuses, roundOne } from './frost-fixture.ts'

before(() => cryptoReady)

describe('FROST nonces', () => {
  const suite = signingSuite('ed25519')
  const rng = new SeededRng('frost/nonces')
  const setUp = () => {
    const key = randomKey(suite.group, 2, [1, 2, 3], rng)
    const round = roundOne(suite, key, [1, 2], rng)
    const nonces = round.nonces.get(1)!
    const signer = { slot: 1, share: key.share(1), publicKey: key.publicKey }
    return { key, signer, nonces, commitments: round.commitments }
  }

  it('a holder never signs two messages with one nonce', () => {
    const { signer, nonces, commitments } = setUp()
    suite.signShare({ ...signer, nonces, commitments, message: utf8('one') })
    refuses('replayed', () => suite.signShare({ ...signer, nonces, commitments, message: utf8('two') }))
  })

  it('a holder never signs one message twice with one nonce', () => {
    const { signer, nonces, commitments } = setUp()
    const request = { ...signer, nonces, commitments, message: utf8('one') }
    suite.signShare(request)
    refuses('replayed', () => suite.signShare(request))
  })

  it('a nonce is spent even when signing then fails', () => {
    const { signer, nonces, commitments } = setUp()
    const withoutUs = commitments.filter(line => line.slot !== 1)
    const message = utf8('one')
    refuses('conflict', () => suite.signShare({ ...signer, nonces, commitments: withoutUs, message }))
    assert.equal(nonces.isSpent, true)
    refuses('replayed', () => suite.signShare({ ...signer, nonces, commitments, message }))
  })

  it('a nonce is spent before it is used, and wiped afterwards', () => {
    const { nonces } = setUp()
    const lent: Uint8Array[] = []
    nonces.spend((hiding, binding) => {
      assert.equal(nonces.isSpent, true)
      refuses('replayed', () => nonces.spend(() => undefined))
      lent.push(hiding, binding)
    })
    assert.equal(lent.length, 2)
    for (const scalar of lent) assert.equal(toHex(scalar), '00'.repeat(32))
  })

  it('a nonce is wiped when its use throws', () => {
    const { nonces } = setUp()
    let lent: Uint8Array = new Uint8Array(0)
    const fail = (hiding: Uint8Array): never => {
      lent = hiding
      throw new RangeError('in use')
    }
    assert.throws(() => nonces.spend(fail), RangeError)
    assert.equal(toHex(lent), '00'.repeat(32))
    refuses('replayed', () => nonces.spend(() => undefined))
  })

  it('a discarded nonce signs nothing', () => {
    const { signer, nonces, commitments } = setUp()
    nonces.discard()
    refuses('replayed', () => suite.signShare({ ...signer, nonces, commitments, message: utf8('one') }))
  })

  it('a request that names one nonce twice gets no share, and a failing request spends all its nonces', () => {
    const { key, signer, nonces, commitments } = setUp()
    const other = roundOne(suite, key, [1, 2], rng)
    const spare = { nonces: other.nonces.get(1)!, commitments: other.commitments, message: utf8('three') }
    const items = [
      { nonces, commitments, message: utf8('one') },
      { nonces, commitments, message: utf8('two') },
      spare,
    ]
    refuses('replayed', () => suite.signShares(signer, items))
    assert.equal(spare.nonces.isSpent, true)
    refuses('replayed', () => suite.signShare({ ...signer, ...spare }))
  })

  it('equal randomness gives different nonces under different shares, and never prints them', () => {
    const { key } = setUp()
    const random = ['11'.repeat(32), '22'.repeat(32)]
    const origin = { start: 1, index: 0 }
    const one = suite.commitNonces(key.share(1), origin, new FixedRng(...random))
    const again = suite.commitNonces(key.share(1), origin, new FixedRng(...random))
    const two = suite.commitNonces(key.share(2), origin, new FixedRng(...random))
    assert.deepEqual(one.commitments, again.commitments)
    assert.notDeepEqual(one.commitments.hiding, two.commitments.hiding)
    assert.notDeepEqual(one.commitments.hiding, one.commitments.binding)
    assert.equal(Object.keys(JSON.parse(JSON.stringify(one.nonces))).join(), 'commitments')
  })
})

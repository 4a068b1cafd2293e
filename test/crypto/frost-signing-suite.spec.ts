import assert from 'node:assert/strict'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { fromHex, SeededRng, utf8 } from '../../src/base/index.ts'
import { cryptoReady, type Scalar } from '../../src/crypto/index.ts'
import { type SigningKind, signingSuite } from '../../src/crypto/signing-suite.ts'
import { randomKey, refuses, roundOne, sharesOf, type TestKey } from './frost-fixture.ts'

const KINDS: readonly SigningKind[] = ['ed25519', 'secp256k1', 'toy']
const SLOTS = [1, 2, 3, 4, 5]
const MESSAGE = utf8('a potsherd')

before(() => cryptoReady)

for (const kind of KINDS) {
  describe(`the signing suite ${kind}`, () => {
    const suite = signingSuite(kind)
    const { group } = suite
    const rng = new SeededRng(`signing-suite/${kind}`)
    let key: TestKey
    let publicKey: Uint8Array
    let another: Scalar
    const sign = (signers: readonly number[]) => sharesOf(suite, key, signers, MESSAGE, rng)

    before(() => {
      key = randomKey(group, 3, SLOTS, rng)
      publicKey = suite.encodePublicKey(key.publicKey)
      another = group.randomScalar(rng)
    })

    /** Slot 1 signs for a list that `change` has edited. */
    const signOver = (change: (lines: ReturnType<typeof roundOne>['commitments']) => unknown) => {
      const { commitments, nonces } = roundOne(suite, key, [1, 2, 3], rng)
      const edited = change(commitments) as typeof commitments
      const signer = { slot: 1, share: key.share(1), publicKey: key.publicKey }
      return () =>
        suite.signShare({ ...signer, nonces: nonces.get(1)!, commitments: edited, message: MESSAGE })
    }

    it('any threshold of holders makes a signature that an ordinary client accepts', () => {
      for (const signers of [
        [1, 2, 3],
        [5, 1, 3],
        [2, 4, 5, 1],
        [1, 2, 3, 4, 5],
      ]) {
        const signature = suite.aggregate(sign(signers))
        assert.equal(signature.length, 64)
        assert.equal(publicKey.length, 32)
        assert.equal(suite.verify(publicKey, MESSAGE, signature), true)
      }
    })

    it('no other key, message or signature is accepted, and malformed ones are only refused', () => {
      const signature = suite.aggregate(sign([1, 2, 3]))
      const otherKey = suite.encodePublicKey(group.multiplyBase(another))
      const altered = new Uint8Array(signature)
      altered[40]! ^= 1
      assert.equal(suite.verify(otherKey, MESSAGE, signature), false)
      assert.equal(suite.verify(publicKey, utf8('a pot'), signature), false)
      assert.equal(suite.verify(publicKey, MESSAGE, altered), false)
      assert.equal(suite.verify(publicKey, MESSAGE, signature.subarray(1)), false)
      assert.equal(suite.verify(publicKey, MESSAGE, new Uint8Array(64).fill(255)), false)
      assert.equal(suite.verify(publicKey.subarray(1), MESSAGE, signature), false)
      assert.equal(suite.verify(new Uint8Array(32).fill(255), MESSAGE, signature), false)
    })

    it('a key with one holder signs too', () => {
      const single = randomKey(group, 1, [1], rng)
      const signature = suite.aggregate(sharesOf(suite, single, [1], MESSAGE, rng))
      assert.equal(suite.verify(suite.encodePublicKey(single.publicKey), MESSAGE, signature), true)
    })

    it('an empty message and a long one are signed', () => {
      for (const message of [new Uint8Array(0), new Uint8Array(100_000).fill(7)]) {
        const signature = suite.aggregate(sharesOf(suite, key, [1, 2, 3], message, rng))
        assert.equal(suite.verify(publicKey, message, signature), true)
      }
    })

    it('many messages are signed in one request', () => {
      const messages = ['one', 'two', 'three'].map(utf8)
      // each message may have signers of its own
      const rounds = [
        [1, 2, 3],
        [1, 4, 5],
        [1, 2, 3],
      ].map(signers => roundOne(suite, key, signers, rng))
      const answers = SLOTS.flatMap(slot => {
        const mine = rounds.flatMap((round, index) => {
          const nonces = round.nonces.get(slot)
          return nonces === undefined
            ? []
            : [{ index, nonces, commitments: round.commitments, message: messages[index]! }]
        })
        const signer = { slot, share: key.share(slot), publicKey: key.publicKey }
        const shares = suite.signShares(signer, mine)
        return mine.map(({ index }, i) => ({ index, slot, share: shares[i]! }))
      })
      const items = rounds.map(({ commitments }, index) => ({
        commitments,
        message: messages[index]!,
        shares: answers.filter(answer => answer.index === index),
      }))
      const signatures = suite.aggregateAll(key, items)
      for (const [index, signature] of signatures.entries()) {
        assert.equal(suite.verify(publicKey, messages[index]!, signature), true)
      }
      items[1]!.shares = items[1]!.shares.map(answer =>
        answer.slot === 4 ? { ...answer, share: another } : answer,
      )
      refuses('bad_partial', () => suite.aggregateAll(key, items), { item: 1, culprits: [4] })
    })

    it('the order in which commitments and shares arrive does not matter', () => {
      const made = sign([1, 3, 4])
      const expected = suite.aggregate(made)
      const shuffled = {
        ...made,
        commitments: [...made.commitments].reverse(),
        shares: [...made.shares].reverse(),
      }
      assert.deepEqual(suite.aggregate(shuffled), expected)
    })

    it('exactly the liars are named', () => {
      for (const liars of [[1], [2], [1, 4], [1, 2, 4]]) {
        const made = sign([1, 2, 4])
        const shares = made.shares.map(answer =>
          liars.includes(answer.slot) ? { ...answer, share: group.scalarAdd(answer.share, another) } : answer,
        )
        refuses('bad_partial', () => suite.aggregate({ ...made, shares }), { item: 0, culprits: liars })
        for (const { slot, share } of shares) {
          const claim = { ...made, slot, share, verifyingShare: key.verifyingShare(slot) }
          assert.equal(suite.verifyShare(claim), !liars.includes(slot))
        }
      }
    })

    it('lies that cancel out leave a right signature, and nobody to blame', () => {
      const made = sign([1, 2, 4])
      const [one, two, four] = made.shares
      const shares = [
        { slot: 1, share: group.scalarAdd(one!.share, another) },
        { slot: 2, share: group.scalarSubtract(two!.share, another) },
        four!,
      ]
      assert.equal(suite.verify(publicKey, MESSAGE, suite.aggregate({ ...made, shares })), true)
    })

    it('a share that is no scalar convicts its sender', () => {
      for (const share of [new Uint8Array(32).fill(255), new Uint8Array(31), new Uint8Array(0)]) {
        const made = sign([1, 2, 4])
        const shares = made.shares.map(answer => (answer.slot === 2 ? { slot: 2, share } : answer))
        refuses('bad_partial', () => suite.aggregate({ ...made, shares }), { item: 0, culprits: [2] })
        const claim = { ...made, slot: 2, share, verifyingShare: key.verifyingShare(2) }
        assert.equal(suite.verifyShare(claim), false)
      }
    })

    it('a commitment that is no element convicts its sender, and no holder signs for it', () => {
      const invalid = new Uint8Array(group.elementBytes).fill(255)
      for (const bad of [invalid, group.identity.bytes, new Uint8Array(7)]) {
        for (const part of ['hiding', 'binding']) {
          const spoil = (lines: ReturnType<typeof roundOne>['commitments']) =>
            lines.map(line => (line.slot === 3 ? { ...line, [part]: bad } : line))
          refuses('malformed', signOver(spoil), { slot: 3 })
          const made = sign([1, 2, 3])
          const commitments = spoil([...made.commitments])
          refuses('bad_partial', () => suite.aggregate({ ...made, commitments }), { item: 0, culprits: [3] })
        }
      }
    })

    it('a holder signs only for a list that quotes its own commitments', () => {
      refuses(
        'conflict',
        signOver(lines => lines.slice(1)),
        { slot: 1 },
      )
      const swap = signOver(([a, b, c]) => [{ ...b, slot: 1 }, { ...a, slot: 2 }, c])
      refuses('conflict', swap, { slot: 1 })
      const exchange = signOver(([a, b, c]) => [{ slot: 1, hiding: a!.binding, binding: a!.hiding }, b, c])
      refuses('conflict', exchange, { slot: 1 })
      refuses(
        'conflict',
        signOver(([a, b, c]) => [{ ...a, slot: 4 }, b, c]),
        { slot: 1 },
      )
    })

    it('a list with a slot twice, none, or something that is no slot is refused', () => {
      refuses(
        'malformed',
        signOver(lines => [...lines, lines[1]]),
        { slot: 2 },
      )
      refuses(
        'malformed',
        signOver(lines => [...lines, lines[0]]),
        { slot: 1 },
      )
      refuses(
        'malformed',
        signOver(() => []),
      )
      for (const slot of [0, -1, 1.5, Number.NaN, 65_536]) {
        refuses(
          'malformed',
          signOver(([a, b, c]) => [a, b, { ...c, slot }]),
        )
      }
    })

    it('shares that do not match the commitments one to one are refused', () => {
      const made = sign([1, 2, 3])
      const [one, two, three] = made.shares
      const missing = { needed: 3, answered: 1, missing: [1, 3] }
      refuses('insufficient_shares', () => suite.aggregate({ ...made, shares: [two!] }), missing)
      const twice = [one!, two!, three!, two!]
      refuses('malformed', () => suite.aggregate({ ...made, shares: twice }), { slot: 2 })
      const stray = [one!, two!, three!, { slot: 4, share: another }]
      refuses('malformed', () => suite.aggregate({ ...made, shares: stray }), { slot: 4 })
      const misplaced = [{ ...two!, slot: 1 }, two!, three!]
      const culprits = { item: 0, culprits: [1] }
      refuses('bad_partial', () => suite.aggregate({ ...made, shares: misplaced }), culprits)
      const absent = { ...made, slot: 5, share: another, verifyingShare: key.verifyingShare(5) }
      refuses('not_found', () => suite.verifyShare(absent), { slot: 5 })
    })

    it('fewer holders than the threshold make no signature, and are not blamed for it', () => {
      refuses('internal', () => suite.aggregate(sign([1, 2])))
    })

    it('a share for another message convicts its sender', () => {
      const { commitments, nonces } = roundOne(suite, key, [1, 2, 3], rng)
      const shares = [1, 2, 3].map(slot => ({
        slot,
        share: suite.signShare({
          slot,
          share: key.share(slot),
          publicKey: key.publicKey,
          nonces: nonces.get(slot)!,
          commitments,
          message: slot === 2 ? utf8('another') : MESSAGE,
        }),
      }))
      const request = { ...key, commitments, message: MESSAGE, shares }
      refuses('bad_partial', () => suite.aggregate(request), { item: 0, culprits: [2] })
    })
  })
}

describe('FROST(Ed25519, SHA-512) and the cofactor', () => {
  it('a commitment outside the prime-order subgroup is refused by holders and convicts its sender', () => {
    const suite = signingSuite('ed25519')
    const rng = new SeededRng('torsion')
    const key = randomKey(suite.group, 2, [1, 2], rng)
    // the first is the identity; all others spoil a point
    for (const torsion of ED25519_TORSION_SUBGROUP.slice(1)) {
      for (const part of ['hiding', 'binding'] as const) {
        const { commitments, nonces } = roundOne(suite, key, [1, 2], rng)
        const [one, two] = commitments
        const mixed = ed25519.Point.fromBytes(two![part]).add(ed25519.Point.fromHex(torsion)).toBytes()
        for (const point of [mixed, fromHex(torsion)]) {
          const spoiled = [one!, { ...two!, [part]: point }]
          const made = sharesOf(suite, key, [1, 2], MESSAGE, rng)
          const culprits = { item: 0, culprits: [2] }
          refuses('bad_partial', () => suite.aggregate({ ...made, commitments: spoiled }), culprits)
        }
        const spoiled = [one!, { ...two!, [part]: mixed }]
        const request = { slot: 1, share: key.share(1), publicKey: key.publicKey, nonces: nonces.get(1)! }
        const sign = () => suite.signShare({ ...request, commitments: spoiled, message: MESSAGE })
        refuses('malformed', sign, { slot: 2 })
      }
    }
  })
})

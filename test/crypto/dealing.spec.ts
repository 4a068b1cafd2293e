import assert from 'node:assert/strict'
import { Secret, SeededRng, utf8 } from '../../src/base/index.ts'
import {
  checkShare,
  combineShares,
  combineWeightedShares,
  cryptoReady,
  type DealingContext,
  type DealtShare,
  deal,
  type Element,
  edwards25519,
  type Group,
  generateSealingKey,
  judgeComplaint,
  lagrangeAtZero,
  open,
  ProvenEncapsulation,
  proveBadShare,
  proveOpening,
  provePossession,
  receiveShare,
  ristretto255,
  sealingContext,
  sealTogether,
  secp256k1,
  shareInfo,
  sumCommitments,
  toy,
  verifyDealing,
  verifyingShare,
  verifyingShares,
  verifyPossession,
  weightedSumCommitments,
} from '../../src/crypto/index.ts'
import { refuses } from './refuses.ts'

await cryptoReady

for (const group of [edwards25519, ristretto255, secp256k1, toy]) {
  describe(`dealing over ${group.name}`, () => {
    const rng = new SeededRng(`dealing/${group.name}`)
    const sealingGroup: Group = group === toy ? toy : ristretto255
    const keys = Array.from({ length: 5 }, () => generateSealingKey(rng, sealingGroup))
    const recipients = keys.map((pair, index) => ({ slot: index + 1, sealingKey: pair.publicKey }))
    const [networkId, ceremony, keyId, dealer] = [1, 2, 3, 4].map(each => new Uint8Array(32).fill(each)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const context: DealingContext = { networkId, ceremony, keyId, version: 1, dealer, fromSlot: 0 }
    const otherContexts: readonly DealingContext[] = [
      { ...context, networkId: dealer },
      { ...context, ceremony: dealer },
      { ...context, dealer: keyId },
      { ...context, fromSlot: 3 },
    ]

    function dealt(secret: Secret, dealContext: DealingContext = context) {
      const dealing = deal({ group, threshold: 3, recipients, secret, context: dealContext, rng })
      const commitments = verifyDealing(group, 3, dealing.commitments, dealContext, dealing.possession)
      const occasion = sealingContext(dealContext)
      const encapsulation = ProvenEncapsulation.verify(dealing.encapsulation, occasion, sealingGroup)!
      const shareOf = (slot: number): DealtShare => {
        const { sealed } = dealing.sealedShares[slot - 1]!
        return { group, commitments, slot, encapsulation, sealed, context: dealContext }
      }
      const receive = (slot: number): Secret => receiveShare(shareOf(slot), keys[slot - 1]!)
      return { dealing, commitments, shareOf, receive }
    }

    const randomSecret = (): Secret => new Secret(group.randomScalar(rng))

    function interpolated(shares: ReadonlyMap<number, Secret>): Secret {
      const slots = [...shares.keys()]
      return combineWeightedShares(
        group,
        slots.map(slot => [lagrangeAtZero(group, slots, slot), shares.get(slot)!] as const),
      )
    }

    it('gives every slot a share that fits, and any t of them the secret', () => {
      const secret = randomSecret()
      const { commitments, receive } = dealt(secret)
      const shares = new Map([5, 2, 4].map(slot => [slot, receive(slot)]))
      assert.ok(interpolated(shares).equals(secret))
      for (const [slot, share] of shares) assert.ok(checkShare(group, commitments, slot, share))
      assert.ok(!checkShare(group, commitments, 1, shares.get(2)!))
      const publicShares = verifyingShares(group, commitments, [1, 5])
      assert.ok(group.equals(publicShares[1]!, group.multiplyBase(shares.get(5)!.expose())))
      assert.ok(!secret.isWiped)
    })

    it('creates a key that is the sum of the dealers’ secrets', () => {
      const secrets = [randomSecret(), randomSecret(), randomSecret()]
      const dealings = secrets.map(secret => dealt(secret))
      const commitments = sumCommitments(
        group,
        dealings.map(d => d.commitments),
      )
      const shares = new Map(
        [1, 3, 5].map(slot => [
          slot,
          combineShares(
            group,
            dealings.map(d => d.receive(slot)),
          ),
        ]),
      )
      const expected = combineShares(group, secrets)
      assert.ok(interpolated(shares).equals(expected))
      assert.ok(group.equals(commitments[0]!, group.multiplyBase(expected.expose())))
      for (const [slot, share] of shares) assert.ok(checkShare(group, commitments, slot, share))
    })

    it('reshares: the same public key, new shares, no use for the old ones', () => {
      const old = dealt(randomSecret())
      const dealers = [1, 2, 4]
      const oldShares = new Map(dealers.map(slot => [slot, old.receive(slot)]))
      const weight = (slot: number) => lagrangeAtZero(group, dealers, slot)
      const dealings = dealers.map(slot => {
        const fresh = dealt(oldShares.get(slot)!)
        const constant = verifyingShare(group, old.commitments, slot)
        verifyDealing(group, 3, fresh.dealing.commitments, context, fresh.dealing.possession, constant)
        return { slot, ...fresh }
      })
      const commitments = weightedSumCommitments(
        group,
        dealings.map(d => [weight(d.slot), d.commitments] as const),
      )
      assert.ok(group.equals(commitments[0]!, old.commitments[0]!))
      const newShare = (slot: number) =>
        combineWeightedShares(
          group,
          dealings.map(d => [weight(d.slot), d.receive(slot)] as const),
        )
      assert.ok(checkShare(group, commitments, 5, newShare(5)))
      assert.ok(!checkShare(group, commitments, 1, oldShares.get(1)!))
      const mixed = new Map([
        [1, oldShares.get(1)!],
        [3, newShare(3)],
        [5, newShare(5)],
      ])
      assert.ok(!group.equals(group.multiplyBase(interpolated(mixed).expose()), commitments[0]!))
    })

    it('refuses a dealing whose public part is wrong', () => {
      const { dealing } = dealt(randomSecret())
      const other = dealt(randomSecret())
      const check = (commitments: readonly Uint8Array[], bound = context, constant?: Element) =>
        verifyDealing(group, 3, commitments, bound, dealing.possession, constant)
      const [first, second] = dealing.commitments
      refuses('bad_dealing', () => check(dealing.commitments.slice(1)))
      refuses('bad_dealing', () => check([...dealing.commitments, first!]))
      refuses('bad_dealing', () => check([first!, second!, group.identity.bytes]))
      refuses('bad_dealing', () => check([first!, second!, new Uint8Array(group.elementBytes).fill(255)]))
      refuses('bad_dealing', () => check(other.dealing.commitments))
      for (const other of otherContexts) refuses('bad_dealing', () => check(dealing.commitments, other))
      refuses('bad_dealing', () => check(dealing.commitments, { ...context, version: 2 }))
      refuses('bad_dealing', () => check(dealing.commitments, context, other.commitments[0]!))
    })

    it('refuses to deal zero, to slot 0, to one slot twice, or to fewer slots than the threshold', () => {
      const base = { group, threshold: 3, recipients, secret: randomSecret(), context, rng }
      const at = (slot: number) => ({ slot, sealingKey: keys[0]!.publicKey })
      refuses('malformed', () => deal({ ...base, secret: new Secret(new Uint8Array(32)) }))
      refuses('malformed', () => deal({ ...base, recipients: [at(0), at(1), at(2)] }))
      refuses('malformed', () => deal({ ...base, recipients: [at(1), at(1), at(2)] }))
      refuses('malformed', () => deal({ ...base, threshold: 6 }))
      refuses('malformed', () => deal({ ...base, threshold: 0 }))
    })

    it('refuses a share that was sealed for another slot, dealing or node', () => {
      const { shareOf } = dealt(randomSecret())
      const good = shareOf(2)
      const error = refuses('bad_share', () => receiveShare({ ...good, slot: 3 }, keys[1]!))
      assert.deepEqual(error.details, { slot: 3 })
      refuses('bad_share', () => receiveShare({ ...good, context: { ...context, version: 2 } }, keys[1]!))
      refuses('bad_share', () => receiveShare({ ...good, context: { ...context, keyId: dealer } }, keys[1]!))
      refuses('bad_share', () => receiveShare(good, keys[2]!))
      refuses('bad_share', () =>
        receiveShare({ ...good, commitments: dealt(randomSecret()).commitments }, keys[1]!),
      )
    })

    it('accepts an encapsulation from its dealer alone, for its network, ceremony and slot alone', () => {
      const { encapsulation } = dealt(randomSecret()).dealing
      const verify = (of: DealingContext, changed = {}) =>
        ProvenEncapsulation.verify({ ...encapsulation, ...changed }, sealingContext(of), sealingGroup)
      assert.ok(verify(context))
      for (const other of otherContexts) assert.equal(verify(other), undefined)
      const another = dealt(randomSecret()).dealing.encapsulation
      assert.equal(verify(context, { enc: another.enc }), undefined)
      assert.equal(verify(context, { proof: another.proof }), undefined)
      assert.equal(verify(context, { enc: new Uint8Array(32) }), undefined)
      assert.equal(verify(context, { enc: new Uint8Array(31) }), undefined)
    })

    it('gives no dealing the share of another that is sealed under the very same ephemeral key', () => {
      const constant = { bytes: (length: number) => new Uint8Array(length).fill(7) }
      const secret = randomSecret()
      const made = otherContexts.map(each =>
        deal({ group, threshold: 3, recipients, secret, context: each, rng: constant }),
      )
      const sealed = made.flatMap(({ sealedShares }) => sealedShares.map(each => each.sealed.toString()))
      assert.equal(new Set(sealed).size, sealed.length)
      assert.equal(new Set(made.map(({ encapsulation }) => encapsulation.enc.toString())).size, made.length)
      // the context stands in the key schedule: even one enc that was proven for two dealings makes two keys
      const [one, two] = otherContexts.map(each => sealingContext(each)) as [Uint8Array, Uint8Array]
      const message = { recipient: keys[0]!.publicKey, info: utf8('info'), plaintext: secret }
      const first = sealTogether(one, [message], secret, rng, sealingGroup)
      const proven = ProvenEncapsulation.verify(first.encapsulation, one, sealingGroup)!
      const foreign = Object.assign(Object.create(ProvenEncapsulation.prototype), { ...proven, context: two })
      assert.ok(open(keys[0]!, proven, utf8('info'), first.ciphertexts[0]!))
      assert.equal(open(keys[0]!, foreign, utf8('info'), first.ciphertexts[0]!), undefined)
    })

    describe('a complaint', () => {
      const [accused, complainer] = [2, keys[1]!]
      const judge = (share: DealtShare) =>
        judgeComplaint(share, complainer.publicKey, proveBadShare(share, complainer, rng))

      /** The share as a dishonest dealer would seal it. */
      function sealedAs(plaintext: Uint8Array): DealtShare {
        const secret = new Secret(plaintext)
        const message = {
          recipient: complainer.publicKey,
          info: shareInfo(context, accused),
          plaintext: secret,
        }
        const sealed = sealTogether(sealingContext(context), [message], secret, rng, sealingGroup)
        const encapsulation = ProvenEncapsulation.verify(
          sealed.encapsulation,
          sealingContext(context),
          sealingGroup,
        )!
        return { ...dealt(randomSecret()).shareOf(accused), encapsulation, sealed: sealed.ciphertexts[0]! }
      }

      it('convicts the dealer of a share off its polynomial', () => {
        const share = sealedAs(group.randomScalar(rng))
        refuses('bad_share', () => receiveShare(share, complainer))
        assert.equal(judge(share), 'dealer')
      })

      it('convicts the dealer of a share that is no scalar', () => {
        assert.equal(judge(sealedAs(new Uint8Array(32).fill(255))), 'dealer')
        assert.equal(judge(sealedAs(new Uint8Array(0))), 'dealer')
      })

      it('convicts the dealer of bytes that do not open', () => {
        const good = dealt(randomSecret()).shareOf(accused)
        const torn = new Uint8Array(good.sealed)
        torn[40]! ^= 1
        for (const sealed of [torn, new Uint8Array(48)]) {
          refuses('bad_share', () => receiveShare({ ...good, sealed }, complainer))
          assert.equal(judge({ ...good, sealed }), 'dealer')
        }
      })

      it('convicts the dealer of a ciphertext that is not well-formed, and opens nothing for it', () => {
        const good = dealt(randomSecret()).shareOf(accused)
        for (const sealed of [new Uint8Array(0), good.sealed.subarray(0, 40), new Uint8Array(49)]) {
          refuses('bad_share', () => receiveShare({ ...good, sealed }, complainer))
          assert.equal(proveBadShare({ ...good, sealed }, complainer, rng), undefined)
          assert.equal(judge({ ...good, sealed }), 'dealer')
        }
      })

      it('convicts the complainer who opens nothing', () => {
        const share = sealedAs(group.randomScalar(rng))
        assert.equal(judgeComplaint(share, complainer.publicKey, undefined), 'complainer')
      })

      it('takes no opening that was made for another slot, dealer or ceremony', () => {
        const share = sealedAs(group.randomScalar(rng))
        const opening = proveOpening(complainer, share.encapsulation, shareInfo(context, accused + 1), rng)
        assert.equal(judgeComplaint(share, complainer.publicKey, opening), 'complainer')
        for (const other of otherContexts) {
          const foreign = Object.assign(Object.create(ProvenEncapsulation.prototype), {
            ...share.encapsulation,
            context: sealingContext(other),
          })
          const made = proveOpening(complainer, foreign, shareInfo(context, accused), rng)
          assert.equal(judgeComplaint(share, complainer.publicKey, made), 'complainer')
        }
      })

      it('convicts the complainer of a good share', () => {
        assert.equal(judge(dealt(randomSecret()).shareOf(accused)), 'complainer')
      })

      it('convicts the complainer of a forged opening, be the share good or bad', () => {
        for (const share of [dealt(randomSecret()).shareOf(accused), sealedAs(group.randomScalar(rng))]) {
          const opening = proveBadShare(share, complainer, rng)!
          const stranger = proveBadShare(share, keys[3]!, rng)!
          const forged = [
            stranger,
            { ...opening, sharedPoint: sealingGroup.base.bytes },
            { ...opening, sharedPoint: new Uint8Array(32) },
            { ...opening, proof: stranger.proof },
          ]
          for (const lie of forged)
            assert.equal(judgeComplaint(share, complainer.publicKey, lie), 'complainer')
        }
      })
    })

    it('binds the proof of possession to its context, element and group', () => {
      const secret = randomSecret()
      const occasion = utf8('a dealer')
      const element = group.multiplyBase(secret.expose())
      const proof = provePossession(group, secret, element, occasion, rng)
      assert.ok(verifyPossession(group, element, occasion, proof))
      assert.ok(!verifyPossession(group, element, utf8('another dealer'), proof))
      assert.ok(!verifyPossession(group, group.add(element, group.base), occasion, proof))
      assert.ok(!verifyPossession(group, element, occasion, { ...proof, response: proof.challenge }))
      const tooLarge = new Uint8Array(32).fill(255)
      assert.ok(!verifyPossession(group, element, occasion, { ...proof, challenge: tooLarge }))
    })

    it('refuses to add commitments of different degrees', () => {
      const { commitments } = dealt(randomSecret())
      refuses('malformed', () => sumCommitments(group, [commitments, commitments.slice(1)]))
      refuses('malformed', () => sumCommitments(group, []))
      refuses('malformed', () => verifyingShare(group, commitments, 0))
      refuses('malformed', () => verifyingShare(group, [], 1))
    })
  })
}

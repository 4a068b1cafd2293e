import assert from 'node:assert/strict'
import { Secret, SeededRng } from '../../src/base/index.ts'
import { cryptoReady, generateSealingKey, ristretto255, SigningKey, toy } from '../../src/crypto/index.ts'
import { makeDealing } from '../../src/keys/index.ts'
import { CoalitionCheck } from '../../src/sim/checks/coalition/coalition.ts'
import { LinearFacts } from '../../src/sim/checks/coalition/linear.ts'
import { Findings } from '../../src/sim/checks/findings.ts'
import { runCoalition } from '../../src/sim/coalition/run.ts'
import { sealedDealingCodec } from '../../src/wire/index.ts'

/** A hole that is put back must be found within so many. */
const CEREMONIES = 100

describe('the coalition of t-1 holders, f validators and the leader', function () {
  this.timeout(300_000)

  it(`works out no secret in ${CEREMONIES} ceremonies`, async () => {
    const { findings, ceremonies, counts, targets, opened } = await runCoalition({
      ...{ seed: 1, ceremonies: CEREMONIES },
    })
    assert.deepEqual(findings, [])
    assert.ok(ceremonies >= CEREMONIES)
    assert.ok(targets > 10 * ceremonies && opened > ceremonies)
    for (const name of [
      ...(['copied encapsulation, by an importing client', 'copied encapsulation, with its proof'] as const),
      ...([
        'leader withholds complaints',
        'honest complaint',
        'honest generators repeat themselves',
      ] as const),
    ]) {
      assert.ok(counts.of(name) > 0, name)
    }
  })
})

describe('the coalition checker', () => {
  before(() => cryptoReady)

  const rng = new SeededRng('coalition checker')
  const holders = ['ours', 'first', 'second', 'third']

  /** One honest dealing, 2 of 4, of which the coalition holds slot 1. */
  function scene() {
    const findings = new Findings(() => {})
    const dealer = new SigningKey(new Secret(rng.bytes(32)))
    const pairs = holders.map(() => generateSealingKey(rng))
    const slots = pairs.map(({ publicKey }, index) => ({
      ...{ slot: index + 1, peerId: holders[index]!, sealingKey: publicKey.bytes },
    }))
    const ceremony = {
      ...{
        networkId: rng.bytes(32),
        id: rng.bytes(32),
        keyId: rng.bytes(32),
        version: 1,
        slots,
        threshold: 2,
      },
    }
    const plan = { ...ceremony, group: 'toy', recipients: slots } as const
    const made = makeDealing(plan, dealer, new Secret(toy.randomScalar(rng)), rng)
    const check = new CoalitionCheck(
      findings,
      () => false,
      peerId => peerId === 'ours',
    )
    const own = pairs[0]!
    check.knowledge.scalar('ristretto255', own.publicKey.bytes, new Uint8Array(own.secretKey.expose()))
    check.ceremony({ ...ceremony, base: [] })
    check.deal({ ...made.deal, dealer: dealer.publicKey }, false)
    check.record({ ...sealedDealingCodec.decode(made.record).value, dealer: dealer.publicKey })
    return { findings, check, pairs, made, ceremony, dealer }
  }

  it('opens its own share and finds nothing more in it', () => {
    const { findings, check } = scene()
    check.inspect()
    assert.equal(check.knowledge.opened, 1)
    assert.deepEqual(findings.list, [])
  })

  it('finds the dealt secret when one shared point too many is published', () => {
    const { findings, check, pairs, made, ceremony, dealer } = scene()
    const enc = ristretto255.decode(made.deal.encapsulation.enc)
    const sharedPoint = ristretto255.multiply(enc, pairs[2]!.secretKey.expose()).bytes
    const proof = { challenge: rng.bytes(32), response: rng.bytes(32) }
    check.complaint({
      ceremony: ceremony.id,
      dealer: dealer.publicKey,
      slot: 3,
      opening: { sharedPoint, proof },
    })
    check.inspect()
    assert.match(findings.list.join(), /the secret dealt/)
  })

  it('finds a secret behind two proofs that share a nonce', () => {
    const { findings, check, made, ceremony } = scene()
    const secret = toy.randomScalar(rng)
    const nonce = toy.randomScalar(rng)
    const deals = [1, 2].map(number => {
      const challenge = toy.scalarFromInt(number)
      const response = toy.scalarSubtract(nonce, toy.scalarMultiply(challenge, secret))
      const commitments = [toy.multiplyBase(secret).bytes, toy.multiplyBase(toy.randomScalar(rng)).bytes]
      return { ...made.deal, commitments, possession: { challenge, response } }
    })
    for (const deal of deals) check.deal({ ...deal, ceremony: ceremony.id, dealer: rng.bytes(32) }, false)
    check.inspect()
    assert.match(findings.list.join(), /the secret dealt/)
  })

  it('takes no fact that contradicts another', () => {
    const facts = new LinearFacts()
    const [x, y] = ['x', 'y']
    facts.add(
      new Map([
        [x, 2n],
        [y, 1n],
      ]),
      7n,
    )
    assert.equal(facts.valueOf(new Map([[x, 1n]])), undefined)
    facts.add(new Map([[y, 1n]]), 1n)
    assert.equal(facts.valueOf(new Map([[x, 1n]])), 3n)
    assert.equal(
      facts.add(
        new Map([
          [x, 1n],
          [y, 1n],
        ]),
        4n,
      ),
      false,
    )
    assert.throws(() =>
      facts.add(
        new Map([
          [x, 1n],
          [y, 1n],
        ]),
        5n,
      ),
    )
  })
})

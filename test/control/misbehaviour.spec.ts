import assert from 'node:assert/strict'
import { equalBytes, toHex } from '../../src/base/index.ts'
import { networkIdOf } from '../../src/control/index.ts'
import { signValue, verifySigned } from '../../src/crypto/index.ts'
import type { PeerMessage, ReportEvidence } from '../../src/wire/index.ts'
import { createKey, keyNamed, signed } from './fixture.ts'
import { Network, type SimNode } from './network.ts'
import { NIL, Scenario } from './scenario.ts'

describe('misbehaviour', () => {
  it('two votes of one validator for one height, round and step are evidence, made once', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const a = scenario.block('A', 0)
    scenario.propose(0, a)
    scenario.prevote([1], 0, a)
    const effects = scenario.hear(scenario.voteOf('prevote', 1, 0, null))
    const reports = effects.filter(effect => effect.type === 'evidence').map(effect => effect.report)
    assert.equal(reports.length, 1)
    const { evidence } = reports[0] as ReportEvidence
    assert.ok(evidence.type === 'conflicting-votes')
    assert.ok(equalBytes(evidence.voter, scenario.keys[1]!.publicKey))
    for (const half of [evidence.first, evidence.second]) {
      const value = { height: evidence.height, round: evidence.round, blockId: half.blockId }
      const vote = { value, signer: evidence.voter, signature: half.signature }
      assert.ok(verifySigned('prevote', scenario.hooks.networkId, vote))
    }
    assert.notEqual(toHex(evidence.first.blockId), toHex(evidence.second.blockId))
    scenario.hear(scenario.voteOf('prevote', 1, 0, scenario.block('C', 0)))
    assert.equal(scenario.effects.filter(effect => effect.type === 'evidence').length, 1)
  })

  it("a vote with a bad signature, or of a stranger, is nobody's: it counts for nothing and accuses no one", () => {
    const scenario = new Scenario(3)
    scenario.want()
    const a = scenario.block('A', 0)
    scenario.propose(0, a)
    const good = scenario.voteOf('prevote', 1, 0, a)
    const forged = { ...good.vote, value: { ...good.vote.value, blockId: NIL } }
    scenario.hear({ ...good, vote: forged })
    const stranger = signValue(keyNamed('stranger'), 'prevote', scenario.hooks.networkId, good.vote.value)
    scenario.hear({ ...good, vote: stranger })
    // a prevote is no precommit: the step is in the signature
    scenario.hear({ ...good, step: 'precommit' })
    const round = scenario.state.rounds.get(0)!
    assert.equal(round.prevotes.voters, 1, 'its own')
    assert.equal(round.precommits.voters, 0)
    assert.equal(scenario.effects.filter(effect => effect.type === 'evidence').length, 0)
  })

  it('a proposal out of turn is no proposal', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const right = scenario.proposal(0, scenario.block('A', 0))
    const wrong = scenario.proposal(1, scenario.block('A', 0))
    scenario.hear({ ...right, proposal: { ...wrong.proposal, value: right.proposal.value } })
    scenario.hear({ ...right, block: scenario.block('B', 0, scenario.nowMs + 1) })
    assert.equal(scenario.state.rounds.get(0)?.proposal ?? null, null)
  })

  for (const nodes of [4, 7]) {
    it(`an equivocator among ${nodes} validators is convicted in the log, and stops nobody`, () => {
      const network = new Network({ nodes, seed: `equivocator-${nodes}`, timing: { epochMs: 2000 } })
      const liar = network.nodes[1]!
      liar.isHonest = false
      network.meddle = (from, to, message) =>
        from === liar ? [twoFaced(network, liar, to, message)] : [message]
      network.startAll()
      const honest = network.nodes.filter(node => node !== liar)
      for (let number = 0; number < 8; number++) {
        network.submit(
          honest[number % honest.length]!,
          `t${number}`,
          signed(network.genesis, createKey(`k${number}`)),
        )
        network.run(700)
      }
      network.runUntil(
        () =>
          honest.every(node => network.state(node).records.get(`conviction/${liar.peerId}`) !== undefined),
        30_000,
        'conviction',
      )
      for (const node of honest) {
        const convicted = [...network.state(node).records.entries('conviction/')].map(entry => entry.path)
        assert.deepEqual(convicted, [`conviction/${liar.peerId}`])
      }
      assert.deepEqual(network.contradictions, [])
    })
  }
})

/** Tells half of the others the opposite of every vote. */
function twoFaced(network: Network, liar: SimNode, to: SimNode, message: PeerMessage): PeerMessage {
  if (message.type !== 'vote' || to.index % 2 === 0) return message
  if (!equalBytes(message.vote.signer, liar.key.publicKey) || message.vote.value.blockId.length === 0)
    return message
  const value = { ...message.vote.value, blockId: NIL }
  return { ...message, vote: signValue(liar.key, message.step, networkIdOf(network.genesis), value) }
}

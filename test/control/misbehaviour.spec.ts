import assert from 'node:assert/strict'
import { equalBytes, toHex } from '../../src/base/index.ts'
import { blockIdOf } from '../../src/control/ids.ts'
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

  it('two proposals of one validator for one height and round are evidence, made once; one told twice is not', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const first = scenario.proposal(0, scenario.block('A', 0))
    const other = scenario.proposal(0, scenario.block('B', 0, scenario.nowMs + 1))
    const forged = { ...other, proposal: { ...other.proposal, signature: first.proposal.signature } }
    for (const message of [first, first, forged]) scenario.hear(message)
    assert.equal(scenario.effects.filter(effect => effect.type === 'evidence').length, 0)
    scenario.hear(other)
    scenario.hear(scenario.proposal(0, scenario.block('C', 0, scenario.nowMs + 2)))
    const reports = scenario.effects.filter(effect => effect.type === 'evidence').map(effect => effect.report)
    assert.equal(reports.length, 1)
    const { evidence } = reports[0] as ReportEvidence
    assert.ok(evidence.type === 'conflicting-proposals')
    const { proposer, height, round } = evidence
    assert.ok(equalBytes(proposer, scenario.keys[0]!.publicKey))
    for (const { validRound, blockId, signature } of [evidence.first, evidence.second]) {
      const value = { height, round, validRound, blockId }
      assert.ok(verifySigned('proposal', scenario.hooks.networkId, { value, signer: proposer, signature }))
    }
    assert.notEqual(toHex(evidence.first.blockId), toHex(evidence.second.blockId))
  })

  it('a proposal out of turn is no proposal', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const right = scenario.proposal(0, scenario.block('A', 0))
    const wrong = scenario.proposal(1, scenario.block('A', 0))
    scenario.hear({ ...right, proposal: { ...wrong.proposal, value: right.proposal.value } })
    const usurped = signValue(scenario.keys[1]!, 'proposal', scenario.hooks.networkId, right.proposal.value)
    scenario.hear({ ...right, proposal: usurped })
    scenario.hear({ ...right, block: scenario.block('B', 0, scenario.nowMs + 1) })
    assert.equal(scenario.state.rounds.get(0)?.proposal ?? null, null)
  })

  it('a block cannot name another round as its first: that would move the lead', () => {
    const scenario = new Scenario(3)
    scenario.want()
    scenario.propose(0, scenario.block('A', 1))
    assert.deepEqual(scenario.said(), ['prevote 0 nil'])
  })

  for (const [nodes, steps, sharing] of [
    [4, ['prevote', 'precommit'], true],
    [7, ['prevote', 'precommit'], true],
    [4, ['prevote'], true],
    [7, ['precommit'], false],
  ] as const) {
    const how = sharing ? '' : ', found by certificates alone'
    it(`an equivocator among ${nodes} validators (${steps}) is convicted in the log, and stops nobody${how}`, () => {
      const network = new Network({ nodes, seed: `equivocator-${nodes}`, timing: { epochMs: 2000 } })
      const liar = network.nodes[1]!
      liar.isHonest = false
      network.meddle = (from, to, message) => {
        if (from === liar) return [twoFaced(network, liar, to, message, steps)]
        const isShown = message.type === 'vote' && !equalBytes(message.vote.signer, from.key.publicKey)
        return isShown && !sharing ? [] : [message]
      }
      network.startAll()
      const honest = network.nodes.filter(node => node !== liar)
      for (let number = 0; number < 8; number++) {
        const node = honest[number % honest.length]!
        network.submit(node, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
        network.run(700)
      }
      const isConvicted = (node: SimNode): boolean =>
        network.state(node).records.get(`conviction/${liar.peerId}`) !== undefined
      network.runUntil(() => honest.every(isConvicted), 30_000, 'conviction')
      for (const node of honest) {
        const convicted = [...network.state(node).records.entries('conviction/')].map(entry => entry.path)
        assert.deepEqual(convicted, [`conviction/${liar.peerId}`])
      }
      assert.deepEqual(network.contradictions, [])
    })
  }
})

describe('a proposer that proposes another block to one of the others', () => {
  for (const nodes of [4, 7]) {
    it(`is convicted in the log of ${nodes} validators though its round decides at once, and stops nobody`, () => {
      const network = new Network({ nodes, seed: `proposer-${nodes}`, timing: { epochMs: 2000 } })
      const liar = network.nodes[1]!
      const dupe = network.nodes[2]!
      liar.isHonest = false
      network.meddle = (from, to, message) =>
        from === liar && to === dupe ? [otherProposal(network, liar, message)] : [message]
      network.startAll()
      const honest = network.nodes.filter(node => node !== liar)
      for (let number = 0; number < 16; number++) {
        const node = honest[number % honest.length]!
        network.submit(node, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
        network.run(700)
      }
      const isConvicted = (node: SimNode): boolean =>
        network.state(node).records.get(`conviction/${liar.peerId}`) !== undefined
      network.runUntil(() => honest.every(isConvicted), 60_000, 'conviction')
      for (const node of honest) {
        const convicted = [...network.state(node).records.entries('conviction/')].map(entry => entry.path)
        assert.deepEqual(convicted, [`conviction/${liar.peerId}`])
      }
      assert.deepEqual(network.contradictions, [])
    })
  }
})

/** The liar's proposal, of a block a moment later. */
function otherProposal(network: Network, liar: SimNode, message: PeerMessage): PeerMessage {
  if (message.type !== 'proposal' || !equalBytes(message.proposal.signer, liar.key.publicKey)) return message
  const { header } = message.block
  const block = { ...message.block, header: { ...header, timeMs: header.timeMs + 1 } }
  const value = { ...message.proposal.value, blockId: blockIdOf(block.header) }
  return { ...message, block, proposal: signValue(liar.key, 'proposal', networkIdOf(network.genesis), value) }
}

/** Tells half of the others nil where it tells the other half a block. */
function twoFaced(
  network: Network,
  liar: SimNode,
  to: SimNode,
  message: PeerMessage,
  steps: readonly string[],
): PeerMessage {
  if (message.type !== 'vote' || to.index % 2 === 0 || !steps.includes(message.step)) return message
  if (!equalBytes(message.vote.signer, liar.key.publicKey) || message.vote.value.blockId.length === 0) {
    return message
  }
  const value = { ...message.vote.value, blockId: NIL }
  return { ...message, vote: signValue(liar.key, message.step, networkIdOf(network.genesis), value) }
}

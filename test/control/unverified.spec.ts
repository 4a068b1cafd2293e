import assert from 'node:assert/strict'
import { compareBytes, equalBytes, toHex } from '../../src/base/index.ts'
import { vouchedFor } from '../../src/control/blocks.ts'
import { judgeBlock } from '../../src/control/index.ts'
import { verifySigned } from '../../src/crypto/index.ts'
import {
  type Certificate,
  type CertifiedBlock,
  certifiedBlockCodec,
  certifiedHeaderCodec,
  type PeerAnswer,
  type ProposalMessage,
} from '../../src/wire/index.ts'
import { createKey, keyNamed, signed } from './fixture.ts'
import { Network, type SimNode } from './network.ts'
import { Scenario } from './scenario.ts'

/** The certificate with a signature in `signer`'s name that nobody made; a true one of its gives way. */
function withForged(certificate: Certificate, signer: Uint8Array): Certificate {
  const others = certificate.signatures.filter(each => !equalBytes(each.signer, signer))
  const forged = { signer, signature: new Uint8Array(64).fill(7) }
  const signatures = [...others, forged].sort((a, b) => compareBytes(a.signer, b.signer))
  return { ...certificate, signatures }
}

function makeBlocks(network: Network, count: number): void {
  const [node] = network.nodes
  for (let number = 0; number < count; number++) {
    const token = `k${network.nowMs}.${number}`
    network.submit(node!, token, signed(network.genesis, createKey(token)))
    network.runUntil(() => node!.outcomes.has(token), 5000, 'inclusion')
  }
}

function isLevel(network: Network, node: SimNode): boolean {
  return network.heightOf(node) >= network.heightOf(network.nodes[0]!)
}

describe('a signature in a victim’s name that it never made', () => {
  function laggard(): { network: Network; victim: SimNode } {
    const network = new Network({
      nodes: 4,
      seed: 'forged',
      timing: { epochMs: 60_000 },
      limits: { snapshotInterval: 10 },
    })
    const victim = network.nodes.at(-1)!
    for (const node of network.nodes) if (node !== victim) network.start(node)
    network.run(20)
    makeBlocks(network, 25)
    return { network, victim }
  }

  function forgeHeaders(network: Network, signer: Uint8Array): () => number {
    let lies = 0
    network.answerMeddle = (_from, answer): PeerAnswer => {
      if (answer.type !== 'headers') return answer
      lies++
      const headers = answer.headers.map((one, index) =>
        // the last two are held against the quorum that decided them, and are refused
        index >= answer.headers.length - 2
          ? one
          : { ...one, certificate: withForged(one.certificate, signer) },
      )
      return { ...answer, headers }
    }
    return () => lies
  }

  it('does not make the victim abstain: it votes as before, and the log goes on without one of the others', () => {
    const { network, victim } = laggard()
    const lies = forgeHeaders(network, victim.key.publicKey)
    network.start(victim)
    network.runUntil(() => isLevel(network, victim), 5000, 'level')
    assert.ok(lies() > 0 && victim.restored.length === 1)
    assert.equal(network.view(victim).recovery, null)
    assert.equal(network.view(victim).forgottenHeight, 0)
    network.stop(network.nodes[1]!)
    makeBlocks(network, 2)
    assert.deepEqual(network.contradictions, [])
  })

  it('is neither stored nor served', () => {
    const { network, victim } = laggard()
    forgeHeaders(network, victim.key.publicKey)
    network.start(victim)
    network.runUntil(() => isLevel(network, victim), 5000, 'level')
    const { networkId } = network.state(victim)
    const headers = [...victim.store].filter(([key]) => key.startsWith('log/header/'))
    assert.ok(headers.length >= 20)
    for (const [key, bytes] of headers) {
      const { height, round, blockId, signatures } = certifiedHeaderCodec.decode(bytes).certificate
      for (const one of signatures) {
        const vote = { value: { height, round, blockId }, ...one }
        assert.ok(verifySigned('precommit', networkId, vote), `${key} holds a forged signature`)
      }
    }
  })

  it('does not count among those that vouch for a header, nor do more signatures than validators can make', () => {
    const { network } = laggard()
    const { tip, state } = network.view(network.nodes[0]!)
    const stranger = keyNamed('stranger').publicKey
    const certificate = withForged(tip!.certificate, stranger)
    const vouched = vouchedFor(state.networkId, state.validators, { ...tip!, certificate })
    assert.deepEqual(vouched.certificate.signatures, tip!.certificate.signatures)
    const many = Array.from({ length: 20 }, (_, index) =>
      withForged(tip!.certificate, new Uint8Array(32).fill(index)),
    )
    const signatures = many.flatMap(each => each.signatures)
    assert.throws(
      () =>
        vouchedFor(state.networkId, state.validators, {
          ...tip!,
          certificate: { ...certificate, signatures },
        }),
      { code: 'bad_certificate' },
    )
  })
})

describe('a proposal that a relay passes on', () => {
  it('with another body is dropped: its proposer is not blamed, and the true one is taken afterwards', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const message = scenario.proposal(0, scenario.block('A', 0))
    const transactions = [signed(new Network({ nodes: 4, seed: 'x' }).genesis, createKey('extra'))]
    const effects = scenario.hear({ ...message, block: { ...message.block, transactions } })
    assert.deepEqual(effects, [])
    scenario.said()
    scenario.hear(message)
    assert.deepEqual(scenario.said(), ['prevote 0 A'])
  })

  const a = (scenario: Scenario): ProposalMessage => {
    const block = scenario.block('A', 0)
    const justification = [0, 1, 2].map(voter => scenario.voteOf('prevote', voter, 0, block).vote)
    return scenario.proposal(1, block, 0, justification)
  }

  it('keeps of its justification only the votes that verify, and so sends on no others', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const message = a(scenario)
    const [first, ...rest] = message.justification
    const forged = { ...first!, signature: new Uint8Array(64).fill(7) }
    scenario.hear({ ...message, justification: [forged, ...rest] })
    const kept = scenario.state.rounds.get(1)!.proposal!.message.justification
    assert.deepEqual(
      kept.map(vote => toHex(vote.signer)),
      rest.map(vote => toHex(vote.signer)),
    )
  })

  it('and strips of its justification is completed by the next copy', () => {
    const scenario = new Scenario(3)
    scenario.want()
    const message = a(scenario)
    scenario.fire('propose')
    scenario.precommit([0, 1, 2], 0, null)
    scenario.fire('precommit')
    scenario.said()
    scenario.hear({ ...message, justification: [] })
    assert.deepEqual(scenario.said(), [])
    scenario.hear(message)
    assert.deepEqual(scenario.said(), ['prevote 1 A'])
  })
})

describe('a certified header with another body', () => {
  it('is not passed on by gossip, however far ahead it is', () => {
    const network = new Network({ nodes: 4, seed: 'body' })
    network.startAll()
    network.run(20)
    const behind = network.nodes.at(-1)!
    network.stop(behind)
    makeBlocks(network, 3)
    network.start(behind)
    const newest = [...network.nodes[0]!.store].filter(([key]) => key.startsWith('log/block/')).at(-1)![1]
    const certified = certifiedBlockCodec.decode(newest)
    assert.equal(judgeBlock(behind.log!, newest), 'accept')
    const other: CertifiedBlock = { ...certified, block: { ...certified.block, transactions: [] } }
    assert.equal(judgeBlock(behind.log!, certifiedBlockCodec.encode(other)), 'reject')
  })
})

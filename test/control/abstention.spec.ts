import assert from 'node:assert/strict'
import { equalBytes } from '../../src/base/index.ts'
import { type Anchor, forgetWrite } from '../../src/control/index.ts'
import { rankedNodes, submitThroughCrash } from './crashing.ts'
import { createKey, signed } from './fixture.ts'
import { type CrashPlan, codeOf, Network, type SimNode } from './network.ts'

const TIMING = { epochMs: 2000 }

function networkOf(nodes: number, seed: string): Network {
  const network = new Network({ nodes, seed, timing: TIMING, limits: { snapshotInterval: 5 } })
  network.startAll()
  return network
}

function makeBlocks(network: Network, by: SimNode, count: number, name: string): void {
  for (let number = 0; number < count; number++) {
    const token = `${name}${number}`
    network.submit(by, token, signed(network.genesis, createKey(token)))
    network.runUntil(() => by.outcomes.has(token), 20_000, `${token} in a block`)
  }
}

function voters(network: Network, seenBy: SimNode): SimNode[] {
  const { signatures } = network.view(seenBy).tip!.certificate
  return network.nodes.filter(({ key }) => signatures.some(one => equalBytes(one.signer, key.publicKey)))
}

function runUntilItVotes(network: Network, node: SimNode): void {
  const [witness] = network.nodes.filter(other => other !== node && other.log !== null)
  const votes = (): boolean => {
    const isLevel = network.heightOf(node) === network.heightOf(witness!)
    return isLevel && network.view(node).recovery === null && voters(network, witness!).includes(node)
  }
  network.runUntil(votes, 60_000, `node ${node.index} votes`)
}

/** Loses the disk and comes back. */
function comeBackEmpty(network: Network, node: SimNode): void {
  network.stop(node)
  node.loses = 'disk'
  network.lose(node)
  network.start(node)
}

/** Six transactions, while the node of rank `victim` loses power and disk at its `persist`-th write. */
function runWithLoss(victim: number, plan: CrashPlan): Network {
  const network = networkOf(4, `loss-${victim}-${plan.persist}-${plan.when}`)
  submitThroughCrash(network, { victim, plan, loses: 'disk', transactions: 6 })
  return network
}

describe('a validator that has lost its disk', function () {
  this.timeout(300_000)
  for (const victim of [0, 2]) {
    for (const when of ['before', 'after', 'amid'] as const) {
      it(`at any write (${when} it, rank ${victim}) never contradicts itself, and votes again`, () => {
        for (let persist = 1; persist <= 14; persist++) {
          const network = runWithLoss(victim, { persist, when })
          const node = network.nodes.find(({ life }) => life > 0)
          assert.ok(node, 'the crash has happened')
          runUntilItVotes(network, node)
          const outcomes = network.nodes.flatMap(({ outcomes: told }) => [...told.values()].map(codeOf))
          assert.deepEqual([...new Set(outcomes)], ['ok'])
          assert.deepEqual(network.contradictions, [])
        }
      })
    }
  }

  for (const knowsIt of [true, false]) {
    const what = knowsIt
      ? 'keeps to its vote'
      : 'would contradict it if it did not know: the checks here can fail'
    it(`when its vote is the one that is missing ${what}`, () => {
      const network = new Network({ nodes: 4, seed: 'missed', timing: TIMING })
      const byRank = rankedNodes(network)
      const [leader, second, third, down] = byRank as [SimNode, SimNode, SimNode, SimNode]
      for (const node of [leader, second, third]) network.start(node)
      leader.crash = { persist: 1, when: 'amid' }
      leader.loses = 'disk'
      network.submit(leader, 't', signed(network.genesis, createKey('k')))
      assert.equal(leader.log, null)
      if (!knowsIt) leader.store.clear()
      network.run(5000)
      assert.equal(network.contradictions.length > 0, !knowsIt)
      if (!knowsIt) return
      network.start(down)
      runUntilItVotes(network, leader)
      assert.deepEqual(network.contradictions, [])
    })
  }

  it('casts no vote and proposes nothing before the log has passed what it may have voted on', () => {
    const network = networkOf(4, 'nothing-said')
    const [lost, witness] = network.nodes as [SimNode, SimNode]
    makeBlocks(network, witness, 8, 'a')
    const heightOfLoss = network.heightOf(witness)
    const said: number[] = []
    network.meddle = (from, _to, message) => {
      if (from !== lost) return [message]
      if (message.type === 'vote' && equalBytes(message.vote.signer, lost.key.publicKey)) {
        said.push(message.vote.value.height)
      }
      if (message.type === 'proposal') said.push(message.proposal.value.height)
      return [message]
    }
    comeBackEmpty(network, lost)
    runUntilItVotes(network, lost)
    // level at the height of the loss or above, it votes from the third height after that
    assert.ok(Math.min(...said) >= heightOfLoss + 3, `${Math.min(...said)} after ${heightOfLoss}`)
  })

  it('keeps its resolve over further crashes', () => {
    const network = networkOf(4, 'again')
    const [lost, witness] = network.nodes as [SimNode, SimNode]
    makeBlocks(network, witness, 3, 'a')
    comeBackEmpty(network, lost)
    for (const until of ['catching-up', 'abstaining'] as const) {
      network.runUntil(() => network.view(lost).recovery === until, 30_000, until)
      network.stop(lost)
      network.start(lost)
      assert.equal(network.view(lost).recovery, until)
    }
    runUntilItVotes(network, lost)
    assert.deepEqual(network.contradictions, [])
  })
})

describe('a validator whose disk was set back', () => {
  it('notices its own forgotten precommits in what it fetches, and abstains as after a loss', () => {
    const network = networkOf(4, 'set-back')
    const [back, witness] = network.nodes as [SimNode, SimNode]
    makeBlocks(network, witness, 2, 'a')
    const image = new Map(back.store)
    network.runUntil(() => voters(network, witness).includes(back), 20_000, 'a vote of its own')
    makeBlocks(network, witness, 3, 'b')
    network.runUntil(() => voters(network, witness).includes(back), 20_000, 'another')
    network.stop(back)
    back.store = image
    network.start(back)
    const isNoticed = (): boolean => network.view(back).recovery !== null
    network.runUntil(isNoticed, 20_000, 'it notices')
    assert.ok(back.notes.some(note => note.includes('does not remember')))
    assert.equal(network.view(back).forgottenHeight > 0, true)
    runUntilItVotes(network, back)
  })

  it('is not what a mere restart looks like', () => {
    const network = networkOf(4, 'restarted')
    for (const node of network.nodes) {
      makeBlocks(network, network.nodes[(node.index + 1) % 4]!, 3, `k${node.index}-`)
      network.stop(node)
      network.run(3000)
      network.start(node)
      network.run(3000)
      assert.equal(network.view(node).recovery, null)
    }
  })
})

describe('how far the network is', () => {
  it('is not taken from a liar: one that claims heights it cannot show does not count', () => {
    const network = networkOf(4, 'boaster')
    const [lost, witness, liar] = network.nodes as [SimNode, SimNode, SimNode]
    makeBlocks(network, witness, 3, 'a')
    network.answerMeddle = (from, answer) =>
      from === liar && answer.type === 'blocks' ? { ...answer, blocks: [], height: 1_000_000 } : answer
    comeBackEmpty(network, lost)
    runUntilItVotes(network, lost)
  })

  it('needs as many others as make a quorum with it', () => {
    const network = networkOf(4, 'too-few')
    const [lost, witness, down] = network.nodes as [SimNode, SimNode, SimNode]
    makeBlocks(network, witness, 3, 'a')
    network.reachable = (from, to) => ![from, to].includes(lost) || ![from, to].includes(down)
    const [, , , other] = network.nodes as [SimNode, SimNode, SimNode, SimNode]
    network.stop(other)
    comeBackEmpty(network, lost)
    network.run(20_000)
    assert.equal(network.view(lost).recovery, 'catching-up')
  })

  it('includes the block that a backup names, and only on that log', () => {
    for (const isItsLog of [true, false]) {
      const network = networkOf(4, 'anchored')
      const [lost, witness] = network.nodes as [SimNode, SimNode]
      makeBlocks(network, witness, 3, 'a')
      const { height, blockId } = network.view(witness).tip!.certificate
      const anchor: Anchor = { height, blockId: isItsLog ? blockId : new Uint8Array(32) }
      network.stop(lost)
      const { key, value } = forgetWrite(anchor)
      lost.store = new Map([[key, value!]])
      network.start(lost)
      if (isItsLog) runUntilItVotes(network, lost)
      else {
        network.run(20_000)
        assert.equal(network.heightOf(lost), height - 1)
        assert.ok(lost.notes.some(note => note.includes('bad_block')))
      }
    }
  })
})

describe('a network that cannot go on without the one that has lost its disk', () => {
  function standstill(seed: string, acceptsVoteRisk: boolean): { network: Network; lost: SimNode } {
    const network = networkOf(4, seed)
    const [lost, witness, , down] = network.nodes as [SimNode, SimNode, SimNode, SimNode]
    makeBlocks(network, witness, 3, 'a')
    network.stop(down)
    lost.acceptsVoteRisk = acceptsVoteRisk
    comeBackEmpty(network, lost)
    network.run(20_000)
    return { network, lost }
  }

  it('stands still, and says why', () => {
    const { network, lost } = standstill('still', false)
    assert.equal(network.view(lost).recovery, 'abstaining')
    const height = network.heightOf(lost)
    network.run(20_000)
    assert.equal(network.heightOf(lost), height)
  })

  it('goes on when an operator accepts the risk', () => {
    const { network, lost } = standstill('risk', true)
    assert.equal(network.view(lost).recovery, null)
    const height = network.heightOf(lost)
    network.runUntil(() => network.heightOf(lost) > height, 20_000, 'a block')
  })
})

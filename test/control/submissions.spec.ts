import assert from 'node:assert/strict'
import type { PeerId } from '../../src/base/index.ts'
import { noteAnnounced } from '../../src/control/index.ts'
import type { SignedTransaction } from '../../src/wire/index.ts'
import { createKey, operator, principal, report, signed } from './fixture.ts'
import { codeOf, Network, type SimNode } from './network.ts'

function started(nodes = 4, epochMs = 60_000): { network: Network; node: SimNode } {
  const network = new Network({ nodes, seed: 'submissions', timing: { epochMs } })
  network.startAll()
  network.run(20)
  return { network, node: network.nodes[0]! }
}

describe('submissions', () => {
  it('many wait for one block, none waits for a timer', () => {
    const { network, node } = started()
    for (let number = 0; number < 500; number++) {
      network.submit(node, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
    }
    const startMs = network.nowMs
    network.runUntil(() => node.outcomes.size === 500, 3000, 'inclusion')
    assert.ok(network.nowMs - startMs < 300, `${network.nowMs - startMs} ms`)
    assert.ok(network.view(node).height <= 4, `${network.view(node).height} blocks`)
  })

  it('what the reducer would refuse is refused at once, with its code, and is in no block', () => {
    const { network, node } = started()
    network.submit(node, 'bad', signed(network.genesis, createKey('bad')))
    assert.equal(codeOf(node.outcomes.get('bad')), 'forbidden')
    network.submit(
      node,
      'revision',
      signed(
        network.genesis,
        {
          type: 'grant-create',
          principal: principal.publicKey,
          revision: 7,
          isAllowed: false,
        },
        operator,
      ),
    )
    assert.equal(codeOf(node.outcomes.get('revision')), 'conflict')
    network.submit(
      node,
      'nobody',
      signed(network.genesis, {
        type: 'grant-create',
        principal: principal.publicKey,
        revision: 0,
        isAllowed: false,
      }),
    )
    assert.equal(codeOf(node.outcomes.get('nobody')), 'unauthorized')
    const good = signed(network.genesis, createKey('k'))
    network.submit(node, 'forged', { ...good, value: createKey('l') })
    assert.equal(codeOf(node.outcomes.get('forged')), 'bad_signature')
    network.run(3000)
    assert.equal(network.view(node).height, 0)
  })

  it('that never give up wait for room; others are told at once that there is none', () => {
    const network = new Network({ nodes: 4, seed: 'full', limits: { mempoolCount: 8 } })
    network.startAll()
    network.run(20)
    const node = network.nodes[0]!
    const create = (name: string): SignedTransaction => signed(network.genesis, createKey(name))
    for (const name of ['a', 'b', 'c', 'd', 'e']) network.submit(node, name, create(name))
    network.submit(node, 'hasty', create('f'), 5000)
    assert.equal(codeOf(node.outcomes.get('hasty')), 'overloaded')
    network.runUntil(() => node.outcomes.size === 6, 10_000, 'inclusion')
    for (const name of ['a', 'b', 'c', 'd', 'e']) assert.equal(codeOf(node.outcomes.get(name)), 'ok', name)
  })

  it('of two that exclude each other one succeeds, and both submitters learn which', () => {
    const { network } = started()
    const [a, b] = network.nodes as [SimNode, SimNode]
    network.submit(a, 't', signed(network.genesis, { ...createKey('same'), shares: 3 }))
    network.submit(b, 't', signed(network.genesis, { ...createKey('same'), shares: 4 }))
    network.runUntil(() => a.outcomes.has('t') && b.outcomes.has('t'), 3000, 'outcomes')
    assert.deepEqual([codeOf(a.outcomes.get('t')), codeOf(b.outcomes.get('t'))].sort(), ['name_taken', 'ok'])
    network.run(3000)
    for (const node of network.nodes) assert.equal(network.view(node).pending, 0)
  })

  it('the same one twice is one transaction with two answers', () => {
    const { network, node } = started()
    const transaction = signed(network.genesis, createKey('k'))
    network.submit(node, 'one', transaction)
    network.submit(node, 'two', transaction)
    network.runUntil(() => node.outcomes.size === 2, 3000, 'outcomes')
    network.submit(node, 'three', transaction)
    for (const token of ['one', 'two', 'three']) assert.equal(codeOf(node.outcomes.get(token)), 'ok')
    network.run(2000)
    assert.equal(network.view(node).height, 1)
  })

  it('without a quorum they fail with no_quorum, which says how many were needed and how many answered', () => {
    const { network, node } = started(5)
    network.run(15_000)
    network.stop(network.nodes[3]!)
    network.stop(network.nodes[4]!)
    network.run(500)
    network.submit(node, 'soon', signed(network.genesis, createKey('k')), 3000)
    network.runUntil(() => node.outcomes.has('soon'), 3100, 'an answer by the deadline')
    network.run(12_000)
    network.submit(node, 'late', signed(network.genesis, createKey('l')), 10_000)
    const outcome = node.outcomes.get('late')
    assert.ok(outcome?.type === 'not-included', 'known by now, and said at once')
    assert.equal(outcome.outcome.error.code, 'no_quorum')
    assert.deepEqual(outcome.outcome.error.details, { needed: 4, answered: 3 })
    network.start(network.nodes[3]!)
    network.runUntil(() => network.view(node).answering === 4, 5000, 'a quorum')
    network.submit(node, 'again', signed(network.genesis, createKey('m')), 5000)
    network.runUntil(() => node.outcomes.has('again'), 5000, 'inclusion')
    assert.equal(codeOf(node.outcomes.get('again')), 'ok')
  })

  it('without a deadline they wait for the quorum to come back', () => {
    const { network, node } = started(4)
    network.stop(network.nodes[2]!)
    network.stop(network.nodes[3]!)
    network.submit(node, 't', signed(network.genesis, createKey('k')))
    network.run(30_000)
    assert.equal(node.outcomes.size, 0)
    network.start(network.nodes[2]!)
    network.runUntil(() => node.outcomes.has('t'), 10_000, 'inclusion')
    assert.equal(codeOf(node.outcomes.get('t')), 'ok')
  })

  it('more than a node can keep are refused with overloaded', () => {
    const network = new Network({ nodes: 4, seed: 'full', limits: { mempoolCount: 8 } })
    const node = network.nodes[0]!
    network.start(node)
    // alone it makes no block, and one signer gets a quarter of the room
    for (let number = 0; number < 3; number++) {
      network.submit(node, `t${number}`, signed(network.genesis, createKey(`k${number}`)), 5000)
    }
    assert.equal(codeOf(node.outcomes.get('t2')), 'overloaded')
    assert.equal(network.view(node).pending, 2)
  })

  it('a transaction that only one validator has still gets into a block, through whoever leads', () => {
    const { network, node } = started()
    const leader = network.view(node).coordinator.peerId
    const other = network.nodes.find(one => one.peerId !== leader)!
    // its messages to the leader are lost; a third node's are not
    network.meddle = (from, to, message) =>
      from === other && to.peerId === leader && message.type === 'transactions' ? [] : [message]
    network.submit(other, 't', signed(network.genesis, createKey('k')))
    network.runUntil(() => other.outcomes.has('t'), 5000, 'inclusion')
  })
})

describe('patient transactions', () => {
  const EPOCH_MS = 10_000
  let network: Network

  /** The nodes that propose the next block in these rounds. */
  const proposers = (...rounds: number[]): SimNode[] => {
    const { ranking, chain } = network.state(network.nodes[0]!)
    return rounds.map(round => network.nodeOf(ranking[(chain.leader + round) % ranking.length]!.peerId))
  }
  const submitReport = (node: SimNode): void =>
    network.submit(node, 'report', signed(network.genesis, report(0), node.key))
  const heightOfReport = ({ outcomes }: SimNode): number | undefined => {
    const outcome = outcomes.get('report')
    return outcome?.type === 'included' && outcome.result.ok ? outcome.height : undefined
  }
  const begin = (nodes: number): void => {
    network = new Network({ nodes, seed: 'patience', timing: { epochMs: EPOCH_MS } })
    network.startAll()
    network.run(EPOCH_MS / 2)
  }

  it('of everyone go to the two who propose next, and are in the block that opens the epoch', () => {
    begin(7)
    const expected = proposers(0, 1).map(({ peerId }) => peerId)
    const told = new Set<PeerId>()
    let copies = 0
    network.meddle = (_from, to, message) => {
      if (message.type !== 'transactions') return [message]
      told.add(to.peerId)
      copies++
      return [message]
    }
    for (const node of network.nodes) submitReport(node)
    network.run(EPOCH_MS / 2 - 100)
    assert.deepEqual([...told].sort(), expected.sort())
    assert.equal(copies, 2 * 7 - 2)
    assert.equal(network.view(network.nodes[0]!).height, 0, 'no block of their own')
    network.run(1000)
    assert.deepEqual(network.nodes.map(heightOfReport), Array(7).fill(1))
    assert.equal(copies, 2 * 7 - 2, 'nothing is said twice')
  })

  it('are in that block too when those who were told have died, which sends them on round by round', () => {
    begin(7)
    for (const node of network.nodes) submitReport(node)
    network.run(100)
    const dead = proposers(0, 1)
    for (const node of dead) network.stop(node)
    const alive = network.nodes.filter(node => !dead.includes(node))
    network.runUntil(() => alive.every(({ outcomes }) => outcomes.size > 0), EPOCH_MS, 'inclusion')
    assert.deepEqual(alive.map(heightOfReport), Array(5).fill(1))
    assert.equal(network.view(alive[0]!).tip?.header.round, 2)
  })

  it('of a member that does not vote have been told to f+1, since it does not see rounds fail', () => {
    begin(8)
    const member = network.nodes[7]!
    const suspension = signed(network.genesis, createKey(`suspend.${member.peerId}`))
    network.submit(network.nodes[0]!, 'suspend', suspension)
    network.run(1000)
    assert.ok(!network.view(member).isValidator)
    submitReport(member)
    network.run(100)
    const dead = proposers(0, 1)
    for (const node of dead) network.stop(node)
    network.runUntil(() => member.outcomes.size > 0, EPOCH_MS, 'inclusion')
    assert.equal(heightOfReport(member), 2)
  })

  it('that the next block lacks go to those who propose the one after it', () => {
    begin(4)
    const told = proposers(0, 1)
    // two, so that one of them at least does not lead next and take its own
    const authors = proposers(2, 3)
    let isCutOff = true
    network.meddle = (_from, to, message) =>
      isCutOff && message.type === 'transactions' && told.includes(to) ? [] : [message]
    for (const author of authors) submitReport(author)
    network.run(100)
    isCutOff = false
    network.runUntil(() => authors.every(({ outcomes }) => outcomes.size > 0), 2 * EPOCH_MS, 'inclusion')
    assert.deepEqual(authors.map(heightOfReport), [2, 2])
  })
})

describe('when blocks are made', () => {
  it('idle validators make one block an epoch and send next to nothing between', () => {
    const { network, node } = started(4, 10_000)
    network.run(10_500)
    const before = { height: network.view(node).height, messages: network.messages }
    network.run(50_000)
    const { height, epoch } = network.view(node)
    assert.equal(height - before.height, 5)
    assert.equal(epoch, height)
    // votes and proposal: 4 * 3 * 2 + 3; status: 12 every 3 s; votes compared: at most 28
    assert.ok(
      network.messages - before.messages < 5 * (27 + 28) + 17 * 12 + 20,
      `${network.messages - before.messages}`,
    )
  })

  it('many validators tell each other every second time how far they are, and each knows that all answer', () => {
    const { network, node } = started(16)
    network.run(10_000)
    const told = new Map<string, number>()
    network.meddle = (from, to, message) => {
      if (message.type === 'status') {
        const pair = `${from.index} to ${to.index}`
        told.set(pair, (told.get(pair) ?? 0) + 1)
      }
      return [message]
    }
    for (let second = 0; second < 18; second++) {
      network.run(1000)
      assert.equal(network.view(node).answering, 16)
    }
    assert.equal(told.size, 16 * 15)
    assert.deepEqual(new Set(told.values()), new Set([2]))
  })

  it('what everybody was told elsewhere is hardly repeated', () => {
    const { network, node } = started(4)
    let statuses = 0
    network.meddle = (from, _to, message) => {
      if (from === node && message.type === 'status') statuses++
      return [message]
    }
    network.run(27_000)
    assert.equal(statuses, 18)
    statuses = 0
    for (let beat = 0; beat < 27; beat++) {
      noteAnnounced(node.log!, network.nowMs)
      network.run(1000)
    }
    assert.equal(statuses, 3)
  })

  it('clocks that differ make no one count the leader as late', () => {
    const network = new Network({ nodes: 5, seed: 'clocks', timing: { epochMs: 5000, proposeMs: 100 } })
    for (const node of network.nodes) node.skewMs = node.index < 2 ? 200 : -200
    network.startAll()
    for (let epoch = 0; epoch < 10; epoch++) {
      network.run(5000)
      const { tip } = network.view(network.nodes[0]!)
      assert.equal(tip?.header.round ?? 0, 0)
    }
    assert.ok(network.view(network.nodes[0]!).height >= 9)
  })

  it('a deadline that the ledger holds gets a block once block time passes it, and its hook is told which', () => {
    const { network, node } = started()
    network.submit(node, 't', signed(network.genesis, createKey('later')))
    network.runUntil(() => node.outcomes.has('t'), 1000, 'inclusion')
    const madeMs = network.state(node).chain.timeMs
    assert.equal(network.state(node).wakeAtMs, madeMs + 3000)
    network.run(2900)
    assert.equal(network.view(node).height, 1)
    network.run(700)
    assert.equal(network.view(node).height, 2)
    assert.deepEqual(network.state(node).records.get('woken/later'), { height: 2 })
    assert.equal(network.state(node).wakeAtMs, null)
    network.run(20_000)
    assert.equal(network.view(node).height, 2)
  })
})

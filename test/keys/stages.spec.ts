import assert from 'node:assert/strict'
import { equalBytes, type PeerId, publicKeyOf } from '../../src/base/index.ts'
import { coordinatorOf } from '../../src/control/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import type { SignedTransaction, Transaction } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

/** Five nodes, f = 1. The leader leaves out what `victim` says in ceremonies, in every block that it proposes. */
function censored(type: Transaction['type']): { network: CeremonyNetwork; censor: PeerId; victim: PeerId } {
  const network = new CeremonyNetwork(5, `censored ${type}`)
  const censor = coordinatorOf(network.ledger).peerId
  const victim = network.nodes.find(({ peerId }) => peerId !== censor)!.peerId
  const isVictims = ({ value, signer }: SignedTransaction): boolean =>
    value.type === type && equalBytes(signer, publicKeyOf(victim))
  network.takes = (leader, transaction) => leader !== censor || !isVictims(transaction)
  return { network, censor, victim }
}

describe('a stage of a ceremony', () => {
  it('does not end without an honest dealer that the leader leaves out, though the others have spoken', () => {
    const { network, victim } = censored('deal')
    network.create('k')
    network.run()
    const dealers = network.version('k')!.dealings.map(({ dealer }) => dealer)
    assert.ok(
      dealers.some(dealer => equalBytes(dealer, publicKeyOf(victim))),
      'the victim’s dealing is in',
    )
    assert.equal(dealers.length, 5)
  })

  it('does not end without an honest holder whose acknowledgement the leader leaves out', () => {
    const { network, victim, censor } = censored('acknowledge')
    const acknowledged: PeerId[] = []
    network.takes = (leader, transaction) => {
      const isIts =
        transaction.value.type === 'acknowledge' && equalBytes(transaction.signer, publicKeyOf(victim))
      if (isIts && leader !== censor) acknowledged.push(leader)
      return !(isIts && leader === censor)
    }
    network.create('k')
    network.run()
    assert.ok(network.version('k') !== undefined)
    assert.ok(acknowledged.length > 0, 'another leader took it before the version was settled')
  })

  it('whose time is over waits for f+1 proposers, who follow each other without a pause', () => {
    const network = new CeremonyNetwork(5, 'waits')
    network.nodes[2]!.isDown = true
    const { dealMs, acknowledgeMs } = network.ledger.genesis.timing
    const startMs = network.nowMs
    // its time is over at once: no turn has ended before
    network.create('k')
    network.run(startMs + 1)
    const opened = network.proposers.length
    network.run()
    const proposers = new Set(network.proposers.slice(opened))
    assert.ok(proposers.size >= 2, `${proposers.size} proposers`)
    const tookMs = network.version('k')!.timeMs - startMs
    assert.ok(tookMs <= (dealMs + acknowledgeMs) / 4 + 500, `${tookMs} ms`)
  })
})

describe('the leader', () => {
  it('changes at least every quarter of an open stage, and stays once none is open', () => {
    const network = new CeremonyNetwork(5, 'turns')
    for (const node of network.nodes.slice(0, 3)) node.isDown = true
    network.create('k')
    const turns: { leader: PeerId; untilMs: number }[] = []
    const { dealMs } = network.ledger.genesis.timing
    const startMs = network.nowMs
    while (network.nowMs < startMs + dealMs - 1) {
      network.run(network.nowMs + 50)
      network.nowMs += 50
      const leader = coordinatorOf(network.ledger).peerId
      if (turns.at(-1)?.leader === leader) turns.at(-1)!.untilMs = network.nowMs
      else turns.push({ leader, untilMs: network.nowMs })
    }
    assert.ok(turns.length >= 4, `${turns.length} turns`)
    turns.reduce((beforeMs, { untilMs }) => {
      assert.ok(untilMs - beforeMs <= dealMs / 4 + 100, `one led for ${untilMs - beforeMs} ms`)
      return untilMs
    }, startMs)
    for (const node of network.nodes.slice(0, 3)) network.restart(node)
    network.run()
    assert.equal(network.ledger.turnEndsMs, null)
  })
})

import assert from 'node:assert/strict'
import { submitThroughCrash } from './crashing.ts'
import { type CrashPlan, codeOf, Network, type SimNode } from './network.ts'

const TRANSACTIONS = 6

/**
 * Four validators take transactions one after the other while the one of rank `victim` loses power at its `persist`-th write and
 * comes back; what it `loses` goes with the power.
 */
function runWithCrash(victim: number, plan: CrashPlan, loses: SimNode['loses']): Network {
  const seed = `crash-${victim}-${plan.persist}-${plan.when}`
  const network = new Network({ nodes: 4, seed, timing: { epochMs: 2000 }, limits: { snapshotInterval: 3 } })
  network.startAll()
  submitThroughCrash(network, { victim, plan, loses, transactions: TRANSACTIONS })
  return network
}

function outcomes(network: Network): string[] {
  return network.nodes.flatMap(node => [...node.outcomes.values()].map(codeOf))
}

describe('a crash at any write', function () {
  this.timeout(300_000)
  for (const victim of [0, 2]) {
    for (const when of ['before', 'after', 'amid'] as const) {
      it(`never makes a validator contradict itself, nor stops the network (${when} it, rank ${victim})`, () => {
        let crashes = 0
        for (let persist = 1; persist <= 14; persist++) {
          const network = runWithCrash(victim, { persist, when }, 'nothing')
          if (network.nodes.some(node => node.life > 0)) crashes++
          const isDone = (): boolean => outcomes(network).length === TRANSACTIONS
          network.runUntil(isDone, 20_000, 'all transactions')
          const goal = Math.max(...network.nodes.map(node => network.heightOf(node))) + 2
          const isLevel = (): boolean => network.nodes.every(node => network.heightOf(node) >= goal)
          network.runUntil(isLevel, 20_000, 'all level')
          assert.deepEqual([...new Set(outcomes(network))], ['ok'])
          assert.deepEqual(network.contradictions, [])
        }
        assert.ok(crashes >= 12, `only ${crashes} crashes happened`)
      })
    }
  }

  it('would make a validator that forgets its votes contradict itself: the check above can fail', () => {
    let contradictions = 0
    for (let persist = 1; persist <= 14; persist++) {
      const network = runWithCrash(0, { persist, when: 'amid' }, 'votes')
      contradictions += network.contradictions.length
    }
    assert.ok(contradictions > 0)
  })
})

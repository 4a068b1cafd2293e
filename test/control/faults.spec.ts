import assert from 'node:assert/strict'
import type { IncludedEffect, NotIncludedEffect } from '../../src/control/index.ts'
import { createKey, signed } from './fixture.ts'
import { codeOf, Network } from './network.ts'

/** Submits `count` transactions over `spanMs`, each at another node that is up. */
function load(network: Network, count: number, spanMs: number, name = 't'): void {
  for (let number = 0; number < count; number++) {
    const up = network.nodes.filter(node => node.log !== null)
    const node = up[number % up.length]!
    network.submit(node, `${name}${number}`, signed(network.genesis, createKey(`${name}${number}`)))
    network.run(spanMs / count)
  }
}

function outcomesOf(network: Network): string[] {
  return network.nodes.flatMap(node => [...node.outcomes.values()].map(codeOf))
}

/** Of a node that has skipped blocks by a snapshot: its transaction may be in one of them, and the outcome says so. */
function mayBeIncluded(outcome: IncludedEffect | NotIncludedEffect): boolean {
  return (
    outcome.type === 'not-included' &&
    !outcome.outcome.ok &&
    outcome.outcome.error.details.mayBeIncluded === true
  )
}

describe('an unkind network', function () {
  this.timeout(300_000)
  for (const [nodes, seeds] of [
    [4, 6],
    [5, 3],
    [7, 3],
    [16, 1],
  ] as const) {
    for (let seed = 0; seed < seeds; seed++) {
      it(`${nodes} validators agree under loss, duplication and partitions, and go on once healed (seed ${seed})`, () => {
        const network = new Network({
          nodes,
          seed: `unkind-${nodes}-${seed}`,
          maxDelayMs: 150,
          skewMs: 300,
          timing: { epochMs: 3000 },
        })
        network.loss = 0.2
        network.duplication = 0.1
        network.startAll()
        load(network, 20, 6000)
        const cut = 1 + (seed % (nodes - 1))
        network.reachable = (from, to) => from.index < cut === to.index < cut
        load(network, 10, 4000, 'u')
        network.reachable = () => true
        network.loss = 0
        network.duplication = 0
        const done = (): boolean => outcomesOf(network).filter(code => code !== 'none').length >= 30
        network.runUntil(done, 60_000, 'all transactions')
        const top = Math.max(...network.nodes.map(node => network.view(node).height))
        network.runUntil(
          () => network.nodes.every(node => network.view(node).height >= top + 2),
          30_000,
          'all nodes level',
        )
        const known = network.nodes.flatMap(node =>
          [...node.outcomes.values()].filter(each => !mayBeIncluded(each)),
        )
        assert.deepEqual([...new Set(known.map(codeOf))], ['ok'])
        assert.deepEqual(network.contradictions, [])
      })
    }
  }
})

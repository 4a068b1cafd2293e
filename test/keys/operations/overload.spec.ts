import { equal, ok } from 'node:assert/strict'
import { isOstrakaError, utf8 } from '../../../src/base/index.ts'
import { cryptoReady } from '../../../src/crypto/index.ts'
import { Admission } from '../../../src/keys/operations/admission.ts'
import { HedgeBudget } from '../../../src/keys/operations/hedging.ts'
import { gatewayCounters } from '../../../src/keys/operations/index.ts'
import { type TestKey, TestNetwork } from './network.ts'

/** What a gateway lets in at first, and at least. */
const [FIRST_LIMIT, LEAST_LIMIT] = [256, 16]

function ask(network: TestNetwork, key: TestKey): string {
  return network.submit(network.request(key, [utf8('input')]))
}

function codeOf(network: TestNetwork, token: string): string | undefined {
  const outcome = network.outcomes.get(token)?.outcome
  return outcome === undefined || outcome.ok ? undefined : outcome.error.code
}

/** A network whose holders, except the gateway itself, answer after `ms`. */
function slowNetwork(ms: number): { readonly network: TestNetwork; readonly key: TestKey } {
  const network = new TestNetwork()
  const key = network.addKey('ristretto255')
  for (const peerId of network.peerIds.slice(1)) network.latencyMs.set(peerId, ms)
  // as after a while of slow operations, so that less has to be asked to fill it
  for (let i = 0; i < 100; i++) network.gateway.admission.ended(5000, 0, 0)
  equal(network.gateway.admission.limit, LEAST_LIMIT)
  return { network, key }
}

describe('a gateway with too much to do', () => {
  before(() => cryptoReady)

  it('refuses at once what it has no room for, and says when to come again', () => {
    const { network, key } = slowNetwork(900)
    const admitted = Array.from({ length: LEAST_LIMIT }, () => ask(network, key))
    const { elapsedMs, outcome } = network.outcomeOf(network.request(key, [utf8('one more')]))
    equal(elapsedMs, 0)
    ok(!outcome.ok && isOstrakaError(outcome.error, 'overloaded'))
    equal(outcome.error.details.limit, LEAST_LIMIT)
    ok(Number(outcome.error.details.retryAfterMs) > 0)
    network.settle()
    for (const token of admitted) ok(network.outcomes.get(token)?.outcome.ok)
    // the room is free again
    ok(network.outcomeOf(network.request(key, [utf8('later')])).outcome.ok)
  })

  it('has room for a request once the client of another has gone', () => {
    const { network, key } = slowNetwork(900)
    const [first] = Array.from({ length: LEAST_LIMIT }, () => ask(network, key))
    network.step({ type: 'abandoned', token: first! })
    equal(codeOf(network, first!), 'deadline_exceeded')
    equal(network.gateway.runs.size, LEAST_LIMIT - 1)
    const next = ask(network, key)
    network.settle()
    ok(network.outcomes.get(next)?.outcome.ok)
    equal(network.gateway.runs.size, 0)
    equal(network.gateway.calls.size, 0)
  })

  it('tells each client once, gone or served', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    const token = ask(network, key)
    network.settle()
    ok(network.outcomes.get(token)?.outcome.ok)
    network.step({ type: 'abandoned', token })
    ok(network.outcomes.get(token)?.outcome.ok)
  })

  it('asks for little more than the work itself when every holder is slow', () => {
    const { network, key } = slowNetwork(900)
    while (network.gateway.hedges.spend(1, network.nowMs));
    for (let i = 0; i < LEAST_LIMIT; i++) ask(network, key)
    network.settle()
    const partials = network.askedHolders().length
    const { operation_hedges_spared: spared = 0 } = gatewayCounters(network.gateway)
    ok(spared > 0)
    // 3 each, a fifth of that, and what a second gives: not all 5 holders for each
    ok(partials > 3 * LEAST_LIMIT && partials <= 3 * LEAST_LIMIT * 1.2 + 50, `${partials} partials`)
  })
})

describe('the room of a gateway', () => {
  it('shrinks while operations are slow, down to a least, and grows again when they are prompt', () => {
    const admission = new Admission()
    for (let i = 0; i < 100; i++) admission.ended(2000, 0, 200)
    const least = admission.limit
    ok(least > 0 && least < FIRST_LIMIT / 2)
    admission.ended(10, 0, 0)
    equal(admission.limit, least, 'an idle gateway learns nothing of its capacity')
    for (let i = 0; i < 2 * FIRST_LIMIT; i++) admission.ended(10, 0, admission.limit - 1)
    ok(admission.limit > FIRST_LIMIT)
  })

  it('allows a large request its time', () => {
    const admission = new Admission()
    admission.ended(2000, 2000, 0)
    equal(admission.limit, FIRST_LIMIT)
  })
})

describe('the budget for hedges', () => {
  it('is a fifth of the work beside what time gives', () => {
    const budget = new HedgeBudget()
    let atMs = 1_000_000
    while (budget.spend(1, atMs));
    const spentIn = (seconds: number, operationsPerSecond: number): number => {
      let spent = 0
      for (let second = 0; second < seconds; second++) {
        atMs += 1000
        for (let i = 0; i < operationsPerSecond; i++) budget.earn(3)
        while (budget.spend(1, atMs)) spent++
      }
      return spent
    }
    const free = spentIn(10, 0)
    equal(spentIn(10, 100) - free, 10 * 100 * 3 * 0.2)
  })
})

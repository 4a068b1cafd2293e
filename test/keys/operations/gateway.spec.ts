import { deepEqual, equal, ok } from 'node:assert/strict'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { type ErrorCode, isOstrakaError, OstrakaError, utf8 } from '../../../src/base/index.ts'
import { cryptoReady, signValue, verifyEd25519 } from '../../../src/crypto/index.ts'
import { gatewayCounters, judgeBadPartial } from '../../../src/keys/operations/index.ts'
import {
  type KeyKind,
  type OperationRequest,
  type PartialRequest,
  type Signed,
  transactionCodec,
} from '../../../src/wire/index.ts'
import { garbling, lying } from './faults.ts'
import { NETWORK_ID, signingKey, type TestKey, TestNetwork } from './network.ts'

const SIGNING = ['ed25519', 'secp256k1', 'toy'] as const
const EVALUATING = ['ristretto255', 'x25519'] as const

function inputsFor(kind: KeyKind): Uint8Array[] {
  if (kind !== 'x25519') return [utf8('first'), utf8('second')]
  return [1, 2].map(byte => x25519.getPublicKey(new Uint8Array(32).fill(byte)))
}

function errorOf(network: TestNetwork, request: Signed<OperationRequest>): OstrakaError {
  const { outcome } = network.outcomeOf(request)
  ok(!outcome.ok, 'the operation succeeded')
  return outcome.error
}

function refuses(network: TestNetwork, request: Signed<OperationRequest>, code: ErrorCode): void {
  equal(errorOf(network, request).code, code)
}

function partialCalls(network: TestNetwork): PartialRequest[] {
  return network.requests.flatMap(({ request }) => (request.type === 'partial' ? [request.call] : []))
}

describe('a gateway', () => {
  before(() => cryptoReady)

  for (const kind of [...SIGNING, 'ristretto255'] as const) {
    it(`proves a wrong partial though the request is half a megabyte (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      for (const liar of network.peerIds.slice(0, 2)) network.tampers.set(liar, lying)
      const long = Array.from({ length: 16 }, (_, index) => new Uint8Array(32 * 1024 - 1).fill(index))
      network.operate(network.request(key, long))
      ok(network.submitted.length > 0)
      for (const { transaction } of network.submitted) {
        const signed = signValue(network.nodes[2]!.identity, 'transaction', NETWORK_ID, transaction)
        deepEqual(transactionCodec.decode(transactionCodec.encode(signed)), signed)
      }
    })
  }

  // of signature shares, which are checked once enough have come, a gateway drops those of shares that are replaced
  for (const kind of EVALUATING) {
    it(`hands no proof in that nobody can judge after two handoffs (${kind})`, () => {
      for (const handoffs of [1, 2]) {
        const network = new TestNetwork()
        const key = network.addKey(kind)
        const [liar] = network.peerIds
        network.tampers.set(liar!, (answer, request, node) => {
          if (answer.type === 'partial') key.version = { ...key.version, generation: handoffs }
          return lying(answer, request, node)
        })
        network.outcomeOf(network.request(key, inputsFor(kind)))
        const [told] = network.notes.filter(({ details }) => details.culprit === liar)
        equal(told?.details.isProven, handoffs === 1)
        equal(network.submitted.length, handoffs === 1 ? 1 : 0)
      }
    })
  }

  for (const kind of [...SIGNING, ...EVALUATING]) {
    it(`names a wrong partial's sender and still succeeds (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      // both of two signers lie, of five: three honest ones are left
      const liars = network.peerIds.slice(0, 2)
      for (const liar of liars) network.tampers.set(liar, lying)
      network.operate(network.request(key, inputsFor(kind)))
      const reports = network.submitted.map(({ transaction }) => transaction)
      const named = network.notes.map(({ details }) => details.culprit)
      ok(named.length > 0 && named.every(culprit => liars.includes(culprit as string)))
      equal(reports.length, named.length)
      for (const report of reports) {
        ok(report.type === 'report-evidence' && report.evidence.type === 'bad-partial')
        const { holder, request, partial } = report.evidence
        ok(named.includes(holder))
        equal(gatewayCounters(network.gateway)[`operation_bad_partials/${holder}`], 1)
        const { version } = key
        ok(judgeBadPartial({ networkId: NETWORK_ID, version, kind, holder, request, partial }))
      }
    })

    it(`has no proof against a holder that did not sign its wrong partial, but does without it (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      const [liar] = network.peerIds
      network.tampers.set(liar!, garbling)
      network.operate(network.request(key, inputsFor(kind)))
      equal(network.submitted.length, 0)
      deepEqual(
        network.notes.map(({ details }) => [details.culprit, details.isProven]),
        [[liar, false]],
      )
      // and it is not asked again while others suffice
      network.requests.length = 0
      network.operate(network.request(key, inputsFor(kind)))
      ok(!network.askedHolders().includes(liar!))
    })

    it(`returns at the threshold and asks no more holders than that (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      network.operate(network.request(key, inputsFor(kind)))
      equal(network.askedHolders().length, 3)
    })

    it(`fails at once with the numbers when too few holders are left (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      const [, , ...lost] = network.peerIds
      for (const peerId of lost) network.disconnect(peerId)
      const { outcome, elapsedMs } = network.outcomeOf(network.request(key, inputsFor(kind)))
      ok(!outcome.ok && isOstrakaError(outcome.error, 'insufficient_shares'))
      equal(outcome.error.details.needed, 3)
      equal(outcome.error.details.answered, 2)
      deepEqual(Object.keys(outcome.error.details.refusals as object).sort(), lost.toSorted())
      ok(elapsedMs < 100)
    })

    it(`replaces unreachable holders without waiting (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      // the gateway still believes in their connections
      for (const peerId of network.peerIds.slice(1, 3)) network.down.add(peerId)
      const { outcome, elapsedMs } = network.outcomeOf(network.request(key, inputsFor(kind)))
      ok(outcome.ok)
      ok(elapsedMs < 20, `${elapsedMs} ms`)
    })

    it(`asks one more when a holder is slower than its usual (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      for (let round = 0; round < 10; round++) network.operate(network.request(key, inputsFor(kind)))
      network.settle()
      for (const peerId of network.peerIds.slice(1, 3)) network.latencyMs.set(peerId, 3_000)
      const { outcome, elapsedMs } = network.outcomeOf(network.request(key, inputsFor(kind)))
      ok(outcome.ok)
      ok(elapsedMs < 300, `${elapsedMs} ms`)
    })

    it(`fails within five seconds when holders hang (${kind})`, () => {
      const network = new TestNetwork()
      const key = network.addKey(kind)
      for (const peerId of network.peerIds.slice(2)) network.latencyMs.set(peerId, 60_000)
      const { outcome, elapsedMs } = network.outcomeOf(network.request(key, inputsFor(kind)))
      ok(!outcome.ok && isOstrakaError(outcome.error, 'insufficient_shares'))
      equal(outcome.error.details.answered, 2)
      ok(elapsedMs <= 5_000)
      network.settle()
      equal(network.gateway.calls.size, 0)
    })
  }

  it('signs in one round trip once it has stocked nonces', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    network.step({ type: 'warm', key: key.key.name })
    network.settle()
    equal(network.askedHolders('nonces').length, 5)
    network.requests.length = 0
    for (let round = 0; round < 20; round++) {
      const { elapsedMs } = network.outcomeOf(network.request(key, [utf8(`message ${round}`)]))
      ok(elapsedMs <= 1)
    }
    equal(network.askedHolders().length, 60)
  })

  it('never puts a commitment into two packages', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    network.tampers.set(network.peerIds[1]!, lying)
    network.down.add(network.peerIds[2]!)
    for (let round = 0; round < 30; round++) {
      if (round === 10) network.latencyMs.set(network.peerIds[0]!, 500)
      const inputs = Array.from({ length: 1 + (round % 7) }, (_, index) => utf8(`${round}/${index}`))
      network.operate(network.request(key, inputs))
    }
    // the same package goes to each of its signers
    const packages = new Map<string, Set<string>>()
    for (const call of partialCalls(network)) {
      const attempt = JSON.stringify(call.packages)
      for (const line of call.packages!.flat()) {
        const hiding = Buffer.from(line.hiding).toString('hex')
        packages.set(hiding, (packages.get(hiding) ?? new Set()).add(attempt))
      }
    }
    ok(packages.size > 90)
    ok([...packages.values()].every(attempts => attempts.size === 1))
  })

  it('asks for new nonces when a holder has lost its own in a restart', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    network.operate(network.request(key, [utf8('before')]))
    network.settle()
    for (const index of network.nodes.keys()) network.restart(index)
    const { outputs, publicKey } = network.operate(network.request(key, [utf8('after')]))
    ok(verifyEd25519(publicKey, utf8('after'), outputs[0]!))
  })

  it('blames whoever handed out malformed commitments, not the holders that refuse them', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    const culprit = network.peerIds[1]!
    // a point of order 8 added to the base: on the curve, outside the prime-order subgroup
    const mixed = ed25519.Point.BASE.add(
      ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
    ).toBytes()
    network.tampers.set(culprit, answer => {
      if (answer.type !== 'nonces') return answer
      const nonces = answer.nonces.map(({ slot, commitments }) => ({
        slot,
        commitments: commitments.map(({ binding }) => ({ hiding: mixed, binding })),
      }))
      return { ...answer, nonces }
    })
    // so that the culprit is among the chosen
    for (const peerId of network.peerIds.slice(3)) network.latencyMs.set(peerId, 20)
    network.step({ type: 'warm', key: key.key.name })
    network.settle()
    network.operate(network.request(key, [utf8('x')]))
    deepEqual(
      network.notes.map(({ details }) => details.culprit),
      [culprit],
    )
    equal(network.submitted.length, 0)
  })

  it('refuses a nonce that it has served, a foreign signature, and an expired request', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    const request = network.request(key, [utf8('x')])
    network.operate(request)
    refuses(network, request, 'replayed')
    refuses(network, network.request(key, [utf8('y')], { nonce: request.value.nonce }), 'replayed')
    refuses(network, { ...network.request(key, [utf8('x')]), signature: request.signature }, 'bad_signature')
    refuses(network, network.request(key, [utf8('x')], { expiresMs: network.nowMs }), 'expired')
    refuses(network, network.request(key, [utf8('x')], { expiresMs: network.nowMs + 360_000 }), 'malformed')
  })

  it('refuses what the request itself decides, before it asks any holder', () => {
    const network = new TestNetwork()
    const stranger = signingKey('stranger')
    const sign = network.addKey('ed25519')
    const derive = network.addKey('ristretto255')
    const decrypt = network.addKey('x25519')
    const x = [utf8('x')]
    const cases: Array<readonly [ErrorCode, TestKey, readonly Uint8Array[], Partial<OperationRequest>?]> = [
      ['unknown_key', sign, x, { key: 'nobody' }],
      ['wrong_kind', sign, x, { operation: 'derive' }],
      ['unknown_version', sign, x, { version: 2 }],
      ['malformed', sign, []],
      ['malformed', sign, x, { isBlinded: true }],
      ['malformed', derive, x, { isBlinded: true }],
      ['malformed', derive, [new Uint8Array(32)], { isBlinded: true }],
      ['malformed', decrypt, [new Uint8Array(32)]],
      ['malformed', decrypt, x],
      ['too_large', derive, [new Uint8Array(65_536)]],
      ['too_large', sign, Array.from({ length: 257 }, () => x[0]!)],
      ['too_large', sign, [new Uint8Array(512 * 1024 + 1)]],
    ]
    for (const [code, key, inputs, changes] of cases) {
      refuses(network, network.request(key, inputs, changes ?? {}), code)
    }
    refuses(network, network.request(sign, x, {}, stranger), 'forbidden')
    equal(network.requests.length, 0)
  })

  it('serves an archived version for derive and decrypt, and never for sign; one in a later state for nothing', () => {
    const network = new TestNetwork()
    for (const kind of ['ed25519', 'ristretto255', 'x25519'] as const) {
      const key = network.addKey(kind)
      key.version = { ...key.version, state: 'archived' }
      const request = network.request(key, inputsFor(kind), { version: 1 })
      if (kind === 'ed25519') refuses(network, request, 'unknown_version')
      else network.operate(request)
      for (const [state, code] of [
        ['destroyed', 'version_destroyed'],
        ['pending-destruction', 'pending_destruction'],
        ['expired', 'version_expired'],
      ] as const) {
        key.version = { ...key.version, state }
        refuses(network, network.request(key, inputsFor(kind), { version: 1 }), code)
      }
    }
  })

  it("reports a client's fault when enough holders name it, and not on the word of a few liars", () => {
    const friend = signingKey('friend')
    const rules = [{ principal: friend.publicKey, operations: ['derive'] as const }]
    const denying = (count: number): TestNetwork => {
      const network = new TestNetwork()
      network.addKey('ristretto255', 3, { rules })
      for (const peerId of network.peerIds.slice(0, count)) {
        network.views.set(peerId, record => ({ ...record, rules: [] }))
      }
      // node 0 is the gateway too: it has to let the request in
      return network
    }
    const network = denying(0)
    for (const peerId of network.peerIds.slice(1, 3)) {
      network.tampers.set(peerId, () => {
        throw new OstrakaError('forbidden', 'a lie')
      })
    }
    network.operate(network.request(network.keys[0]!, [utf8('x')], {}, friend))
    network.tampers.set(network.peerIds[3]!, () => {
      throw new OstrakaError('forbidden', 'a third one')
    })
    refuses(network, network.request(network.keys[0]!, [utf8('x')], {}, friend), 'forbidden')
    refuses(denying(1), denying(1).request(denying(1).keys[0]!, [utf8('x')], {}, friend), 'forbidden')
  })

  it('cannot be failed by one holder, whatever it refuses with', () => {
    const codes = [
      'not_found',
      'conflict',
      'malformed',
      'unknown_version',
      'not_ready',
      'replayed',
      'internal',
    ]
    for (const kind of ['ed25519', 'ristretto255'] as const) {
      for (const code of codes as ErrorCode[]) {
        const network = new TestNetwork()
        const key = network.addKey(kind)
        // on the gateway's own node, so that it is among the first chosen
        network.tampers.set(network.peerIds[0]!, answer => {
          if (answer.type !== 'partial') return answer
          throw new OstrakaError(code, 'a lie')
        })
        for (let round = 0; round < 3; round++) {
          const { outcome, elapsedMs } = network.outcomeOf(network.request(key, [utf8(`${round}`)]))
          ok(outcome.ok, `${code}: ${outcome.ok || outcome.error.code}`)
          ok(elapsedMs < 20, `${code}: ${elapsedMs} ms`)
        }
        equal(network.submitted.length, 0)
      }
    }
  })

  it('does without a holder that hands out no nonces, or others than it was asked for', () => {
    for (const slots of [[], [9]]) {
      const network = new TestNetwork()
      const key = network.addKey('ed25519')
      network.tampers.set(network.peerIds[0]!, answer => {
        if (answer.type !== 'nonces') return answer
        return {
          ...answer,
          nonces: slots.map(slot => ({ slot, commitments: answer.nonces[0]!.commitments })),
        }
      })
      network.operate(network.request(key, [utf8('x')]))
    }
  })

  it('keeps to the bound on attempts that holders set, so that none of its own is refused', () => {
    const network = new TestNetwork(9)
    const key = network.addKey('ed25519', 4)
    for (const peerId of network.peerIds.slice(1, 6)) network.tampers.set(peerId, lying)
    network.operate(network.request(key, [utf8('x')]))
    const asked = network.askedHolders().filter(peerId => peerId === network.peerIds[0])
    ok(asked.length >= 2 && asked.length <= 6)
  })

  it('waits for holders that have not applied the newest block yet', () => {
    const friend = signingKey('friend')
    const rules = [{ principal: friend.publicKey, operations: ['sign'] as const }]
    const network = new TestNetwork()
    const key = network.addKey('ed25519', 3, { rules })
    const untilMs = network.nowMs + 60
    for (const peerId of network.peerIds.slice(1)) {
      network.views.set(peerId, record => (network.nowMs < untilMs ? { ...record, rules: [] } : record))
    }
    const { outcome, elapsedMs } = network.outcomeOf(network.request(key, [utf8('x')], {}, friend))
    ok(outcome.ok)
    ok(elapsedMs < 300)
  })

  it('goes on with the next version when the key is refreshed under way', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    const old = key.version
    const lagging = network.peerIds[0]!
    // the holders already have version 2; the gateway learns of it 50 ms later
    key.version = { ...old, version: 2 }
    network.keys.push({ ...key, version: { ...old } })
    const untilMs = network.nowMs + 50
    key.key = { ...key.key, activeVersion: 2 }
    network.views.set(lagging, record => (network.nowMs < untilMs ? { ...record, activeVersion: 1 } : record))
    const result = network.operate(network.request(key, [utf8('x')]))
    equal(result.version, 2)
  })

  it('limits the rate of a principal, and says when to come back', () => {
    const friend = signingKey('friend')
    const rules = [{ principal: friend.publicKey, operations: ['derive'] as const, ratePerMinute: 6 }]
    const network = new TestNetwork()
    const key = network.addKey('ristretto255', 3, { rules })
    for (let round = 0; round < 3; round++)
      network.operate(network.request(key, inputsFor('toy'), {}, friend))
    const error = errorOf(network, network.request(key, inputsFor('toy'), {}, friend))
    equal(error.code, 'rate_limited')
    network.wait(error.details.retryAfterMs as number)
    network.operate(network.request(key, inputsFor('toy'), {}, friend))
    network.operate(network.request(key, inputsFor('toy')))
  })

  it('prefers itself and its near neighbours', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    const [self, near, far, farther, other] = network.peerIds
    network.latencyMs.set(far!, 40).set(farther!, 60).set(near!, 2).set(other!, 3)
    for (let round = 0; round < 30; round++) {
      network.operate(network.request(key, [utf8('x')]))
      network.settle()
    }
    network.requests.length = 0
    network.operate(network.request(key, [utf8('x')]))
    deepEqual(network.askedHolders().sort(), [self, near, other].sort())
  })

  it('follows the coordinator’s plan before it knows anything itself', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    const [self, near, far, farther, other] = network.peerIds
    network.planned.set(near!, 4).set(far!, 80).set(farther!, 120).set(other!, 6)
    for (let round = 0; round < 5; round++) network.operate(network.request(key, [utf8('x')]))
    deepEqual([...new Set(network.askedHolders())].sort(), [self, near, other].sort())
  })

  it('falls back to its own view of a holder for whom the plan has failed, and hedges meanwhile', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    const [self, wrong, second, other] = network.peerIds
    network.latencyMs.set(wrong!, 400)
    for (const peerId of network.peerIds) network.planned.set(peerId, peerId === wrong ? 2 : 20)
    for (let round = 0; round < 3; round++) {
      const startMs = network.nowMs
      network.operate(network.request(key, [utf8('x')]))
      ok(network.nowMs - startMs < 400, 'nobody waits for the slow one')
      network.settle()
    }
    network.requests.length = 0
    network.operate(network.request(key, [utf8('x')]))
    ok(network.askedHolders().includes(self!) && !network.askedHolders().includes(wrong!))
    network.planned.clear()
    network.requests.length = 0
    network.operate(network.request(key, [utf8('x')]))
    ok(!network.askedHolders().includes(wrong!), 'without a plan its own view is all it has')
    ok(network.askedHolders().some(peerId => peerId === second || peerId === other))
  })

  it('asks nobody whom the network does not trust', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    for (const peerId of network.peerIds.slice(0, 2)) network.trust.set(peerId, 0)
    network.operate(network.request(key, [utf8('x')]))
    deepEqual(network.askedHolders().sort(), network.peerIds.slice(2).sort())
    network.trust.set(network.peerIds[2]!, 0)
    const { details } = errorOf(network, network.request(key, [utf8('x')]))
    deepEqual([details.needed, details.answered], [3, 2])
  })

  it('serves many requests at once from a cold start', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    const tokens = Array.from({ length: 50 }, (_, index) =>
      network.submit(network.request(key, [utf8(`message ${index}`)])),
    )
    network.settle()
    ok(tokens.every(token => network.outcomes.get(token)!.outcome.ok))
    equal(network.gateway.runs.size, 0)
    equal(network.gateway.calls.size, 0)
  })
})

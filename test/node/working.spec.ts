import { deepEqual, equal, ok } from 'node:assert/strict'
import { type Outcome, type PeerId, utf8 } from '../../src/base/index.ts'
import { cryptoReady, type SigningKey } from '../../src/crypto/index.ts'
import { Budgets } from '../../src/node/budgets.ts'
import type { NodeEffect } from '../../src/node/events.ts'
import { SLICE_UNITS, WorkQueue } from '../../src/node/work.ts'
import {
  continueWork,
  dropWork,
  jobOf,
  moreUnits,
  runWork,
  type WorkContext,
  type WorkRequest,
} from '../../src/node/working.ts'
import type { PeerAnswer } from '../../src/wire/index.ts'
import { signingKey, type TestKey, TestNetwork } from '../keys/operations/network.ts'

await cryptoReady

const friend = signingKey('a friend')

/** One holder at work, as a node has it; the time stands still. */
class Workplace {
  readonly network: TestNetwork = new TestNetwork()
  readonly key: TestKey
  readonly answers: Map<string, Outcome<PeerAnswer>> = new Map()
  readonly effects: NodeEffect[] = []
  readonly context: WorkContext
  #asked = 0

  constructor(kind: 'ristretto255' | 'ed25519') {
    const { network } = this
    const rules = [{ principal: friend.publicKey, operations: ['derive' as const, 'sign' as const] }]
    this.key = network.addKey(kind, 3, { rules })
    this.context = {
      work: new WorkQueue(() => 1),
      budgets: new Budgets(),
      holder: network.nodes[1]!.holder,
      nowMs: network.nowMs,
      rng: network.rng,
      requireReady: () => {},
      served: () => {},
      answerExport: () => {
        throw new Error('nobody asks for an export')
      },
      reply: (token, answer) => this.answers.set(token, answer),
      emit: effect => this.effects.push(effect),
    }
  }

  /** As a node does: within the peer's budget, then in turn. The request's token. */
  ask(from: PeerId, request: WorkRequest): string {
    const token = `rpc/${++this.#asked}`
    const { budgets, work, holder, nowMs } = this.context
    try {
      budgets.request(from, request.type, moreUnits(holder, request), nowMs)
    } catch (error) {
      this.answers.set(token, { ok: false, error: error as never })
      return token
    }
    work.add(from, jobOf(from, token, request, nowMs))
    runWork(this.context, work.allowance(nowMs))
    return token
  }

  partial(inputs: number, principal: SigningKey = friend): WorkRequest {
    const request = this.network.request(
      this.key,
      Array.from({ length: inputs }, (_, index) => utf8(`${index}`)),
      {},
      principal,
    )
    return { type: 'partial', call: { request, version: 1, generation: 0, slots: [2] }, refill: 0 }
  }

  nonces(count: number): WorkRequest {
    return { type: 'nonces', keyId: this.key.key.keyId, version: 1, generation: 0, count }
  }

  /** The turns that `continue` effects ask for, one by one. */
  *turns(): Generator<undefined> {
    while (this.effects.pop()?.type === 'continue') {
      continueWork(this.context)
      yield
    }
  }
}

describe('work on shares', () => {
  it('a request for a thousand nonces lets others pass between its slices', () => {
    const at = new Workplace('ed25519')
    const [flooder, modest] = at.network.peerIds as [string, string]
    const long = at.ask(flooder, at.nonces(1024))
    ok(!at.answers.has(long), 'it is not made in one go')
    const short = at.ask(modest, at.nonces(8))
    let turns = 0
    for (const _ of at.turns()) {
      turns++
      if (!at.answers.has(short)) ok(turns < 3, 'the modest one waits for one turn of the other')
    }
    ok(at.answers.get(short)?.ok && at.answers.get(long)?.ok)
    ok(turns >= (1024 * 200) / SLICE_UNITS / 2, `${turns} turns`)
  })

  it('what a client signed is not charged to the gateway that brings it, however much that is', () => {
    const at = new Workplace('ristretto255')
    const [gateway] = at.network.peerIds as [string]
    for (let asked = 0; asked < 1_300; asked++) {
      const { budgets, nowMs } = at.context
      budgets.begun(gateway, 'partial', nowMs)
      at.ask(gateway, at.partial(1))
      for (const _ of at.turns());
      budgets.finished(gateway, 'partial', 0, nowMs)
    }
    equal([...at.answers.values()].filter(({ ok }) => ok).length, 1_300)
    ok(!at.context.budgets.takeExcess(gateway, 0, at.context.nowMs), 'the gateway is not blamed')
  })

  it('a principal that is over its budget has no gateway blamed', () => {
    const at = new Workplace('ristretto255')
    const codes = new Map<string, number>()
    const [gateway, idle] = at.network.peerIds as [string, string]
    // others wait all the time
    for (let waiting = 0; waiting < 40; waiting++) {
      at.context.work.add(idle, jobOf(idle, `idle/${waiting}`, at.partial(1, friend), at.context.nowMs))
    }
    for (let asked = 0; asked < 1_300; asked++) {
      const { work, nowMs } = at.context
      work.add(gateway, jobOf(gateway, `rpc/x${asked}`, at.partial(8), nowMs))
    }
    runWork(at.context, Number.POSITIVE_INFINITY)
    for (const answer of at.answers.values()) {
      const code = answer.ok ? 'ok' : answer.error.code
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    deepEqual([...codes.keys()].sort(), ['ok', 'rate_limited'])
    ok(!at.context.budgets.takeExcess(gateway, 0, at.context.nowMs))
  })

  it('what nobody with a right has signed is charged to the peer that brings it', () => {
    const at = new Workplace('ristretto255')
    const [gateway] = at.network.peerIds as [string]
    const stranger = signingKey('a stranger')
    for (let asked = 0; asked < 1_300; asked++) {
      at.ask(gateway, at.partial(1, stranger))
      for (const _ of at.turns());
    }
    ok(at.context.budgets.takeExcess(gateway, 64, at.context.nowMs))
  })

  it('what a peer repeats is charged to it, and not what a client sent by two gateways', () => {
    const at = new Workplace('ristretto255')
    const [first, second] = at.network.peerIds as [string, string]
    for (let number = 0; number < 300; number++) {
      const request = at.partial(1)
      for (let asked = 0; asked < 6; asked++) at.ask(first, request)
      for (const _ of at.turns());
      at.ask(second, request)
      for (const _ of at.turns());
    }
    ok(!at.context.budgets.takeExcess(second, 0, at.context.nowMs))
    const request = at.partial(1)
    for (let asked = 0; asked < 1_300; asked++) {
      at.ask(first, request)
      for (const _ of at.turns());
    }
    ok(at.context.budgets.takeExcess(first, 64, at.context.nowMs))
  })

  it('a peer that is gone has its jobs dropped, and what they had taken is wiped', () => {
    const at = new Workplace('ed25519')
    const [gone] = at.network.peerIds as [string]
    const token = at.ask(gone, at.nonces(1024))
    dropWork(at.context, gone)
    const answer = at.answers.get(token)
    ok(answer?.ok === false && answer.error.code === 'unreachable')
    equal(at.context.work.size, 0)
  })
})

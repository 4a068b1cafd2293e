import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { type ErrorCode, isOstrakaError, Secret, utf8 } from '../../../src/base/index.ts'
import { cryptoReady, sha256, verifySigned } from '../../../src/crypto/index.ts'
import { answerNonces, answerPartial } from '../../../src/keys/operations/index.ts'
import {
  COSTS,
  type OperationRequest,
  type PartialAnswer,
  type PartialRequest,
  partialRequestCodec,
  type Signed,
  type SlotCommitment,
} from '../../../src/wire/index.ts'
import { NETWORK_ID, signingKey, type TestKey, TestNetwork, type TestNode, whole } from './network.ts'

const friend = signingKey('friend')

function setUp(
  kind: 'ed25519' | 'ristretto255' = 'ed25519',
  rules: TestKey['key']['rules'] = [],
): {
  readonly network: TestNetwork
  readonly key: TestKey
  readonly node: TestNode
  readonly gateway: string
} {
  const network = new TestNetwork()
  const key = network.addKey(kind, 3, { rules })
  return { network, key, node: network.nodes[1]!, gateway: network.peerIds[0]! }
}

/** Packages for slots 1, 2, 3 (nodes 0, 1, 2), with nonces freshly made for `gateway`. */
function packagesFor(network: TestNetwork, key: TestKey, gateway: string, count: number): SlotCommitment[][] {
  const call = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count } as const
  const made = network.nodes
    .slice(0, 3)
    .flatMap(node => whole(answerNonces(node.holder, gateway, call, network.nowMs, network.rng)).nonces)
  return Array.from({ length: count }, (_, index) =>
    made.map(({ slot, commitments }) => ({ slot, ...commitments[index]! })),
  )
}

function ask(
  network: TestNetwork,
  node: TestNode,
  from: string,
  call: PartialRequest,
  refill = 0,
): PartialAnswer {
  return whole(
    answerPartial(node.holder, from, { type: 'partial', call, refill }, network.nowMs, network.rng, false),
  )
}

function refuses(code: ErrorCode, task: () => unknown): void {
  throws(task, error => {
    ok(isOstrakaError(error), String(error))
    equal(error.code, code)
    return true
  })
}

function callFor(request: Signed<OperationRequest>, changes: Partial<PartialRequest> = {}): PartialRequest {
  return { request, version: 1, generation: 0, slots: [2], ...changes }
}

describe('a holder', () => {
  before(() => cryptoReady)

  it('signs every partial with the hash of the request that it answers', () => {
    const { network, key, node, gateway } = setUp('ristretto255')
    const call = callFor(network.request(key, [utf8('x')]))
    const { partial } = ask(network, node, gateway, call)
    ok(verifySigned('partial', NETWORK_ID, partial))
    deepEqual(partial.signer, node.identity.publicKey)
    deepEqual(partial.value.requestHash, sha256(partialRequestCodec.encode(call)))
  })

  it('never answers for a slot that is not its own', () => {
    for (const kind of ['ed25519', 'ristretto255'] as const) {
      const { network, key, node, gateway } = setUp(kind)
      const packages = kind === 'ed25519' ? { packages: packagesFor(network, key, gateway, 1) } : {}
      for (const slots of [[1], [1, 2], [6], []]) {
        const call = callFor(network.request(key, [utf8('x')]), { slots, ...packages })
        refuses('malformed', () => ask(network, node, gateway, call))
      }
    }
  })

  it('helps no more with shares that have moved to another node, whichever it is asked for', () => {
    for (const kind of ['ed25519', 'ristretto255'] as const) {
      const { network, key, node, gateway } = setUp(kind)
      const packages = kind === 'ed25519' ? { packages: packagesFor(network, key, gateway, 1) } : {}
      const { slots } = key.version
      const moved = slots.map(held => (held.peerId === node.peerId ? { ...held, peerId: gateway } : held))
      key.version = { ...key.version, generation: 1, slots: moved }
      const request = network.request(key, [utf8('x')])
      refuses('unknown_version', () => ask(network, node, gateway, callFor(request, packages)))
      refuses('malformed', () =>
        ask(network, node, gateway, callFor(request, { ...packages, generation: 1 })),
      )
      const nonces = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count: 1 } as const
      if (kind === 'ed25519') {
        refuses('unknown_version', () =>
          whole(answerNonces(node.holder, gateway, nonces, network.nowMs, network.rng)),
        )
      }
    }
  })

  it('never signs two messages with one nonce', () => {
    const { network, key, node, gateway } = setUp()
    const packages = packagesFor(network, key, gateway, 1)
    const first = callFor(network.request(key, [utf8('one')]), { packages })
    ask(network, node, gateway, first)
    refuses('not_found', () => ask(network, node, gateway, first))
    const second = callFor(network.request(key, [utf8('two')]), { packages })
    refuses('not_found', () => ask(network, node, gateway, second))
    // nor two messages of one batch
    const [fresh] = packagesFor(network, key, gateway, 1)
    const batch = callFor(network.request(key, [utf8('a'), utf8('b')]), { packages: [fresh!, fresh!] })
    refuses('not_found', () => ask(network, node, gateway, batch))
    refuses('not_found', () =>
      ask(network, node, gateway, callFor(network.request(key, [utf8('a')]), { packages: [fresh!] })),
    )
  })

  it('has spent its nonces also when signing then fails', () => {
    const { network, key, node, gateway } = setUp()
    const [lines] = packagesFor(network, key, gateway, 1)
    const broken = lines!.map(line =>
      line.slot === 3 ? { ...line, hiding: new Uint8Array(32).fill(2) } : line,
    )
    const call = callFor(network.request(key, [utf8('x')]), { packages: [broken] })
    refuses('malformed', () => ask(network, node, gateway, call))
    const good = callFor(network.request(key, [utf8('x')]), { packages: [lines!] })
    refuses('not_found', () => ask(network, node, gateway, good))
    equal(node.holder.nonces.size, 0)
  })

  it('signs for a gateway only with nonces that it made for that gateway', () => {
    const { network, key, node, gateway } = setUp()
    const packages = packagesFor(network, key, gateway, 1)
    const call = callFor(network.request(key, [utf8('x')]), { packages })
    refuses('not_found', () => ask(network, node, network.peerIds[4]!, call))
    ask(network, node, gateway, call)
  })

  it('refuses a commitment list that misquotes its own commitments', () => {
    const { network, key, node, gateway } = setUp()
    const [lines, others] = packagesFor(network, key, gateway, 2)
    const misquoted = lines!.map(line => (line.slot === 2 ? { ...line, binding: others![1]!.binding } : line))
    const call = callFor(network.request(key, [utf8('x')]), { packages: [misquoted] })
    refuses('conflict', () => ask(network, node, gateway, call))
  })

  it('refuses packages of another shape than it needs', () => {
    const { network, key, node, gateway } = setUp()
    const [lines] = packagesFor(network, key, gateway, 1)
    const request = network.request(key, [utf8('x')])
    const [a, b, c] = lines!
    const shapes: SlotCommitment[][][] = [
      [],
      [lines!, lines!],
      [[a!, b!]],
      [[b!, a!, c!]],
      [[a!, c!, { ...c!, slot: 4 }]],
      [[a!, b!, b!, c!]],
      [[a!, b!, { ...c!, slot: 6 }]],
    ]
    for (const packages of shapes) {
      refuses('malformed', () => ask(network, node, gateway, callFor(request, { packages })))
    }
    refuses('malformed', () => ask(network, node, gateway, callFor(request)))
  })

  it('refuses a gateway more nonces while it has plenty that it has not used', () => {
    const { network, key, node, gateway } = setUp()
    const call = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count: 600 } as const
    const made = (atMs: number): number =>
      whole(answerNonces(node.holder, gateway, call, atMs, network.rng)).nonces[0]!.commitments.length
    equal(made(network.nowMs), 600)
    equal(made(network.nowMs), 424, 'up to a pool')
    refuses('overloaded', () => made(network.nowMs))
    // what was spent makes room
    const packages = packagesFor(network, key, network.peerIds[3]!, 1)
    ask(network, node, network.peerIds[3]!, callFor(network.request(key, [utf8('x')]), { packages }))
    equal(made(network.nowMs + 3_000), 102, 'and so does time: their answers may have been lost')
  })

  it('keeps a bounded number of nonces for a gateway, and drops the oldest', () => {
    const { network, key, node, gateway } = setUp()
    const call = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count: 600 } as const
    const [first] = whole(answerNonces(node.holder, gateway, call, network.nowMs, network.rng)).nonces
    whole(answerNonces(node.holder, gateway, call, network.nowMs + 20_000, network.rng))
    equal(node.holder.nonces.size, 1024)
    const [lines] = packagesFor(network, key, network.peerIds[4]!, 1)
    const old = lines!.map(line => (line.slot === 2 ? { slot: 2, ...first!.commitments[0]! } : line))
    const request = network.request(key, [utf8('x')])
    refuses('not_found', () => ask(network, node, gateway, callFor(request, { packages: [old] })))
  })

  it('gives as many fresh commitments back as the gateway asks for, and at most one more than were spent', () => {
    const { network, key, node, gateway } = setUp()
    for (const [refill, given] of [
      [1, 1],
      [2, 2],
      [5, 2],
    ] as const) {
      const call = callFor(network.request(key, [utf8('x')]), {
        packages: packagesFor(network, key, gateway, 1),
      })
      const { nonces } = ask(network, node, gateway, call, refill)
      deepEqual(
        nonces.map(({ slot, commitments }) => [slot, commitments.length]),
        [[2, given]],
      )
    }
  })

  it('works in slices of five milliseconds, nonces as well as batches, with other work between', () => {
    const { network, key, node, gateway } = setUp()
    const call = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count: 1024 } as const
    const inputs = Array.from({ length: 200 }, (_, index) => utf8(`${index}`))
    const packages = packagesFor(network, key, gateway, 200)
    const signing = callFor(network.request(key, inputs), { packages })
    const derived = setUp('ristretto255')
    const deriving = callFor(derived.network.request(derived.key, inputs))
    const partial = { type: 'partial', refill: 200 } as const
    const works = [
      answerNonces(node.holder, network.peerIds[4]!, call, network.nowMs, network.rng),
      answerPartial(node.holder, gateway, { ...partial, call: signing }, network.nowMs, network.rng, false),
      answerPartial(
        derived.node.holder,
        gateway,
        { ...partial, call: deriving },
        derived.network.nowMs,
        derived.network.rng,
        false,
      ),
    ]
    for (const slices of works) {
      let [count, most] = [0, 0]
      for (const units of { [Symbol.iterator]: () => slices }) {
        count++
        // the proof over a batch is one
        if (units !== inputs.length * COSTS.prove) most = Math.max(most, units)
      }
      ok(count >= 200 / 8, `${count} slices`)
      ok(most <= 5_000, `${most} units in one`)
    }
  })

  it('charges the principal for what it signed, at every holder, whichever gateway brings it', () => {
    const { network, key, node } = setUp('ristretto255')
    const inputs = Array.from({ length: 200 }, (_, index) => utf8(`${index}`))
    const askFor = (gateway: string, isBusy: boolean, who = friend): PartialAnswer => {
      const call = callFor(network.request(key, inputs, {}, who))
      return whole(
        answerPartial(
          node.holder,
          gateway,
          { type: 'partial', call, refill: 0 },
          network.nowMs,
          network.rng,
          isBusy,
        ),
      )
    }
    const stranger = signingKey('another friend')
    const rules = [friend, stranger].map(({ publicKey }) => ({
      principal: publicKey,
      operations: ['derive'] as const,
    }))
    key.key = { ...key.key, rules }
    const flood = (): void => {
      for (let asked = 0; asked < 1_000; asked++) askFor(network.peerIds[asked % 3]!, true)
    }
    refuses('rate_limited', flood)
    ok(askFor(network.peerIds[1]!, false), 'what nobody else wants it may have')
    ok(askFor(network.peerIds[1]!, true, stranger), 'others are not refused for it')
  })

  it("answers one request only a few times, and no other request under that request's nonce", () => {
    const { network, key, node, gateway } = setUp('ristretto255')
    const request = network.request(key, [utf8('x')])
    ask(network, node, gateway, callFor(request))
    // while this request may still come again, another in its place may not
    const other = network.request(key, [utf8('y')], { nonce: request.value.nonce })
    refuses('replayed', () => ask(network, node, gateway, callFor(other)))
    for (let attempt = 1; attempt < 6; attempt++) ask(network, node, gateway, callFor(request))
    refuses('replayed', () => ask(network, node, network.peerIds[3]!, callFor(request)))
    // another principal's nonces are its own
    key.key = { ...key.key, rules: [{ principal: friend.publicKey, operations: ['derive'] }] }
    const theirs = network.request(key, [utf8('y')], { nonce: request.value.nonce }, friend)
    ask(network, node, gateway, callFor(theirs))
  })

  it('refuses what has expired, and remembers nonces no longer than that', () => {
    const { network, key, node, gateway } = setUp('ristretto255')
    const request = network.request(key, [utf8('x')], { expiresMs: network.nowMs + 1_000 })
    ask(network, node, gateway, callFor(request))
    network.wait(1_000)
    refuses('expired', () => ask(network, node, gateway, callFor(request)))
    network.wait(1_000)
    ask(network, node, gateway, callFor(network.request(key, [utf8('y')])))
    // a clock that steps back brings nothing back
    network.nowMs -= 1_500
    refuses('expired', () => ask(network, node, gateway, callFor(request)))
  })

  it('checks the signature, the policy and the version for itself', () => {
    const rules = [{ principal: friend.publicKey, operations: ['derive'] as const }]
    const { network, key, node, gateway } = setUp('ristretto255', rules)
    const request = network.request(key, [utf8('x')], {}, friend)
    const forged = { ...request, value: { ...request.value, inputs: [utf8('y')] } }
    refuses('bad_signature', () => ask(network, node, gateway, callFor(forged)))
    const stranger = network.request(key, [utf8('x')], {}, signingKey('stranger'))
    refuses('forbidden', () => ask(network, node, gateway, callFor(stranger)))
    refuses('unknown_version', () => ask(network, node, gateway, callFor(request, { version: 2 })))
    key.key = { ...key.key, rules: [{ ...rules[0]!, untilMs: network.nowMs - 1 }] }
    refuses('forbidden', () => ask(network, node, gateway, callFor(request)))
    key.key = { ...key.key, rules: [{ ...rules[0]!, operations: ['sign'] }] }
    refuses('forbidden', () => ask(network, node, gateway, callFor(request)))
  })

  it('counts inputs against the rate, each request once, and lets a refused one come again', () => {
    const rules = [{ principal: friend.publicKey, operations: ['derive'] as const, ratePerMinute: 4 }]
    const { network, key, node, gateway } = setUp('ristretto255', rules)
    const inputs = [utf8('a'), utf8('b')]
    const first = network.request(key, inputs, {}, friend)
    for (let attempt = 0; attempt < 3; attempt++) ask(network, node, gateway, callFor(first))
    ask(network, node, gateway, callFor(network.request(key, inputs, {}, friend)))
    const third = network.request(key, inputs, {}, friend)
    refuses('rate_limited', () => ask(network, node, gateway, callFor(third)))
    network.wait(29_000)
    refuses('rate_limited', () => ask(network, node, gateway, callFor(third)))
    const last = network.request(key, inputs, {}, friend)
    network.wait(1_000 - 1)
    refuses('rate_limited', () => ask(network, node, gateway, callFor(last)))
    network.wait(1)
    ask(network, node, gateway, callFor(last))
    // the owner is not limited
    ask(network, node, gateway, callFor(network.request(key, inputs)))
  })

  it('lets a batch larger than the rate pass when it has waited, and then makes it pay', () => {
    const rules = [{ principal: friend.publicKey, operations: ['derive'] as const, ratePerMinute: 2 }]
    const { network, key, node, gateway } = setUp('ristretto255', rules)
    const batch = Array.from({ length: 6 }, (_, index) => utf8(`${index}`))
    ask(network, node, gateway, callFor(network.request(key, batch, {}, friend)))
    network.wait(149_000)
    refuses('rate_limited', () =>
      ask(network, node, gateway, callFor(network.request(key, [utf8('x')], {}, friend))),
    )
    network.wait(1_000)
    ask(network, node, gateway, callFor(network.request(key, [utf8('x')], {}, friend)))
  })

  it('refuses to use a share that does not fit its version, or that it does not have', () => {
    const { network, key, node, gateway } = setUp('ristretto255')
    const shares = key.shares as Map<number, Secret>
    const share = shares.get(2)!
    const rotten = new Uint8Array(share.expose())
    rotten[0]! ^= 1
    shares.set(2, new Secret(rotten))
    const request = network.request(key, [utf8('x')])
    refuses('storage_corrupt', () => ask(network, node, gateway, callFor(request)))
    shares.delete(2)
    refuses('not_ready', () => ask(network, node, gateway, callFor(request)))
    shares.set(2, share)
    ask(network, node, gateway, callFor(request))
  })

  it('makes no nonces for keys that do not sign, nor for versions that are no longer active', () => {
    const { network, key, node, gateway } = setUp('ristretto255')
    const call = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count: 1 } as const
    refuses('wrong_kind', () => whole(answerNonces(node.holder, gateway, call, network.nowMs, network.rng)))
    const signing = network.addKey('ed25519')
    signing.version = { ...signing.version, state: 'archived' }
    refuses('unknown_version', () =>
      whole(
        answerNonces(node.holder, gateway, { ...call, keyId: signing.key.keyId }, network.nowMs, network.rng),
      ),
    )
  })
})

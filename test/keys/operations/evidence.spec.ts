import { equal, ok } from 'node:assert/strict'
import { x25519 } from '@noble/curves/ed25519.js'
import { utf8 } from '../../../src/base/index.ts'
import { cryptoReady, sha256, signValue } from '../../../src/crypto/index.ts'
import { answerNonces, answerPartial, judgeBadPartial } from '../../../src/keys/operations/index.ts'
import {
  type KeyKind,
  type Partial,
  type PartialRequest,
  partialRequestCodec,
  type Signed,
  signedPartialCodec,
} from '../../../src/wire/index.ts'
import { spoilValue } from './faults.ts'
import { NETWORK_ID, type TestKey, TestNetwork, type TestNode, whole } from './network.ts'

const KINDS: readonly KeyKind[] = ['ed25519', 'secp256k1', 'toy', 'ristretto255', 'x25519']

interface Case {
  readonly network: TestNetwork
  readonly key: TestKey
  readonly node: TestNode
  readonly request: PartialRequest
  readonly answer: Signed<Partial>
}

/** What node 1, holder of slot 2, honestly answers. */
function honestCase(kind: KeyKind): Case {
  const network = new TestNetwork()
  const key = network.addKey(kind)
  const node = network.nodes[1]!
  const gateway = network.peerIds[0]!
  const inputs =
    kind === 'x25519' ? [x25519.getPublicKey(new Uint8Array(32).fill(5))] : [utf8('one'), utf8('two')]
  const request: PartialRequest = {
    request: network.request(key, inputs),
    version: 1,
    generation: 0,
    slots: [2],
  }
  const isSign = request.request.value.operation === 'sign'
  const call = isSign ? { ...request, packages: packagesFor(network, key, inputs.length) } : request
  const { partial } = whole(
    answerPartial(
      node.holder,
      gateway,
      { type: 'partial', call, refill: 0 },
      network.nowMs,
      network.rng,
      false,
    ),
  )
  return { network, key, node, request: call, answer: partial }
}

function packagesFor(
  network: TestNetwork,
  key: TestKey,
  count: number,
): NonNullable<PartialRequest['packages']> {
  const call = { type: 'nonces', keyId: key.key.keyId, version: 1, generation: 0, count } as const
  const made = network.nodes
    .slice(0, 3)
    .flatMap(
      ({ holder }) =>
        whole(answerNonces(holder, network.peerIds[0]!, call, network.nowMs, network.rng)).nonces,
    )
  return Array.from({ length: count }, (_, index) =>
    made.map(({ slot, commitments }) => ({ slot, ...commitments[index]! })),
  )
}

function judge(
  { key, node }: Case,
  request: PartialRequest,
  answer: Signed<Partial>,
  changes: { readonly holder?: string; readonly networkId?: Uint8Array; readonly version?: number } = {},
): boolean {
  return judgeBadPartial({
    networkId: changes.networkId ?? NETWORK_ID,
    version: { ...key.version, version: changes.version ?? 1 },
    kind: key.key.kind,
    holder: changes.holder ?? node.peerId,
    request: partialRequestCodec.encode(request),
    partial: signedPartialCodec.encode(answer),
  })
}

/** The holder's own signature over an answer to this request. */
function sign({ node }: Case, request: PartialRequest, value: Partial): Signed<Partial> {
  const requestHash = sha256(partialRequestCodec.encode(request))
  return signValue(node.identity, 'partial', NETWORK_ID, { ...value, requestHash })
}

describe('the judge of bad partials', () => {
  before(() => cryptoReady)

  for (const kind of KINDS) {
    it(`acquits an honest holder and convicts a wrong value (${kind})`, () => {
      const one = honestCase(kind)
      equal(judge(one, one.request, one.answer), false)
      equal(judge(one, one.request, sign(one, one.request, spoilValue(one.answer.value))), true)
    })

    it(`convicts an answer of the wrong shape, which no honest holder signs (${kind})`, () => {
      const one = honestCase(kind)
      const [partial] = one.answer.value.partials
      const shapes = [
        [],
        [partial!, partial!],
        [{ ...partial!, slot: 1 }],
        [{ ...partial!, values: [] }],
        [{ ...partial!, values: partial!.values.map(value => value.subarray(1)) }],
      ]
      for (const partials of shapes) {
        ok(judge(one, one.request, sign(one, one.request, { ...one.answer.value, partials })))
      }
    })

    it(`convicts nobody with an answer moved to another request, holder, version or network (${kind})`, () => {
      const one = honestCase(kind)
      const other = honestCase(kind)
      // the same holder's honest answer to another request
      const moved = { ...one.request, request: one.network.request(one.key, [utf8('other')]) }
      equal(judge(one, moved, one.answer), false)
      equal(judge(one, other.request, one.answer), false)
      const wrong = sign(one, one.request, spoilValue(one.answer.value))
      equal(judge(one, one.request, wrong, { holder: one.network.peerIds[2]! }), false)
      equal(judge(one, one.request, wrong, { networkId: new Uint8Array(32) }), false)
      equal(judge(one, one.request, wrong, { version: 2 }), false)
      equal(judge(one, one.request, wrong), true)
    })

    it(`convicts nobody with an answer that was not signed by the holder (${kind})`, () => {
      const one = honestCase(kind)
      const spoilt = { ...one.answer, value: spoilValue(one.answer.value) }
      equal(judge(one, one.request, spoilt), false)
      const gateway = one.network.nodes[0]!.identity
      const forged = signValue(gateway, 'partial', NETWORK_ID, spoilt.value)
      equal(judge(one, one.request, forged), false)
      equal(judge(one, one.request, { ...forged, signer: one.node.identity.publicKey }), false)
    })

    it(`convicts nobody over a request that no honest holder answers (${kind})`, () => {
      const one = honestCase(kind)
      const { value } = one.request.request
      const inputs = kind === 'x25519' ? [new Uint8Array(32)] : []
      const requests: PartialRequest[] = [
        { ...one.request, slots: [1] },
        { ...one.request, slots: [] },
        { ...one.request, slots: [2, 2] },
        { ...one.request, slots: [3, 2] },
        { ...one.request, request: { ...one.request.request, value: { ...value, inputs } } },
        {
          ...one.request,
          request: {
            ...one.request.request,
            value: { ...value, operation: value.operation === 'sign' ? 'derive' : 'sign' },
          },
        },
      ]
      for (const request of requests) {
        equal(judge(one, request, sign(one, request, spoilValue(one.answer.value))), false)
      }
    })
  }

  it('convicts nobody over packages that are malformed, too small or foreign', () => {
    for (const kind of ['ed25519', 'secp256k1', 'toy'] as const) {
      const one = honestCase(kind)
      const [first, second] = one.request.packages!
      const zero = new Uint8Array(first![0]!.hiding.length)
      const { packages: _, ...bare } = one.request
      const requests: PartialRequest[] = [
        bare,
        { ...one.request, packages: [first!] },
        { ...one.request, packages: [first!.slice(0, 2), second!] },
        { ...one.request, packages: [first!.toReversed(), second!] },
        { ...one.request, packages: [[first![0]!, first![2]!, { ...first![2]!, slot: 4 }], second!] },
        { ...one.request, packages: [[first![0]!, { ...first![1]!, hiding: zero }, first![2]!], second!] },
      ]
      for (const request of requests) {
        equal(judge(one, request, sign(one, request, one.answer.value)), false)
      }
    }
  })

  it('convicts nobody over blinded inputs that are no elements', () => {
    const one = honestCase('ristretto255')
    const value = { ...one.request.request.value, isBlinded: true, inputs: [new Uint8Array(32).fill(255)] }
    const request = { ...one.request, request: { ...one.request.request, value } }
    equal(judge(one, request, sign(one, request, one.answer.value)), false)
  })

  it('convicts nobody on bytes that are not canonical, or are no messages at all', () => {
    const one = honestCase('ristretto255')
    const wrong = sign(one, one.request, spoilValue(one.answer.value))
    const request = partialRequestCodec.encode(one.request)
    const partial = signedPartialCodec.encode(wrong)
    const { version } = one.key
    const claim = { networkId: NETWORK_ID, version, kind: 'ristretto255', holder: one.node.peerId } as const
    ok(judgeBadPartial({ ...claim, request, partial }))
    ok(!judgeBadPartial({ ...claim, request, partial: new Uint8Array(0) }))
    ok(!judgeBadPartial({ ...claim, request: new Uint8Array([1, 2, 3]), partial }))
    ok(!judgeBadPartial({ ...claim, request, partial: new Uint8Array([...partial, 0]) }))
    ok(!judgeBadPartial({ ...claim, holder: 'nobody', request, partial }))
  })
})

import assert from 'node:assert/strict'
import { utf8 } from '../../src/base/index.ts'
import { memberPath } from '../../src/control/index.ts'
import { cryptoReady, ristretto255, sha256, signValue } from '../../src/crypto/index.ts'
import {
  type BadPartial,
  type Partial,
  partialRequestCodec,
  signedPartialCodec,
} from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const MINUTE_MS = 60_000

function made(seed: string): CeremonyNetwork {
  const network = new CeremonyNetwork(5, seed)
  network.create('k')
  network.run(network.nowMs + 20_000)
  return network
}

function refresh(network: CeremonyNetwork): void {
  const { version, generation } = network.version('k')!
  const nonce = network.rng.bytes(16)
  const change = { type: 'change-key', name: 'k', change: 'refresh' } as const
  network.submit(network.principal, { ...change, nonce, version, generation })
  network.run(network.nowMs + 20_000)
  assert.equal(network.version('k')!.generation, generation + 1)
}

/** What the holder of slot 1 signed while the present shares served: not its share's doing, by any proof. */
function wrongAnswer(network: CeremonyNetwork): BadPartial {
  const { ledger, principal, rng } = network
  const { slots, generation } = network.version('k')!
  const { slot, peerId } = slots[0]!
  const asked = { key: 'k', version: 0, operation: 'derive', isBlinded: false, inputs: [utf8('x')] } as const
  const expiresMs = network.nowMs + MINUTE_MS
  const operation = { ...asked, nonce: rng.bytes(16), expiresMs }
  const request = partialRequestCodec.encode({
    request: signValue(principal, 'operation', ledger.networkId, operation),
    ...{ version: 1, generation, slots: [slot] },
  })
  const proof = { challenge: new Uint8Array(32), response: new Uint8Array(32) }
  const partials = [{ slot, values: [ristretto255.base.bytes], proof }]
  const value: Partial = { requestHash: sha256(request), partials }
  const { identity } = network.node(peerId).world
  const partial = signedPartialCodec.encode(signValue(identity, 'partial', ledger.networkId, value))
  return { type: 'bad-partial', holder: peerId, request, partial }
}

function accuse(network: CeremonyNetwork, evidence: BadPartial): { weight: number } {
  const accuser = network.nodes.find(({ peerId }) => peerId !== evidence.holder)!
  network.submit(accuser.world.identity, { type: 'report-evidence', evidence })
  network.run(network.nowMs + 1_000)
  const { weight } = network.ledger.records.get<{ weight: number }>(memberPath(accuser.peerId))!
  return { weight }
}

describe('evidence about shares that have been replaced', () => {
  it('convicts although a refresh came between the deed and its proof', () => {
    const network = made('between')
    const evidence = wrongAnswer(network)
    refresh(network)
    assert.deepEqual(accuse(network, evidence), { weight: 1 })
    assert.deepEqual(network.convictions(), [`${evidence.holder} bad_partial`])
  })

  it('of two refreshes ago is stale: it convicts nobody and costs its sender', () => {
    const network = made('stale')
    const evidence = wrongAnswer(network)
    refresh(network)
    refresh(network)
    assert.deepEqual(accuse(network, evidence), { weight: 0.9 })
    assert.deepEqual(network.convictions(), [])
  })

  it('is stale ten minutes after the refresh, and nothing is kept longer', () => {
    const network = made('kept')
    const evidence = wrongAnswer(network)
    refresh(network)
    const kept = (): number => [...network.ledger.records.entries('replaced/')].length
    const refreshedMs = network.nowMs
    network.run(refreshedMs + 9 * MINUTE_MS)
    assert.equal(kept(), 1)
    network.run(refreshedMs + 11 * MINUTE_MS)
    assert.equal(kept(), 0)
    assert.deepEqual(accuse(network, evidence), { weight: 0.9 })
    assert.deepEqual(network.convictions(), [])
  })

  it('under a generation that it was not made for proves nothing', () => {
    const network = made('other')
    const evidence = wrongAnswer(network)
    refresh(network)
    const later = { ...partialRequestCodec.decode(evidence.request), generation: 1 }
    assert.deepEqual(accuse(network, { ...evidence, request: partialRequestCodec.encode(later) }), {
      weight: 0.9,
    })
    assert.deepEqual(network.convictions(), [])
  })
})

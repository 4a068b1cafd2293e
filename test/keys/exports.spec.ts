import assert from 'node:assert/strict'
import { isOstrakaError, type OstrakaError, SeededRng, toHex } from '../../src/base/index.ts'
import {
  checkShare,
  cryptoReady,
  generateSealingKey,
  open,
  ProvenEncapsulation,
  sealingContext,
  verifySigned,
} from '../../src/crypto/index.ts'
import {
  dealingContext,
  exportInfo,
  exportOccasion,
  keyPaths,
  type VersionRecord,
} from '../../src/keys/index.ts'
import { VersionMaterial, versionName } from '../../src/keys/operations/material.ts'
import type { ExportAnswer } from '../../src/wire/index.ts'
import { ExportNetwork } from './export-network.ts'

await cryptoReady

const OVER_MS = 8_000

function refused(run: () => unknown): OstrakaError {
  try {
    run()
  } catch (error) {
    if (isOstrakaError(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

/** The shares in an answer that open with the one-time key and fit the version. */
function goodSlots(network: ExportNetwork, id: Uint8Array, name: string, { shares }: ExportAnswer): number[] {
  const record = network.version(name)!
  const { keyId, version, generation } = record
  const material = new VersionMaterial(versionName(record), network.key(name).kind, record)
  const context = { networkId: network.ledger.networkId, keyId, version, generation, proposal: id }
  const { encapsulation } = shares.value
  const proven = ProvenEncapsulation.verify(encapsulation, exportOccasion(context, shares.signer))!
  return shares.value.shares.flatMap(({ slot, sealed }) => {
    const share = open(network.oneTime, proven, exportInfo(context, slot), sealed)
    return share !== undefined && checkShare(material.group, material.commitments, slot, share) ? [slot] : []
  })
}

/** Holders of the version, in the order of their slots. */
function holdersOf(network: ExportNetwork, name: string): ExportNetwork['holders'] {
  return network
    .version(name)!
    .slots.map(({ peerId }) => network.holders.find(holder => holder.peerId === peerId)!)
}

describe('who may have a key exported', () => {
  it('a key’s owner, and whom its policy lets, of a key that was created exportable', () => {
    const network = new ExportNetwork('rights')
    network.create('open', { threshold: 2, shares: 3, isExportable: true })
    network.create('closed', { threshold: 2, shares: 3 })
    network.run(network.nowMs + 20_000)
    const guest = network.operators[0]!
    const asks = (act: ReturnType<typeof network.act>, by = network.principal): string => {
      try {
        network.propose(act, by)
        return 'ok'
      } catch (error) {
        return (error as Error).message
      }
    }
    assert.equal(asks(network.act('open')), 'ok')
    const recipient = network.nodes[0]!.world.sealingKeys.publicKey.bytes
    assert.equal(asks({ ...network.act('open'), recipient }), 'malformed', 'a member’s sealing key')
    assert.equal(asks(network.act('closed')), 'not_exportable')
    assert.equal(asks(network.act('open'), guest), 'forbidden')
    const rules = [{ principal: guest.publicKey, operations: ['export'] }] as const
    assert.equal(
      network.decide(network.principal, { type: 'set-policy', name: 'open', revision: 0, rules }),
      'ok',
    )
    assert.equal(asks(network.act('open'), guest), 'ok')
    const ends = [{ ...rules[0], untilMs: network.nowMs + 60_000 }]
    network.decide(network.principal, { type: 'set-policy', name: 'open', revision: 1, rules: ends })
    assert.equal(asks(network.act('open'), guest), 'ok')
    network.nowMs += 61_000
    assert.equal(asks(network.act('open'), guest), 'forbidden')
    const uses = [{ ...rules[0], operations: ['derive'] as const }]
    network.decide(network.principal, { type: 'set-policy', name: 'open', revision: 2, rules: uses })
    assert.equal(asks(network.act('open'), guest), 'forbidden')
    assert.equal(asks({ ...network.act('open'), version: 2 }), 'unknown_version')
    assert.equal(asks({ ...network.act('open'), name: 'no' }), 'unknown_key')
    assert.equal(asks({ ...network.act('open'), keyId: network.act('closed').keyId }), 'unknown_key')
    assert.equal(asks({ ...network.act('open'), recipient: new Uint8Array(32) }), 'malformed')
  })

  it('not who has lost the right when it comes to using it', () => {
    const network = new ExportNetwork('lost')
    network.create('k', { threshold: 2, shares: 3, isExportable: true })
    network.run(network.nowMs + 20_000)
    const guest = network.operators[0]!
    const rules = [{ principal: guest.publicKey, operations: ['export'] }] as const
    network.decide(network.principal, { type: 'set-policy', name: 'k', revision: 0, rules })
    const id = network.propose(network.act('k'), guest)
    assert.deepEqual(network.approve(id, guest, network.operators[1]!), ['ok', 'ok'])
    network.decide(network.principal, { type: 'set-policy', name: 'k', revision: 1, rules: [] })
    assert.equal(network.use(id, guest), 'forbidden')
    assert.equal(network.proposal(id).state, 'approved')
  })
})

describe('a holder that is asked to export', () => {
  it('seals its shares to the one-time key, in its own signature', () => {
    const network = new ExportNetwork('seals')
    const id = network.inUse('k')
    for (const holder of holdersOf(network, 'k')) {
      const answer = network.answer(holder, id)
      const slots = network.version('k')!.slots.filter(({ peerId }) => peerId === holder.peerId)
      assert.deepEqual(
        goodSlots(network, id, 'k', answer),
        slots.map(({ slot }) => slot),
      )
      assert.ok(verifySigned('export', network.ledger.networkId, answer.shares))
    }
  })

  it('answers for nothing that its own ledger does not show to be in use', () => {
    const network = new ExportNetwork('ledger')
    network.create('k', { threshold: 2, shares: 3, isExportable: true })
    network.run(network.nowMs + 20_000)
    const [holder] = holdersOf(network, 'k')
    const id = network.propose(network.act('k'))
    assert.equal(refused(() => network.answer(holder!, id)).code, 'not_found')
    network.approve(id, network.operators[0]!, network.operators[1]!)
    assert.equal(refused(() => network.answer(holder!, id)).code, 'not_found')
    assert.equal(refused(() => network.answer(holder!, new Uint8Array(32))).code, 'not_found')
    assert.equal(network.use(id), 'ok')
    network.answer(holder!, id)
  })

  it('counts the operators’ signatures itself: a ledger that says “done” is not enough', () => {
    const network = new ExportNetwork('forged')
    const id = network.inUse('k')
    const [holder] = holdersOf(network, 'k')
    const record = network.proposal(id)
    const [first] = record.approvals
    for (const approvals of [
      [],
      [first!],
      [first!, first!],
      record.approvals.map(each => ({ ...each, signature: new Uint8Array(64) })),
    ]) {
      const authority = network.authority()
      const ledger = {
        ...authority.ledger,
        get: <T>(path: string): T | undefined =>
          path.startsWith('proposal/') ? ({ ...record, approvals } as T) : authority.ledger.get<T>(path),
      }
      network.authority = () => ({ ...authority, ledger })
      assert.equal(refused(() => network.answer(holder!, id)).code, 'unauthorized')
      network.authority = () => authority
    }
    const other = {
      ...record,
      act: { ...network.act('k'), recipient: generateSealingKey(new SeededRng('thief')).publicKey.bytes },
    }
    const authority = network.authority()
    const ledger = {
      ...authority.ledger,
      get: <T>(path: string): T | undefined =>
        path.startsWith('proposal/') ? (other as T) : authority.ledger.get<T>(path),
    }
    network.authority = () => ({ ...authority, ledger })
    assert.equal(refused(() => network.answer(holder!, id)).code, 'unauthorized')
  })

  it('answers until the window is over, by its clock or by block time', () => {
    const network = new ExportNetwork('window')
    const id = network.inUse('k')
    const [holder] = holdersOf(network, 'k')
    const usedMs = network.proposal(id).closedMs
    network.nowMs = usedMs + OVER_MS - 1
    network.answer(holder!, id)
    network.nowMs = usedMs + OVER_MS
    assert.equal(refused(() => network.answer(holder!, id)).code, 'expired')
    network.nowMs = usedMs
    const authority = network.authority()
    network.authority = () => ({ ...authority, blockTimeMs: usedMs + OVER_MS })
    assert.equal(refused(() => network.answer(holder!, id)).code, 'expired')
  })

  it('names another generation, answers a few times, and only for slots that it has', () => {
    const network = new ExportNetwork('bounds')
    const id = network.inUse('k')
    const holders = holdersOf(network, 'k')
    const [holder] = holders
    assert.equal(refused(() => network.answer(holder!, id, 1)).code, 'unknown_version')
    for (let times = 0; times < 6; times++) network.answer(holder!, id)
    assert.equal(refused(() => network.answer(holder!, id)).code, 'replayed')
    // one asker cannot spend another's answers
    network.answer(holder!, id, 0, network.nodes[1]!.peerId)
    const idle = network.holders.find(each => !holders.includes(each))!
    assert.equal(refused(() => network.answer(idle, id)).code, 'forbidden')
  })

  it('a share fits no other slot, generation, version or proposal', () => {
    const network = new ExportNetwork('bound')
    const id = network.inUse('k')
    const { keyId, version, generation } = network.version('k')!
    const [holder] = holdersOf(network, 'k')
    const { value, signer } = network.answer(holder!, id).shares
    const { slot, sealed } = value.shares[0]!
    const context = { networkId: network.ledger.networkId, keyId, version, generation, proposal: id }
    const opens = (changed: Partial<typeof context>, at = slot, by = signer) => {
      const other = { ...context, ...changed }
      const proven = ProvenEncapsulation.verify(value.encapsulation, exportOccasion(other, by))
      return (
        proven !== undefined && open(network.oneTime, proven, exportInfo(other, at), sealed) !== undefined
      )
    }
    assert.ok(opens({}))
    const other = new Uint8Array(32)
    for (const changed of [
      { networkId: other },
      { keyId: other },
      { version: 2 },
      { generation: 1 },
      { proposal: other },
    ]) {
      assert.ok(!opens(changed))
    }
    assert.ok(!opens({}, slot, network.principal.publicKey))
    assert.ok(!opens({}, slot + 1))
  })

  it('makes an encapsulation that is proven for no dealing: no complaint opens it, whoever has the one-time key', () => {
    const network = new ExportNetwork('complained')
    const id = network.inUse('k')
    const [holder] = holdersOf(network, 'k')
    const { value, signer } = network.answer(holder!, id).shares
    const { networkId } = network.ledger
    const ceremonies = network.nodes.flatMap(({ state }) => [...state.closed.values()])
    assert.ok(ceremonies.length > 0)
    for (const closed of ceremonies) {
      for (const { dealer, fromSlot } of [...closed.deals, { dealer: signer, fromSlot: 0 }]) {
        const context = dealingContext(networkId, { ...closed, id: closed.ceremony }, { dealer, fromSlot })
        assert.equal(ProvenEncapsulation.verify(value.encapsulation, sealingContext(context)), undefined)
      }
    }
    const occasion = exportOccasion({ networkId, proposal: id }, signer)
    assert.ok(ProvenEncapsulation.verify(value.encapsulation, occasion))
  })

  it('makes a new encapsulation for each answer, so that one says nothing of another', () => {
    const network = new ExportNetwork('fresh')
    const id = network.inUse('k')
    const [holder] = holdersOf(network, 'k')
    const encs = [1, 2, 3].map(() => toHex(network.answer(holder!, id).shares.value.encapsulation.enc))
    assert.equal(new Set(encs).size, encs.length)
  })
})

describe('the gateway of an export', () => {
  it('hands over what all holders sealed', () => {
    const network = new ExportNetwork('all')
    const outcome = network.collect(network.inUse('k'))
    assert.ok(outcome.ok)
    assert.equal(outcome.value.answers.flatMap(({ value }) => value.shares).length, 3)
  })

  it('does without a silent holder after a grace, and with too few says which and why', () => {
    const network = new ExportNetwork('silent')
    const id = network.inUse('k')
    const [first, second] = holdersOf(network, 'k')
    first!.isDown = true
    const startedMs = network.nowMs
    const outcome = network.collect(id)
    assert.ok(outcome.ok && outcome.value.answers.length === 2)
    assert.ok(network.nowMs - startedMs < 1000)
    second!.isDown = true
    network.nowMs = startedMs
    const failed = network.collect(id)
    assert.ok(!failed.ok && failed.error.code === 'insufficient_shares')
    const { needed, answered, refusals } = failed.error.details
    assert.deepEqual([needed, answered], [2, 1])
    assert.deepEqual(refusals, {
      [first!.peerId]: 'deadline_exceeded',
      [second!.peerId]: 'deadline_exceeded',
    })
  })

  it('takes no answer of another proposal, in another’s name, of other slots, or unsigned', () => {
    const bends: ReadonlyArray<ExportNetwork['bend']> = [
      ({ shares }) => ({
        type: 'export',
        shares: { ...shares, value: { ...shares.value, proposal: new Uint8Array(32) } },
      }),
      ({ shares }) => ({ type: 'export', shares: { ...shares, value: { ...shares.value, generation: 1 } } }),
      ({ shares }) => ({ type: 'export', shares: { ...shares, value: { ...shares.value, shares: [] } } }),
      ({ shares }) => ({ type: 'export', shares: { ...shares, signer: new Uint8Array(32).fill(9) } }),
      ({ shares }) => ({ type: 'export', shares: { ...shares, signature: new Uint8Array(64) } }),
      () => ({ type: 'pong', height: 1 }),
    ]
    for (const [index, bend] of bends.entries()) {
      const network = new ExportNetwork(`bend ${index}`)
      const id = network.inUse('k')
      const [liar] = holdersOf(network, 'k')
      network.bend = (answer, from) => (from === liar!.peerId ? bend(answer, from) : answer)
      const outcome = network.collect(id)
      assert.ok(outcome.ok)
      assert.ok(
        outcome.value.answers.every(({ signer }) => !Buffer.from(signer).equals(new Uint8Array(32).fill(9))),
      )
      assert.equal(outcome.value.answers.length, 2, `bend ${index}`)
    }
    const network = new ExportNetwork('all lie')
    const id = network.inUse('k')
    network.bend = () => ({ type: 'pong', height: 1 })
    const outcome = network.collect(id)
    assert.ok(!outcome.ok && outcome.error.code === 'insufficient_shares')
    assert.deepEqual([outcome.error.details.needed, outcome.error.details.answered], [2, 0])
  })

  it('asks nobody for what is not in use', () => {
    const network = new ExportNetwork('idle')
    const outcome = network.collect(new Uint8Array(32))
    assert.ok(!outcome.ok && outcome.error.code === 'not_found')
  })
})

describe('after an export', () => {
  const generation = (network: ExportNetwork) => network.version('k')!.generation

  it('a refresh begins when the window is over, not before, and only one', () => {
    const network = new ExportNetwork('refresh')
    const id = network.inUse('k')
    const { closedMs } = network.proposal(id)
    network.run(closedMs + OVER_MS - 1)
    assert.equal(generation(network), 0)
    network.run(closedMs + OVER_MS + 1000)
    assert.equal(generation(network), 1)
    network.run(closedMs + 120_000)
    assert.equal(generation(network), 1)
    const { keyId, version } = network.version('k')!
    assert.equal(network.ledger.records.get(`wake/exported/${keyPaths.version(keyId, version)}`), undefined)
  })

  it('a refresh that ends within the window does not count', () => {
    const network = new ExportNetwork('early')
    const id = network.inUse('k')
    const { closedMs } = network.proposal(id)
    const nonce = network.rng.bytes(16)
    const refresh = {
      type: 'change-key',
      nonce,
      name: 'k',
      change: 'refresh',
      version: 1,
      generation: 0,
    } as const
    assert.equal(network.decide(network.principal, refresh), 'ok')
    network.run(closedMs + 4000)
    assert.equal(generation(network), 1)
    // holders answer with the shares of now, and the gateway knows
    const outcome = network.collect(id)
    assert.ok(outcome.ok && outcome.value.version.generation === 1)
    network.run(closedMs + OVER_MS + 1000)
    assert.equal(generation(network), 2)
  })

  it('is tried again until holders are there to do it', () => {
    const network = new ExportNetwork('retried')
    const id = network.inUse('k')
    const { closedMs } = network.proposal(id)
    for (const node of network.nodes) node.isDown = true
    network.run(closedMs + 30_000)
    assert.equal(generation(network), 0)
    for (const node of network.nodes) network.restart(node)
    network.run(closedMs + 90_000)
    assert.equal(generation(network), 1)
  })

  it('old sealed shares do not go with new ones', () => {
    const network = new ExportNetwork('useless')
    const id = network.inUse('k')
    const [holder] = holdersOf(network, 'k')
    const old = network.answer(holder!, id)
    assert.equal(goodSlots(network, id, 'k', old).length, 1)
    network.run(network.proposal(id).closedMs + OVER_MS + 1000)
    const now: VersionRecord = network.version('k')!
    assert.equal(now.generation, 1)
    assert.deepEqual(goodSlots(network, id, 'k', old), [])
  })
})

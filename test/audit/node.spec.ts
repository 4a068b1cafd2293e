import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { type AuditEntry, auditEntryCodec, parseNote } from '../../src/audit/index.ts'
import { isOstrakaError, OstrakaError, toHex } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import type { AuditCheckpointView } from '../../src/node/index.ts'
import { canonicalBytes, peerAnswerCodec, peerRequestCodec } from '../../src/wire/index.ts'
import { eventually, owner, peerId, Solo, stranger, type TestStore } from './solo.ts'

const FULL = new OstrakaError('storage_full', 'no space is left')

function entriesIn(store: TestStore): AuditEntry[] {
  const keys = [...store.entries.keys()].filter(key => key.startsWith('audit/entry/')).sort()
  return keys.map(key => auditEntryCodec.decode(store.entries.get(key)!))
}

async function written(store: TestStore, action: string): Promise<AuditEntry> {
  return eventually(() => entriesIn(store).find(entry => entry.action === action))
}

describe('a node’s audit log', () => {
  let solo: Solo

  beforeEach(async () => {
    solo = await new Solo().start()
    await solo.createKey('seeds', 'ristretto255')
  })

  afterEach(() => solo.stop())

  const derivePartial = (request = solo.asks('seeds', 'derive')): Uint8Array =>
    peerRequestCodec.encode({
      type: 'partial',
      call: { request, version: 1, generation: 0, slots: [1] },
      refill: 0,
    })

  it('does nothing for a client that has gone', async () => {
    await rejects(solo.port.operate(solo.asks('seeds', 'derive'), AbortSignal.abort()), {
      code: 'deadline_exceeded',
    })
    ok(!entriesIn(solo.store).some(({ action }) => action === 'partial' || action === 'operate'))
  })

  it('tells of the key’s making, of its use and of refusals, and holds no input', async () => {
    const request = solo.asks('seeds', 'derive')
    await solo.port.operate(request)
    await rejects(solo.port.operate(solo.asks('nobody', 'derive')), { code: 'unknown_key' })
    await eventually(() => entriesIn(solo.store).some(entry => entry.kind === 'refusal'))
    const entries = entriesIn(solo.store)
    deepEqual(
      entries.map(({ sequence }) => sequence),
      entries.map((_, index) => index),
    )
    const told = entries.map(({ kind, action, outcome }) => `${kind} ${action} ${outcome}`)
    for (const one of ['ceremony deal ok', 'ceremony acknowledge ok', 'ceremony store-share ok']) {
      ok(told.includes(one), one)
    }
    ok(told.includes('administration create-key ok'))
    ok(told.includes('refusal operate unknown_key'))
    for (const action of ['partial', 'operate']) {
      const entry = entries.find(one => one.action === action)!
      equal(entry.kind, 'use')
      equal(entry.key, 'seeds')
      equal(entry.inputs, 1)
      equal(toHex(entry.principal!), toHex(owner.publicKey))
      equal(toHex(entry.requestHash!), toHex(sha256(canonicalBytes(request.value))))
    }
  })

  it('is on disk before a partial leaves', async () => {
    solo.store.held = 'audit/'
    let hasLeft = false
    const answer = solo.request(derivePartial()).finally(() => {
      hasLeft = true
    })
    await eventually(() => solo.store.waiting > 0)
    equal(hasLeft, false)
    equal(entriesIn(solo.store).filter(entry => entry.action === 'partial').length, 0)
    solo.store.resume()
    equal(peerAnswerCodec.decode(await answer).type, 'partial')
    const [entry] = entriesIn(solo.store).filter(one => one.action === 'partial')
    equal(entry?.peer, stranger)
  })

  it('that cannot be written lets no partial and no result leave, and is whole when the disk is', async () => {
    solo.store.fault = FULL
    const before = entriesIn(solo.store).length
    await rejects(solo.request(derivePartial()), { code: 'storage_full' })
    // from now on the share is not even used
    await rejects(solo.request(derivePartial()), { code: 'storage_full' })
    await rejects(solo.port.operate(solo.asks('seeds', 'derive')), { code: 'storage_full' })
    match(solo.port.complaints().join(), /storage_full/)
    equal(entriesIn(solo.store).length, before)
    solo.store.fault = undefined
    await eventually(() => solo.port.complaints().length === 0)
    equal((await solo.port.operate(solo.asks('seeds', 'derive'))).outputs.length, 1)
    const uses = entriesIn(solo.store).filter(entry => entry.kind === 'use' && entry.action === 'partial')
    // the first was computed, and its entry stands though the partial never left
    equal(uses.length, 2)
  })

  it('lets no result leave whose own partial is not yet told of', async () => {
    solo.store.fault = FULL
    await rejects(solo.port.operate(solo.asks('seeds', 'derive')), { code: 'storage_full' })
  })

  it('shares one sync among the operations that wait', async () => {
    solo.store.held = 'audit/'
    const answers = Array.from({ length: 32 }, () => solo.request(derivePartial()))
    await eventually(() => solo.store.waiting > 0)
    const before = solo.store.syncs
    solo.store.resume()
    await Promise.all(answers)
    ok(solo.store.syncs - before <= 4, `${solo.store.syncs - before} syncs`)
  })

  it('counts a flood of refusals in few entries', async () => {
    const refusals = () => entriesIn(solo.store).filter(({ kind }) => kind === 'refusal').length
    const before = refusals()
    for (let index = 0; index < 500; index++) {
      await rejects(solo.port.operate(solo.asks('nobody', 'derive')), { code: 'unknown_key' })
    }
    // entries reach the disk in order: with this one all before it are there
    await solo.port.operate(solo.asks('seeds', 'derive'))
    ok(refusals() - before <= 20)
  })

  it('is checkpointed once an epoch while it grows, and an idle node says nothing', async () => {
    const [first] = await eventually(() => {
      const found = solo.port.auditCheckpoints()
      return found.length > 0 && found
    })
    equal(first?.peerId, peerId)
    const { size, root } = parseNote(solo.networkId, peerId, first!.note)
    deepEqual({ size, root }, { size: first!.size, root: first!.root })
    // at first it has the network's own key to make
    let last = { height: 0, epoch: 0 }
    const settled = await eventually(() => {
      const latest = solo.port.auditCheckpoints()[0]!
      const { epoch } = solo.port.status()
      if (latest.height !== last.height) last = { height: latest.height, epoch }
      return epoch > last.epoch + 4 && latest
    })
    await solo.port.operate(solo.asks('seeds', 'derive'))
    const later = await eventually(() => {
      const next = solo.port.auditCheckpoints()[0]!
      return next.size > settled.size && next
    })
    ok(later.height > settled.height)
    // several more, each with a proof that the reducer has checked
    for (let round = 0; round < 3; round++) {
      const { size: last } = solo.port.auditCheckpoints()[0]!
      await solo.port.operate(solo.asks('seeds', 'derive'))
      await eventually(() => solo.port.auditCheckpoints()[0]!.size > last)
    }
  })

  it('goes on after a restart', async () => {
    await written(solo.store, 'acknowledge')
    await solo.restart()
    const before = entriesIn(solo.store).length
    await solo.port.operate(solo.asks('seeds', 'derive'))
    const recorded = await eventually(() => {
      const [found] = solo.port.auditCheckpoints()
      return found !== undefined && found.size > before && found
    })
    await solo.restart()
    deepEqual(solo.port.complaints(), [])
    equal((await solo.port.audit(0, 4)).checkpoint?.size, recorded.size)
  })

  it('that was lost begins anew once an operator has written it off, and the loss stays on record', async () => {
    const [{ size: lostSize }] = await eventually(() => {
      const found = solo.port.auditCheckpoints()
      return found.length > 0 && (found as [AuditCheckpointView])
    })
    await solo.restart(entries => {
      for (const key of [...entries.keys()]) if (key.startsWith('audit/')) entries.delete(key)
    })
    await eventually(() => solo.port.complaints().some(reason => reason.startsWith('no secret is used')))
    await solo.port.submit(solo.sign({ type: 'reset-audit', peerId, generation: 1, approvals: [] }))
    await eventually(() => solo.port.complaints().length === 0)
    await solo.port.operate(solo.asks('seeds', 'derive'))
    const recorded = await eventually(() => solo.port.auditCheckpoints()[0])
    equal(recorded.generation, 1)
    deepEqual(
      solo.port.auditLosses().map(({ generation, size }) => [generation, size]),
      [[0, lostSize]],
    )
    // and it is the one that a restart goes on with
    await solo.restart()
    deepEqual(solo.port.complaints(), [])
    const page = await solo.port.audit(0, 4)
    deepEqual([page.generation, page.entries[0]?.sequence], [1, 0])
    match(page.origin, /\/1$/)
  })

  for (const [what, tamper, expected] of [
    [
      'cut off',
      (entries: Map<string, Uint8Array>) => {
        const last = [...entries.keys()]
          .filter(key => key.startsWith('audit/entry/'))
          .sort()
          .at(-1)!
        entries.delete(last)
      },
      /an entry is missing/,
    ],
    [
      'edited',
      (entries: Map<string, Uint8Array>) => {
        const key = 'audit/entry/0000000000000001'
        entries.set(key, auditEntryCodec.encode({ ...auditEntryCodec.decode(entries.get(key)!), timeMs: 5 }))
      },
      /not what the tree says/,
    ],
    [
      'lost, while the control log has it on record',
      (entries: Map<string, Uint8Array>) => {
        for (const key of [...entries.keys()]) if (key.startsWith('audit/')) entries.delete(key)
      },
      /shorter than its recorded checkpoint/,
    ],
  ] as const) {
    it(`that was ${what} is noticed at the start, and no secret is used`, async () => {
      await eventually(() => solo.port.auditCheckpoints().length > 0)
      await solo.restart(tamper)
      await eventually(() => solo.port.complaints().some(reason => expected.test(reason)))
      await rejects(solo.request(derivePartial()), error => isOstrakaError(error, 'storage_corrupt'))
      await rejects(solo.port.operate(solo.asks('seeds', 'derive')), { code: 'storage_corrupt' })
    })
  }
})

import assert from 'node:assert/strict'
import { type AuditEntry, auditEntryCodec } from '../../src/audit/index.ts'
import { fromBase64, fromHex, OstrakaError, SeededRng, toBase64, toHex } from '../../src/base/index.ts'
import { generateSealingKey, signValue } from '../../src/crypto/index.ts'
import type { Notice, ProposalView } from '../../src/node/index.ts'
import { DEFAULT_QUOTA, peerAnswerCodec, peerRequestCodec, type Transaction } from '../../src/wire/index.ts'
import { eventually, identity, owner, peerId, Solo, stranger } from '../audit/solo.ts'

describe('exceptional acts on a node', () => {
  let solo: Solo
  let notices: Notice[]
  const oneTime = generateSealingKey(new SeededRng('one-time'))

  beforeEach(async () => {
    solo = await new Solo().start()
    notices = []
    solo.port.onNotice(notice => notices.push(notice))
    await solo.createKey('wallet', 'ed25519', true)
  })

  afterEach(() => solo.stop())

  const entries = (): AuditEntry[] =>
    [...solo.store.entries]
      .filter(([key]) => key.startsWith('audit/entry/'))
      .map(([, value]) => auditEntryCodec.decode(value))

  async function propose(): Promise<ProposalView> {
    const { keyId } = solo.port.key('wallet')!
    const recipient = oneTime.publicKey.bytes
    const act = { type: 'export-key', name: 'wallet', keyId: fromHex(keyId), version: 1, recipient } as const
    const nonce = new SeededRng(`proposal ${notices.length}`).bytes(16)
    const expiresMs = Date.now() + 60_000
    await solo.port.submit(solo.sign({ type: 'propose', nonce, act, reason: 'a test', expiresMs }))
    return solo.port.status().approvals.at(-1)!
  }

  async function approve({ id, proposer, act, reason, expiresMs }: ProposalView): Promise<void> {
    assert.ok(act.type === 'export-key')
    const signed = { ...act, keyId: fromHex(act.keyId), recipient: fromBase64(act.recipient, 'recipient') }
    const consent = {
      proposal: fromHex(id),
      proposer: fromBase64(proposer, 'proposer'),
      act: signed,
      reason,
      expiresMs,
    }
    const { signature } = signValue(owner, 'approval', solo.networkId, consent)
    await solo.port.submit(solo.sign({ type: 'approve', proposal: fromHex(id), signature }))
  }

  async function used(): Promise<Uint8Array> {
    const proposal = await propose()
    await approve(proposal)
    const id = fromHex(proposal.id)
    await solo.port.submit(solo.sign({ type: 'use-approval', proposal: id }))
    return id
  }

  it('wait in the status until they are over, and stay on the list', async () => {
    const proposal = await propose()
    assert.deepEqual([proposal.state, proposal.needed, proposal.approvals], ['open', 1, []])
    await approve(proposal)
    const [approved] = solo.port.status().approvals
    assert.deepEqual([approved?.state, approved?.approvals], ['approved', [toBase64(owner.publicKey)]])
    await solo.port.submit(solo.sign({ type: 'withdraw', proposal: fromHex(proposal.id) }))
    assert.deepEqual(solo.port.status().approvals, [])
    assert.deepEqual(
      solo.port.approvals().proposals.map(({ state }) => state),
      ['withdrawn'],
    )
  })

  it('are told to listeners, logged as warnings, counted and audited, step by step', async () => {
    const id = await used()
    const steps = ['propose', 'approve', 'use-approval']
    assert.deepEqual(
      notices.map(({ type, by }) => [type, by]),
      steps.map(step => [step, toBase64(owner.publicKey)]),
    )
    assert.ok(notices.every(({ proposal }) => proposal.id === toHex(id)))
    for (const step of steps) {
      assert.ok(
        solo.notes.some(note => note.startsWith(`exceptional act: ${step} export-key`)),
        step,
      )
      assert.equal(solo.port.counters()[`exceptional_acts/${step}`], 1)
    }
    await eventually(() => entries().filter(({ kind }) => kind === 'approval').length === steps.length)
    for (const entry of entries().filter(({ kind }) => kind === 'approval')) {
      assert.ok(steps.includes(entry.action))
      assert.deepEqual([entry.key, entry.version, toHex(entry.requestHash!)], ['wallet', 1, toHex(id)])
    }
  })

  it('what is refused is told to nobody', async () => {
    const proposal = await propose()
    notices.length = 0
    const use: Transaction = { type: 'use-approval', proposal: fromHex(proposal.id) }
    await assert.rejects(solo.port.submit(solo.sign(use)), { code: 'conflict' })
    await assert.rejects(solo.port.submit(solo.sign(use, identity)), { code: 'forbidden' })
    assert.deepEqual(notices, [])
    await assert.rejects(solo.port.exportShares(fromHex(proposal.id)), { code: 'not_found' })
  })

  it('shares leave after their audit entry: none, while it cannot be written', async () => {
    const id = await used()
    const call = peerRequestCodec.encode({ type: 'export', proposal: id, generation: 0 })
    solo.store.fault = new OstrakaError('storage_full', 'no space is left')
    await assert.rejects(solo.request(call), { code: 'storage_full' })
    await assert.rejects(solo.port.exportShares(id), { code: 'storage_full' })
    solo.store.fault = undefined
    await eventually(() =>
      solo.request(call).then(
        () => true,
        () => false,
      ),
    )
    solo.store.held = 'audit/'
    let hasLeft = false
    const answer = solo.request(call).finally(() => {
      hasLeft = true
    })
    await eventually(() => solo.store.waiting > 0)
    assert.equal(hasLeft, false)
    solo.store.resume()
    assert.equal(peerAnswerCodec.decode(await answer).type, 'export')
    const told = entries().filter(({ action, outcome }) => action === 'export-share' && outcome === 'ok')
    assert.ok(told.length > 0)
    for (const { kind, key, peer, principal, requestHash } of told) {
      assert.deepEqual([kind, key, toHex(principal!)], ['use', 'wallet', toHex(owner.publicKey)])
      assert.equal(toHex(requestHash!), toHex(id))
      assert.ok(peer === stranger || peer === peerId)
    }
  })

  it('a collection is audited at its gateway too', async () => {
    const id = await used()
    const { answers } = await solo.port.exportShares(id)
    assert.equal(answers.length, 1)
    const told = await eventually(() => entries().find(({ action }) => action === 'export'))
    assert.deepEqual([told.kind, told.key, toHex(told.requestHash!)], ['use', 'wallet', toHex(id)])
  })

  it('a grant shows among those who may create keys', async () => {
    const principal = identity.publicKey
    const grant = { type: 'grant-create', principal, revision: 0, isAllowed: true } as const
    await solo.port.submit(solo.sign(grant))
    const found = () => solo.port.creators().find(each => toHex(each.principal) === toHex(principal))
    assert.deepEqual(found(), {
      ...{ principal, isAllowed: true, revision: 1, quota: DEFAULT_QUOTA },
      usage: { versions: 0, queued: 0 },
    })
    await solo.port.submit(solo.sign({ ...grant, revision: 1, isAllowed: false }))
    assert.equal(found()?.isAllowed, false)
  })
})

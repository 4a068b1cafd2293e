import assert from 'node:assert/strict'
import { OstrakaError, utf8 } from '../../src/base/index.ts'
import { cryptoReady, sha256 } from '../../src/crypto/index.ts'
import type { Attestor } from '../../src/trust/index.ts'
import type { AttestationEvidence, AttestationPolicy } from '../../src/wire/index.ts'
import { eventually, Solo } from '../audit/solo.ts'

const program = sha256(utf8('release'))
const MAX_AGE_EPOCHS = 4
const policy: AttestationPolicy = {
  method: 'measured',
  maxAgeEpochs: MAX_AGE_EPOCHS,
  measurements: [program],
  attestationKeys: [],
}

/** An attestor that answers as it is told, and counts how often it is asked. */
class TestAttestor implements Attestor {
  readonly method: Attestor['method']
  asked = 0
  answer: () => AttestationEvidence = () => ({ type: 'measured', program })

  constructor(method: Attestor['method'] = 'measured') {
    this.method = method
  }

  async measure(): Promise<Uint8Array> {
    return program
  }

  async attest(): Promise<AttestationEvidence> {
    this.asked++
    return this.answer()
  }
}

describe('a node that attests', function () {
  this.timeout(60_000)
  let solo: Solo

  before(() => cryptoReady)
  afterEach(() => solo?.stop())

  async function started(attestor: TestAttestor, attestation?: AttestationPolicy): Promise<Solo> {
    solo = new Solo(undefined, undefined, {}, attestation === undefined ? {} : { attestation })
    solo.attestor = attestor
    return solo.start()
  }

  const record = () => solo.port.attestation().members[0]!.record
  const recorded = () => record() ?? undefined

  it('does so once where nothing is asked for, and again and again before its attestation is too old', async () => {
    const idle = new TestAttestor()
    await started(idle)
    await eventually(recorded)
    const since = solo.port.status().epoch
    await eventually(() => solo.port.status().epoch > since + MAX_AGE_EPOCHS)
    assert.equal(idle.asked, 1)
    await solo.stop()
    await started(new TestAttestor(), policy)
    const { epoch: first } = await eventually(recorded)
    await eventually(() => (record()?.epoch ?? 0) > first + MAX_AGE_EPOCHS)
    assert.equal(solo.port.attestation().members[0]!.standing, 'accepted')
    assert.deepEqual(solo.port.status().warnings, [])
  })

  it('tells of its measurement in beacons', async () => {
    await started(new TestAttestor())
    const told = await eventually(() => solo.port.peers()[0]!.measurements[0])
    assert.equal(told, Buffer.from(program.subarray(0, 8)).toString('hex'))
  })

  it('that cannot reach its TPM goes on, says so once an epoch, and attests when it can', async () => {
    const attestor = new TestAttestor()
    attestor.answer = () => {
      throw new OstrakaError('unreachable', 'no TPM')
    }
    await started(attestor, policy)
    await eventually(() => attestor.asked > 1)
    assert.ok(solo.notes.some(note => note.startsWith('this node cannot attest: no TPM')))
    assert.ok(attestor.asked <= solo.port.status().epoch + 1)
    assert.equal(record(), null)
    assert.match(solo.port.status().warnings.join(), /its attestation is missing/)
    attestor.answer = () => ({ type: 'measured', program })
    await eventually(recorded)
  })

  it('keeps to itself what the others would refuse', async () => {
    const attestor = new TestAttestor('tpm2')
    const nothing = new Uint8Array(8)
    attestor.answer = () => ({
      type: 'tpm2',
      program,
      attestationKey: nothing,
      quote: nothing,
      signature: nothing,
    })
    await started(attestor)
    await eventually(() => attestor.asked > 1)
    assert.ok(solo.notes.some(note => /^this node cannot attest: .*"code":"malformed"/.test(note)))
    assert.ok(!solo.notes.some(note => note.includes('no effect')))
  })
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fromHex, type PeerId, toHex, utf8 } from '../../src/base/index.ts'
import {
  type AttestationStanding,
  attestationOf,
  attestationPolicy,
  attestationStanding,
  initialState,
} from '../../src/control/index.ts'
import { type SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import { attestationNonces } from '../../src/trust/index.ts'
import type {
  AttestationEvidence,
  AttestationPolicy,
  GenesisDocument,
  SetAttestation,
  SignedTransaction,
} from '../../src/wire/index.ts'
import { keyNamed, makeGenesis, operator, signed } from '../control/fixture.ts'
import { TrustLedger } from './ledger.ts'

const program = sha256(utf8('release'))
const tampered = sha256(utf8('tampered'))
const vectors = JSON.parse(readFileSync(new URL('../vectors/tpm2/quotes.json', import.meta.url), 'utf8'))

const MEASURED: AttestationPolicy = {
  method: 'measured',
  maxAgeEpochs: 4,
  measurements: [program],
  attestationKeys: [],
}

/** A ledger whose members attest by hand. */
class Attested extends TrustLedger {
  constructor(nodes: number, genesis: Partial<GenesisDocument> = {}) {
    super(nodes)
    Object.assign(this, { genesis: makeGenesis(this.keys, {}, genesis) })
    this.state = initialState(this.genesis)
    // the first block brings the first challenge
    this.block([])
  }

  standing(node: number): AttestationStanding {
    return attestationStanding(this.reader, this.peers[node]!)
  }

  statement(
    node: number,
    evidence: AttestationEvidence = { type: 'measured', program },
    more: { readonly nonce?: Uint8Array; readonly signer?: SigningKey } = {},
  ): SignedTransaction {
    const { nonce = attestationNonces(this.reader)[0]!.nonce, signer = this.keys[node]! } = more
    const statement = signValue(signer, 'attestation', this.state.networkId, { nonce, evidence })
    return signed(this.genesis, { type: 'attest', statement }, this.keys[node]!)
  }

  policy(
    policy: AttestationPolicy,
    by: readonly SigningKey[] = [operator],
    revision = attestationPolicy(this.reader).revision,
  ): SignedTransaction {
    const change = { revision, policy }
    const [first, ...others] = by
    const approvals = others.map(key => {
      const { signer, signature } = signValue(key, 'attestation-policy', this.state.networkId, change)
      return { signer, signature }
    })
    return signed(this.genesis, { type: 'set-attestation', ...change, approvals }, first!)
  }

  /** The codes of what a block makes of these: `ok` or an error's. */
  codes(...transactions: readonly SignedTransaction[]): readonly string[] {
    return this.block(transactions).map(result => (result.ok ? 'ok' : result.code))
  }

  toEpoch(epoch: number): void {
    this.block([], this.genesis.createdMs + epoch * this.genesis.timing.epochMs)
  }
}

describe('attestation in the control log', () => {
  it('asks for nothing until operators do, and then for the listed measurements', () => {
    const ledger = new Attested(4)
    assert.equal(ledger.standing(0), 'unrequired')
    assert.deepEqual(ledger.codes(ledger.policy(MEASURED)), ['ok'])
    assert.equal(ledger.standing(0), 'missing')
    assert.deepEqual(
      ledger.codes(ledger.statement(0), ledger.statement(1, { type: 'measured', program: tampered })),
      ['ok', 'ok'],
    )
    assert.deepEqual(
      [0, 1, 2].map(node => ledger.standing(node)),
      ['accepted', 'unlisted', 'missing'],
    )
  })

  it('a genesis may ask for it from the start', () => {
    assert.equal(new Attested(4, { attestation: MEASURED }).standing(3), 'missing')
  })

  it('counts for as many epochs as the policy says, from the challenge on', () => {
    const ledger = new Attested(4, { attestation: MEASURED })
    assert.deepEqual(ledger.codes(ledger.statement(0)), ['ok'])
    ledger.toEpoch(4)
    assert.equal(ledger.standing(0), 'accepted')
    ledger.toEpoch(5)
    assert.equal(ledger.standing(0), 'stale')
  })

  it('takes an answer to this epoch’s challenge or the last one’s, once, and none to an older one', () => {
    const ledger = new Attested(4)
    const first = ledger.statement(0)
    const late = ledger.statement(1)
    const nonce = attestationNonces(ledger.reader)[0]!.nonce
    assert.deepEqual(ledger.codes(first, ledger.statement(0, { type: 'measured', program: tampered })), [
      'ok',
      'conflict',
    ])
    ledger.toEpoch(1)
    assert.notDeepEqual(attestationNonces(ledger.reader)[0]!.nonce, nonce)
    assert.deepEqual(ledger.codes(late, first), ['ok', 'conflict'])
    assert.equal(attestationOf(ledger.reader, ledger.peers[1]!)!.epoch, 0)
    ledger.toEpoch(2)
    assert.deepEqual(ledger.codes(ledger.statement(2, undefined, { nonce })), ['expired'])
  })

  it('an old answer does not bring an old measurement back', () => {
    const ledger = new Attested(4)
    const old = ledger.statement(0, { type: 'measured', program: tampered })
    ledger.toEpoch(1)
    assert.deepEqual(ledger.codes(ledger.statement(0), old), ['ok', 'conflict'])
    assert.deepEqual(attestationOf(ledger.reader, ledger.peers[0]!)!.measurements, [program])
  })

  it('refuses strangers, the removed, another’s statement and another’s signature', () => {
    const ledger = new Attested(4)
    const { genesis } = ledger
    const stranger = keyNamed('stranger')
    const nonce = attestationNonces(ledger.reader)[0]!.nonce
    const own = { nonce, evidence: { type: 'measured', program } } as const
    const strangers = signValue(stranger, 'attestation', ledger.state.networkId, own)
    const forged = { ...strangers, signer: ledger.keys[1]!.publicKey }
    assert.deepEqual(
      ledger.codes(
        signed(genesis, { type: 'attest', statement: strangers }, stranger),
        ledger.statement(0, undefined, { signer: ledger.keys[1]! }),
        signed(genesis, { type: 'attest', statement: forged }, ledger.keys[1]!),
        signed(genesis, { type: 'leave' }, ledger.keys[3]!),
        ledger.statement(3),
      ),
      ['forbidden', 'unauthorized', 'bad_signature', 'ok', 'forbidden'],
    )
  })
})

describe('the attestation policy', () => {
  it('is the operators’ to set, as many as the genesis asks for, on the revision they saw', () => {
    const second = keyNamed('second operator')
    const operators = [operator.publicKey, second.publicKey]
    const ledger = new Attested(4, { operators, approvals: 2 })
    const both = ledger.policy(MEASURED, [operator, second])
    const wrong = ledger.policy({ ...MEASURED, maxAgeEpochs: 9 }, [operator, second])
    const { approvals } = both.value as SetAttestation
    assert.deepEqual(
      ledger.codes(
        ledger.policy(MEASURED),
        ledger.policy(MEASURED, [operator, operator]),
        ledger.policy(MEASURED, [operator, keyNamed('stranger')]),
        signed(ledger.genesis, { ...(wrong.value as SetAttestation), approvals }, operator),
        both,
        both,
        ledger.policy(MEASURED, [operator, second], 0),
      ),
      ['unauthorized', 'unauthorized', 'unauthorized', 'bad_signature', 'ok', 'conflict', 'conflict'],
    )
    assert.equal(attestationPolicy(ledger.reader).revision, 1)
  })

  it('refuses a hash that is listed twice', () => {
    const ledger = new Attested(4)
    const twice = { ...MEASURED, measurements: [program, program] }
    assert.deepEqual(ledger.codes(ledger.policy(twice)), ['malformed'])
  })
})

describe('a TPM’s quote in the control log', () => {
  /** The recorded quotes answer one challenge, so these ledgers are given the nonce that it was made for. */
  const networkId = sha256(utf8('network'))
  const nonce = sha256(utf8('nonce'))
  const quoted = (index: number): AttestationEvidence => {
    const { attestationKey, quote, signature } = vectors.accepted[index]
    return {
      type: 'tpm2',
      program: sha256(utf8('program')),
      attestationKey: fromHex(attestationKey),
      quote: fromHex(quote),
      signature: fromHex(signature),
    }
  }

  function challenged(policy: AttestationPolicy): Attested {
    const ledger = new Attested(4, { attestation: policy })
    const { epoch } = ledger.state.chain
    const records = ledger.state.records.set('attestation-nonces', { nonces: [{ epoch, nonce }] })
    ledger.state = { ...ledger.state, networkId, records }
    return ledger
  }

  function attest(ledger: Attested, evidence: AttestationEvidence): readonly string[] {
    const statement = signValue(ledger.keys[0]!, 'attestation', networkId, { nonce, evidence })
    return ledger.codes(signed(ledger.genesis, { type: 'attest', statement }, ledger.keys[0]!))
  }

  const strict: AttestationPolicy = { ...MEASURED, method: 'tpm2', measurements: [] }

  it('has two measurements, and both must be listed', () => {
    const ledger = challenged(strict)
    assert.deepEqual(attest(ledger, quoted(0)), ['ok'])
    const { measurements } = attestationOf(ledger.reader, ledger.peers[0]!)!
    assert.equal(measurements.length, 2)
    assert.equal(ledger.standing(0), 'unlisted')
    ledger.codes(ledger.policy({ ...strict, measurements: [measurements[0]!] }))
    assert.equal(ledger.standing(0), 'unlisted')
    ledger.codes(ledger.policy({ ...strict, measurements }))
    assert.equal(ledger.standing(0), 'accepted')
  })

  it('a measured statement is too weak where a quote is asked for', () => {
    const ledger = challenged({ ...strict, measurements: [program] })
    attest(ledger, { type: 'measured', program })
    assert.equal(ledger.standing(0), 'weak')
  })

  it('where keys are listed, another TPM’s does not do', () => {
    const ledger = challenged({ ...strict, attestationKeys: [program] })
    attest(ledger, quoted(0))
    const { measurements, attestationKey } = attestationOf(ledger.reader, ledger.peers[0]!)!
    assert.equal(`000b${toHex(attestationKey!)}`, vectors.names.ecc)
    ledger.codes(ledger.policy({ ...strict, measurements, attestationKeys: [program] }))
    assert.equal(ledger.standing(0), 'unlisted_key')
    ledger.codes(ledger.policy({ ...strict, measurements, attestationKeys: [attestationKey!] }))
    assert.equal(ledger.standing(0), 'accepted')
  })

  it('a node’s first key is pinned; another is taken when the policy lists it', () => {
    const ledger = challenged(strict)
    const later = (): void => {
      const records = ledger.state.records.set('attestation-nonces', {
        nonces: [{ epoch: attestationOf(ledger.reader, ledger.peers[0]!)!.epoch + 1, nonce }],
      })
      ledger.state = { ...ledger.state, records }
    }
    assert.deepEqual(attest(ledger, quoted(0)), ['ok'])
    later()
    // the pin outlives a statement without the TPM
    assert.deepEqual(attest(ledger, { type: 'measured', program }), ['ok'])
    later()
    assert.deepEqual(attest(ledger, quoted(1)), ['conflict'])
    const listed = fromHex(vectors.names.rsa.slice(4))
    assert.deepEqual(ledger.codes(ledger.policy({ ...strict, attestationKeys: [listed] })), ['ok'])
    assert.deepEqual(attest(ledger, quoted(1)), ['ok'])
  })

  it('that proves nothing is refused by its own code', () => {
    const ledger = challenged(strict)
    const [unrestricted] = vectors.refused
    const evidence = {
      ...quoted(0),
      attestationKey: fromHex(unrestricted.attestationKey),
      signature: fromHex(unrestricted.signature),
      quote: fromHex(unrestricted.quote),
    }
    assert.deepEqual(attest(ledger, evidence as AttestationEvidence), ['bad_attestation'])
    assert.equal(attestationOf(ledger.reader, ledger.peers[0]! satisfies PeerId), undefined)
  })
})

import assert from 'node:assert/strict'
import type { LedgerReader } from '../../src/control/index.ts'
import { keyPaths } from '../../src/keys/index.ts'
import { claimOfDealing, recordStanding } from '../../src/keys/record-pins.ts'
import { hashOfDealing } from '../../src/keys/sealed-records.ts'
import type { SealedDealing, Signed } from '../../src/wire/index.ts'
import { keyNamed } from '../control/fixture.ts'

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

describe('what the log pins', () => {
  const dealer = keyNamed('dealer').publicKey
  const made = (overrides: Partial<SealedDealing> = {}): Signed<SealedDealing> => ({
    value: { ceremony: bytes(1), keyId: bytes(2), version: 1, fromSlot: 0, shares: [], ...overrides },
    signer: dealer,
    signature: new Uint8Array(64),
  })
  const ceremony = {
    keyId: bytes(2),
    version: 1,
    dealers: [{ dealer, fromSlot: 0 }],
    dealt: [0],
    stage: 'acknowledging',
  }
  const records = new Map<string, unknown>([
    [keyPaths.ceremony(bytes(1)), ceremony],
    [keyPaths.deal(bytes(1), 0), { recordHash: hashOfDealing(made()) }],
  ])
  const ledger = { get: (path: string) => records.get(path) } as LedgerReader
  const standing = (dealing: Signed<SealedDealing>): string => recordStanding(ledger, claimOfDealing(dealing))

  it('is the record whose hash the deal names', () => {
    assert.equal(standing(made()), 'pinned')
  })

  it('is no second record of that hash, which a dealer makes by naming another key or version', () => {
    for (const other of [made({ keyId: bytes(3) }), made({ version: 2 })]) {
      assert.deepEqual(hashOfDealing(other), hashOfDealing(made()))
      assert.equal(standing(other), 'over')
    }
  })
})

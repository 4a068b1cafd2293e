import assert from 'node:assert/strict'
import { isOstrakaError } from '../../src/base/index.ts'
import { checkBlock, checkCertified, makeBlock } from '../../src/control/blocks.ts'
import { makeCertificate } from '../../src/control/certificates.ts'
import { blockIdOf, certificateHashOf } from '../../src/control/ids.ts'
import { applyBlock, initialState, type LedgerState } from '../../src/control/index.ts'
import { signValue } from '../../src/crypto/index.ts'
import {
  type Block,
  type Certificate,
  MAX_BLOCK_BYTES,
  type SignedTransaction,
} from '../../src/wire/index.ts'
import { createKey, makeGenesis, nodeKeys, operator, START_MS, signed, testReducer } from './fixture.ts'

const keys = nodeKeys(4)
const genesis = makeGenesis(keys)

function certify(state: LedgerState, block: Block, signers: number): Certificate {
  const value = { height: block.header.height, round: 0, blockId: blockIdOf(block.header) }
  return makeCertificate(
    keys.slice(0, signers).map(key => signValue(key, 'precommit', state.networkId, value)),
  )
}

/** The state after one block, and that block's certificate. */
function afterOne(): { state: LedgerState; certificate: Certificate; first: Block } {
  const state = initialState(genesis)
  const first = makeBlock(state, null, [], 0, START_MS + 10)
  return { state: applyBlock(state, first, testReducer).state, certificate: certify(state, first, 3), first }
}

function codeOf(check: () => void): string {
  try {
    check()
    return 'ok'
  } catch (error) {
    assert.ok(isOstrakaError(error))
    return error.code
  }
}

function withCertificate(block: Block, certificate: Certificate | null): Block {
  const header = { ...block.header, certificateHash: certificateHashOf(certificate) }
  return { ...block, header, previousCertificate: certificate }
}

describe('a block', () => {
  const { state, certificate, first } = afterOne()
  const good = makeBlock(state, certificate, [signed(genesis, createKey('a'))], 0, START_MS + 20)

  it('may follow the state that it was made for, and no other', () => {
    checkBlock(state, good)
    assert.equal(
      codeOf(() => checkBlock(initialState(genesis), good)),
      'bad_block',
    )
    assert.equal(
      codeOf(() => checkBlock(state, first)),
      'bad_block',
    )
  })

  it('carries a real certificate of its predecessor', () => {
    const before = initialState(genesis)
    const few = certify(before, first, 2)
    const other = certify(before, makeBlock(before, null, [], 0, START_MS + 11), 3)
    assert.equal(
      codeOf(() => checkBlock(state, withCertificate(good, few))),
      'bad_certificate',
    )
    assert.equal(
      codeOf(() => checkBlock(state, withCertificate(good, other))),
      'bad_block',
    )
    assert.equal(
      codeOf(() => checkBlock(state, withCertificate(good, null))),
      'bad_block',
    )
    assert.equal(
      codeOf(() => checkBlock(before, withCertificate(first, certificate))),
      'bad_block',
    )
    assert.equal(
      codeOf(() => checkBlock(state, { ...good, previousCertificate: few })),
      'bad_block',
    )
  })

  it('holds transactions that their signers signed, each once', () => {
    const one = signed(genesis, createKey('a'))
    const forged: SignedTransaction = { ...one, signer: operator.publicKey }
    const make = (transactions: readonly SignedTransaction[]): Block =>
      makeBlock(state, certificate, transactions, 0, START_MS + 20)
    assert.equal(
      codeOf(() => checkBlock(state, make([one]))),
      'ok',
    )
    assert.equal(
      codeOf(() => checkBlock(state, make([one, forged]))),
      'bad_block',
    )
    assert.equal(
      codeOf(() => checkBlock(state, make([one, one]))),
      'bad_block',
    )
  })

  it('is not larger than a frame carries', () => {
    const request = new Uint8Array(256 * 1024)
    const large = Array.from({ length: Math.ceil(MAX_BLOCK_BYTES / request.length) }, (_, index) => {
      const partial = new Uint8Array([index])
      const evidence = { type: 'bad-partial', holder: genesis.members[0]!.peerId, request, partial } as const
      return signed(genesis, { type: 'report-evidence', evidence })
    })
    assert.equal(
      codeOf(() => checkBlock(state, makeBlock(state, certificate, large, 0, START_MS + 20))),
      'bad_block',
    )
  })

  it('is decided by a quorum for this very block', () => {
    checkCertified(state, { block: good, certificate: certify(state, good, 3) })
    const bad = [
      certify(state, good, 2),
      certify(state, makeBlock(state, certificate, [], 0, START_MS + 20), 3),
    ]
    for (const one of bad) {
      assert.equal(
        codeOf(() => checkCertified(state, { block: good, certificate: one })),
        'bad_certificate',
      )
    }
  })
})

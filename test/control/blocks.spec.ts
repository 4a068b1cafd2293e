import assert from 'node:assert/strict'
import { isOstrakaError } from '../../src/base/index.ts'
import { checkBlock, checkCertified, makeBlock } from '../../src/control/blocks.ts'
import { makeCertificate } from '../../src/control/certificates.ts'
import { blockIdOf, certificateHashOf } from '../../src/control/ids.ts'
import { applyBlock, initialState, judgeBlock, type LedgerState } from '../../src/control/index.ts'
import type { LogState } from '../../src/control/log-state.ts'
import { signValue } from '../../src/crypto/index.ts'
import {
  type Block,
  type Certificate,
  type CertifiedBlock,
  certifiedBlockCodec,
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

describe('a gossiped block', () => {
  const { state, certificate } = afterOne()
  const log = { ledger: state } as unknown as LogState
  const block = makeBlock(state, certificate, [], 0, START_MS + 20)
  const good = { block, certificate: certify(state, block, 3) }
  const judge = (certified: CertifiedBlock) => judgeBlock(log, certifiedBlockCodec.encode(certified))
  const spoilt = ({ block: of, certificate: by }: CertifiedBlock): CertifiedBlock => {
    const [first, ...others] = by.signatures
    const signature = first!.signature.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
    return { block: of, certificate: { ...by, signatures: [{ ...first!, signature }, ...others] } }
  }
  /** As one that is two ahead: nothing of it can be checked but its certificate. */
  const header = { ...block.header, height: block.header.height + 1 }
  const ahead = { block: { ...block, header }, certificate: certify(state, { ...block, header }, 3) }

  it('is accepted by its certificate, at the next height and above', () => {
    assert.deepEqual([judge(good), judge(ahead)], ['accept', 'accept'])
  })

  it('is rejected for what is wrong by itself, at every height', () => {
    assert.equal(judgeBlock(log, new Uint8Array(100)), 'reject')
    for (const each of [good, ahead]) {
      assert.equal(judge(spoilt(each)), 'reject')
      const other = signed(genesis, createKey('other'))
      assert.equal(judge({ ...each, block: { ...each.block, transactions: [other] } }), 'reject')
      assert.equal(judge({ ...each, block: { ...each.block, previousCertificate: null } }), 'reject')
    }
    assert.equal(judge({ ...good, certificate: ahead.certificate }), 'reject')
  })

  it('is ignored, and costs its neighbour nothing, for what depends on how far this log is', () => {
    const few = { block, certificate: certify(state, block, 2) }
    const stranger = nodeKeys(5)[4]!
    const vote = { height: block.header.height, round: 0, blockId: blockIdOf(block.header) }
    const votes = [...keys.slice(0, 2), stranger].map(key =>
      signValue(key, 'precommit', state.networkId, vote),
    )
    const byOthers = { block, certificate: makeCertificate(votes) }
    const elsewhere = { ...block, header: { ...block.header, stateRoot: new Uint8Array(32) } }
    const onOther = { block: elsewhere, certificate: certify(state, elsewhere, 3) }
    assert.deepEqual([few, byOthers, onOther].map(judge), ['ignore', 'ignore', 'ignore'])
    const old = { ...block, header: { ...block.header, height: 1 } }
    assert.equal(judge(spoilt({ block: old, certificate: certify(state, old, 3) })), 'ignore')
  })
})

import assert from 'node:assert/strict'
import { OstrakaError, toHex } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import { transactionIdOf } from '../../src/control/ids.ts'
import { applyBlock, initialState, type LedgerState, type Reducer } from '../../src/control/index.ts'
import { DEFAULT_LIMITS } from '../../src/control/log-types.ts'
import { Mempool } from '../../src/control/mempool.ts'
import { type SignedTransaction, transactionListCodec } from '../../src/wire/index.ts'
import { createKey, makeGenesis, nodeKeys, START_MS, signed, testReducer } from './fixture.ts'

const genesis = makeGenesis(nodeKeys(4))
/** Keys as in the test reducer; a policy can be set only on a key that is there. */
const reducer: Reducer = {
  ...testReducer,
  transactions: {
    ...testReducer.transactions,
    'set-policy': (ledger, { name, revision }) => {
      if (ledger.get(`key/${name}`) === undefined) throw new OstrakaError('unknown_key', 'no such key')
      if (ledger.get(`policy/${name}`) !== undefined) throw new OstrakaError('conflict', 'set before')
      ledger.put(`policy/${name}`, { revision })
    },
  },
}

function create(name: string): SignedTransaction {
  return signed(genesis, createKey(name))
}

function policy(name: string, revision = 0): SignedTransaction {
  return signed(genesis, { type: 'set-policy', name, revision, rules: [] })
}

/** The state after a block of these, which the pool is told of. */
function settle(pool: Mempool, state: LedgerState, transactions: readonly SignedTransaction[]): LedgerState {
  const block = makeBlock(state, null, transactions, 0, state.chain.timeMs + 1)
  const applied = applyBlock(state, block, reducer)
  const certificate = { height: block.header.height, round: 0, blockId: new Uint8Array(32), signatures: [] }
  pool.settle({ block, certificate }, applied.results, applied.state, START_MS)
  return applied.state
}

function names(pool: Mempool): string[] {
  return pool.take().map(({ value }) => ('name' in value ? `${value.type} ${value.name}` : value.type))
}

describe('the mempool', () => {
  it('keeps the order of arrival and lets go of what a block holds', () => {
    const pool = new Mempool(DEFAULT_LIMITS, reducer)
    const state = initialState(genesis)
    for (const name of ['b', 'a', 'c']) assert.ok(pool.add(state, create(name), START_MS, false).ok)
    assert.deepEqual(names(pool), ['create-key b', 'create-key a', 'create-key c'])
    const after = settle(pool, state, [create('a')])
    assert.deepEqual(names(pool), ['create-key b', 'create-key c'])
    const inclusion = pool.inclusionOf(toHex(transactionIdOf(create('a'))))
    assert.equal(inclusion?.height, 1)
    assert.deepEqual(pool.add(after, create('a'), START_MS, true), { ok: true, value: { isNew: false } })
    assert.equal(pool.size, 2)
  })

  it('keeps a forwarded transaction that came before what it builds on, for a few blocks', () => {
    const pool = new Mempool(DEFAULT_LIMITS, reducer)
    let state = initialState(genesis)
    assert.equal(pool.add(state, policy('a'), START_MS, true).ok, false)
    assert.equal(pool.add(state, policy('never'), START_MS, true).ok, false)
    assert.equal(pool.size, 0)
    state = settle(pool, state, [create('a')])
    assert.deepEqual(names(pool), ['set-policy a'])
    state = settle(pool, settle(pool, state, []), [])
    state = settle(pool, state, [create('never')])
    assert.deepEqual(names(pool), ['set-policy a'])
  })

  it('lets go of what another transaction has made void', () => {
    const pool = new Mempool(DEFAULT_LIMITS, reducer)
    const state = settle(pool, initialState(genesis), [create('a')])
    assert.ok(pool.add(state, policy('a', 1), START_MS, true).ok)
    assert.ok(pool.add(state, policy('a', 2), START_MS, true).ok)
    settle(pool, state, [policy('a', 2)])
    assert.equal(pool.size, 0)
  })

  it('fills a block up to its bytes and count, and never beyond', () => {
    const pool = new Mempool(DEFAULT_LIMITS, reducer)
    const state = initialState(genesis)
    for (let n = 0; n < 20; n++) pool.add(state, create(`k${n}`), START_MS, true)
    const sizes = [1, 2, 3].map(count => transactionListCodec.encode(pool.take(1_000_000, count)).length)
    for (const [index, sizeBytes] of sizes.entries()) {
      assert.ok(pool.take(sizeBytes - 1).length <= index)
      assert.equal(pool.take(sizeBytes + 9).length, index + 1)
    }
    assert.equal(pool.take(1_000_000, 7).length, 7)
  })

  it('never runs over its bounds', () => {
    const pool = new Mempool({ ...DEFAULT_LIMITS, mempoolBytes: 2000 }, reducer)
    const state = initialState(genesis)
    const codes = Array.from({ length: 10 }, (_, n) => pool.add(state, create(`k${n}`), START_MS, true))
    assert.ok(pool.size < 10)
    for (const outcome of codes.slice(pool.size))
      assert.ok(!outcome.ok && outcome.error.code === 'overloaded')
  })
})

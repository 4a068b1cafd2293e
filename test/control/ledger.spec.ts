import assert from 'node:assert/strict'
import { OstrakaError, peerIdOf, toHex } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import {
  applyBlock,
  initialState,
  type LedgerState,
  type MemberRecord,
  mayCreate,
  memberPath,
  type Reducer,
  tryTransaction,
} from '../../src/control/index.ts'
import type { Certificate, SignedTransaction } from '../../src/wire/index.ts'
import {
  createKey,
  keyNamed,
  makeGenesis,
  nodeKeys,
  operator,
  START_MS,
  signed,
  testReducer,
} from './fixture.ts'

const genesis = makeGenesis(nodeKeys(4))
const certificate: Certificate = { height: 1, round: 0, blockId: new Uint8Array(32), signatures: [] }

function apply(
  state: LedgerState,
  transactions: readonly SignedTransaction[],
  { atMs = state.chain.timeMs + 10, round = 0, reducer = testReducer } = {},
): ReturnType<typeof applyBlock> {
  const block = makeBlock(state, state.chain.height === 0 ? null : certificate, transactions, round, atMs)
  return applyBlock(state, block, reducer)
}

describe('the reducer', () => {
  it('gives the same state for the same blocks, whatever happened before in the process', () => {
    const blocks = [['a', 'b'], ['c', 'bad-d', 'a'], ['later-e']]
    const run = (): LedgerState => {
      let state = initialState(genesis)
      for (const names of blocks)
        state = apply(
          state,
          names.map(name => signed(genesis, createKey(name))),
        ).state
      return state
    }
    assert.equal(toHex(run().records.root()), toHex(run().records.root()))
  })

  it('depends on the order of transactions: the first of two that exclude each other wins', () => {
    const one = signed(genesis, { ...createKey('same'), shares: 3 })
    const two = signed(genesis, { ...createKey('same'), shares: 4 })
    const { results } = apply(initialState(genesis), [two, one])
    assert.deepEqual(
      results.map(result => (result.ok ? 'ok' : result.code)),
      ['ok', 'name_taken'],
    )
  })

  it('a failed transaction leaves no trace but its result, and what it used of its sender’s quota', () => {
    const state = initialState(genesis)
    const bad = signed(genesis, createKey('bad'))
    const { state: after, results } = apply(state, [bad])
    assert.equal(after.records.get('key/bad'), undefined)
    const [result] = results
    assert.ok(result && !result.ok)
    assert.equal(result.code, 'forbidden')
    assert.deepEqual(
      [...after.records.entries()].map(({ path }) => path).filter(path => !path.startsWith('usage/')),
      [...apply(state, []).state.records.entries()].map(({ path }) => path),
    )
  })

  it('an error that is not ours, and a type without handler, fail their transaction alone', () => {
    const reducer: Reducer = {
      transactions: {
        'create-key': () => {
          throw new TypeError('a fault')
        },
      },
      atBlock: [],
    }
    const transactions = [
      signed(genesis, createKey('a')),
      signed(genesis, { type: 'set-policy', name: 'a', revision: 0, rules: [] }),
    ]
    const { results } = apply(initialState(genesis), transactions, { reducer })
    assert.deepEqual(
      results.map(result => (result.ok ? 'ok' : result.code)),
      ['internal', 'unsupported'],
    )
  })

  it('a hook that throws leaves no trace, is reported, and stops neither the others nor the block', () => {
    const reducer: Reducer = {
      ...testReducer,
      atBlock: [
        ledger => {
          ledger.put('hook/one', {})
          throw new OstrakaError('internal', 'a fault')
        },
        ledger => ledger.put('hook/two', {}),
      ],
    }
    const { state, faults } = apply(initialState(genesis), [signed(genesis, createKey('a'))], { reducer })
    assert.equal(faults.length, 1)
    assert.deepEqual(
      [...state.records.entries('hook/')].map(entry => entry.path),
      ['hook/two'],
    )
    assert.ok(state.records.get('key/a'))
  })

  it('a dry run changes nothing', () => {
    const state = initialState(genesis)
    const root = toHex(state.records.root())
    assert.ok(tryTransaction(state, signed(genesis, createKey('a')), testReducer, START_MS).ok)
    assert.equal(toHex(state.records.root()), root)
  })

  it('deadlines are handed over in order once block time has reached them, once', () => {
    const seen: string[] = []
    const reducer: Reducer = {
      transactions: {
        'create-key': (ledger, { name }, { timeMs }) =>
          ledger.wakeAt(timeMs + Number(name.slice(1)), `k/${name}`),
      },
      atBlock: [],
      deadlines: { k: (_ledger, subject) => void seen.push(subject.slice(2)) },
    }
    const made = ['k500', 'k100', 'k900'].map(name => signed(genesis, createKey(name)))
    let { state } = apply(initialState(genesis), made, { reducer, atMs: START_MS + 1000 })
    assert.equal(state.wakeAtMs, START_MS + 1100)
    state = apply(state, [], { reducer, atMs: START_MS + 1500 }).state
    assert.deepEqual(seen, ['k100', 'k500'])
    state = apply(state, [], { reducer, atMs: START_MS + 1899 }).state
    assert.equal(state.wakeAtMs, START_MS + 1900)
    state = apply(state, [], { reducer, atMs: START_MS + 1900 }).state
    assert.deepEqual(seen, ['k100', 'k500', 'k900'])
    assert.equal(state.wakeAtMs, null)
  })
})

describe('the right to create keys', () => {
  const someone = keyNamed('someone').publicKey

  it('is what the genesis says, until an operator grants or withdraws it', () => {
    let state = initialState(genesis)
    const has = (): boolean =>
      mayCreate({ get: path => state.records.get(path), list: () => [], page: () => [] }, someone)
    assert.equal(has(), false)
    const grant = (revision: number, isAllowed: boolean): SignedTransaction =>
      signed(genesis, { type: 'grant-create', principal: someone, revision, isAllowed }, operator)
    state = apply(state, [grant(0, true)]).state
    assert.equal(has(), true)
    const replayed = apply(state, [grant(0, true)]).results[0]!
    assert.ok(!replayed.ok && replayed.code === 'conflict')
    state = apply(state, [grant(1, false)]).state
    assert.equal(has(), false)
  })
})

describe('the leader', () => {
  it('is the rank that succeeded, for the rest of the epoch', () => {
    const state = initialState(genesis)
    const after = apply(state, [], { round: 2 }).state
    assert.equal(after.chain.leader, 2)
    assert.equal(apply(after, [], { round: 3 }).state.chain.leader, 1)
    const next = apply(after, [], { round: 1, atMs: START_MS + genesis.timing.epochMs }).state
    assert.equal(next.chain.epoch, 1)
    assert.equal(next.chain.leader, 0)
    assert.notEqual(toHex(next.chain.seed), toHex(after.chain.seed))
  })

  it("stays the same node when another one leaves, and the next certificate is still the old voters' to give", () => {
    const state = apply(initialState(genesis), [], { round: 1 }).state
    const leader = state.ranking[state.chain.leader]!.peerId
    const gone = state.ranking[0]!.peerId
    const reducer: Reducer = {
      transactions: {
        'create-key': ledger => {
          const member = ledger.get<MemberRecord>(memberPath(gone))!
          ledger.put(memberPath(gone), { ...member, state: 'removed' })
        },
      },
      atBlock: [],
    }
    const after = apply(state, [signed(genesis, createKey('a'))], { reducer }).state
    assert.equal(after.validators.length, 3)
    assert.equal(after.ranking[after.chain.leader]!.peerId, leader)
    assert.equal(after.previousValidators.length, 4)
    assert.equal(apply(after, [], { reducer }).state.previousValidators.length, 3)
  })

  it('is one of sixteen: the members of most weight', () => {
    const keys = nodeKeys(20)
    const large = makeGenesis(keys)
    const reducer: Reducer = {
      transactions: {},
      atBlock: [
        ledger => {
          for (const key of keys.slice(4)) {
            const path = memberPath(peerIdOf(key.publicKey))
            ledger.put(path, { ...ledger.get<MemberRecord>(path)!, weight: 2 })
          }
        },
      ],
    }
    const state = initialState(large)
    assert.equal(state.validators.length, 16)
    const chosen = apply(state, [], { reducer }).state.validators.map(({ peerId }) => peerId)
    assert.deepEqual(
      chosen.toSorted(),
      keys
        .slice(4)
        .map(key => peerIdOf(key.publicKey))
        .sort(),
    )
  })
})

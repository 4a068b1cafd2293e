import assert from 'node:assert/strict'
import { OstrakaError } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import { MAX_RETRIES_PER_BLOCK, MAX_RETRY_BLOCKS } from '../../src/control/deadlines.ts'
import {
  type Applied,
  applyBlock,
  type DeadlineHandler,
  initialState,
  type LedgerState,
  MAX_DUE_PER_BLOCK,
  type Reducer,
} from '../../src/control/index.ts'
import type { Certificate } from '../../src/wire/index.ts'
import { createKey, makeGenesis, nodeKeys, START_MS, signed } from './fixture.ts'

const genesis = makeGenesis(nodeKeys(4))
const certificate: Certificate = { height: 1, round: 0, blockId: new Uint8Array(32), signatures: [] }

/** A log in which the transaction `create-key` named `NAME-MS` registers `task/NAME` for so many ms after the start. */
class Deadlines {
  readonly done: string[] = []
  state: LedgerState = initialState(genesis)
  faults: Applied['faults'] = []
  readonly #reducer: Reducer

  constructor(handler: (subject: string) => void) {
    const task: DeadlineHandler = (ledger, subject, { height }) => {
      ledger.put(`done/${subject}`, { height })
      handler(subject)
      this.done.push(subject.slice('task/'.length))
    }
    this.#reducer = {
      transactions: {
        'create-key': (ledger, { name }) => {
          const [subject, ms] = name.split('-')
          ledger.wakeAt(START_MS + Number(ms), `task/${subject}`)
        },
      },
      atBlock: [],
      deadlines: { task },
    }
  }

  block(afterMs: number, names: readonly string[] = []): void {
    const { chain } = this.state
    const made = names.map(name => signed(genesis, createKey(name)))
    const block = makeBlock(this.state, chain.height === 0 ? null : certificate, made, 0, START_MS + afterMs)
    const { state, faults } = applyBlock(this.state, block, this.#reducer)
    this.state = state
    this.faults = faults
  }

  under(prefix: string): string[] {
    return [...this.state.records.entries(prefix)].map(({ path }) => path)
  }
}

function poison(subject: string): void {
  if (subject.includes('bad')) throw new OstrakaError('internal', 'poisoned')
}

describe('a deadline', () => {
  it('is consumed by success: one that fails loses none of the others, and is tried again', () => {
    let isPoisoned = true
    const log = new Deadlines(subject => isPoisoned && poison(subject))
    log.block(10, ['a-100', 'bad-110', 'b-120'])
    log.block(200)
    assert.deepEqual(log.done, ['a', 'b'])
    assert.deepEqual(
      log.faults.map(({ details }) => details),
      [{ subject: 'task/bad', failures: 1 }],
    )
    assert.equal(log.state.records.get('done/task/bad'), undefined, 'it left no trace')
    assert.equal(log.state.wakeAtMs, null, 'no block is made for it alone')
    log.block(210)
    log.block(220)
    assert.equal(log.faults[0]?.details.failures, 2)
    isPoisoned = false
    for (let block = 0; block < 4; block++) log.block(230 + block)
    assert.deepEqual(log.done, ['a', 'b', 'bad'])
    assert.deepEqual([...log.under('retry/'), ...log.under('wake/'), ...log.under('deadline/')], [])
  })

  it('that always fails costs ever less: it waits twice as many blocks each time, up to a bound', () => {
    let tries = 0
    const log = new Deadlines(() => {
      tries++
      throw new TypeError('always')
    })
    log.block(10, ['bad-100'])
    for (let block = 0; block < 4 * MAX_RETRY_BLOCKS; block++) log.block(200 + block)
    // at once, then after 2, 4, … 1024 blocks, then every 1024
    assert.equal(tries, 1 + 10 + 2)
  })

  it('that fails does not keep the others waiting, however many such there are', () => {
    const log = new Deadlines(poison)
    const bad = Array.from({ length: 3 * MAX_DUE_PER_BLOCK }, (_, index) => `bad${index}-100`)
    log.block(10, bad)
    log.block(20, ['good-300'])
    for (let block = 0; block < 10; block++) {
      log.block(300 + block)
      assert.ok(log.faults.length <= MAX_DUE_PER_BLOCK + MAX_RETRIES_PER_BLOCK)
    }
    assert.deepEqual(log.done, ['good'])
  })

  it('is one of so many that a block handles: the rest has the next block made at once', () => {
    const log = new Deadlines(() => {})
    const all = Array.from({ length: MAX_DUE_PER_BLOCK + 1 }, (_, index) => `t${index}-${100 + index}`)
    log.block(10, all)
    log.block(5000)
    assert.equal(log.done.length, MAX_DUE_PER_BLOCK)
    assert.ok(log.state.wakeAtMs! < 5000 + START_MS)
    log.block(5001)
    assert.equal(log.done.length, MAX_DUE_PER_BLOCK + 1)
    assert.equal(log.state.wakeAtMs, null)
  })

  it('takes the place of the one its subject had: registering a thousand times leaves one', () => {
    const log = new Deadlines(() => {})
    const again = Array.from({ length: 1000 }, (_, index) => `same-${100 + index}`)
    log.block(10, again)
    assert.equal(log.under('deadline/').length, 1)
    assert.equal(log.state.wakeAtMs, START_MS + 1099)
    log.block(2000)
    assert.deepEqual(log.done, ['same'])
  })
})

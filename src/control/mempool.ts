import { OstrakaError, type Outcome, toHex } from '../base/index.ts'
import { verifySigned } from '../crypto/index.ts'
import {
  type CertifiedBlock,
  MAX_BLOCK_TRANSACTIONS,
  MAX_TRANSACTION_BYTES,
  type SignedTransaction,
  type Transaction,
  transactionCodec,
} from '../wire/index.ts'
import { type Reducer, type TransactionResult, tryTransaction } from './apply.ts'
import { MAX_TRANSACTIONS_BYTES } from './blocks.ts'
import { transactionIdOf } from './ids.ts'
import type { LedgerState } from './ledger.ts'
import type { LogLimits } from './log-types.ts'

/** Remembered ids of transactions that a block holds, so that late copies are not taken in again. */
const MAX_RECENT = 16_384
/** A forwarded transaction may run ahead of the block that it builds on; it is tried again after this many. */
const PARKED_BLOCKS = 3
const MAX_PARKED = 256
const MAX_PARKED_BYTES = 4 * 1024 * 1024
/** Waiting transactions that are tried again after each block; the rest is behind them in the queue. */
const MAX_RETRIED = 256
/** One signer's part of the pool, so that no one can fill it alone. */
const SIGNER_PART = 4

/**
 * Types that wait for the block that opens the next epoch: one block takes what all nodes say once an epoch. Only those
 * who propose next are told of them (`submissions.ts`).
 */
const PATIENT: ReadonlySet<Transaction['type']> = new Set(['report', 'randomness'])

export function isPatient({ value }: SignedTransaction): boolean {
  return PATIENT.has(value.type)
}

interface Entry {
  readonly transaction: SignedTransaction
  readonly sizeBytes: number
}

interface Parked extends Entry {
  readonly untilHeight: number
}

export interface Inclusion {
  readonly height: number
  readonly result: TransactionResult
}

/** Transactions on their way into a block: bounded, in order of arrival, each signed and tried against the state. */
export class Mempool {
  readonly #limits: LogLimits
  readonly #reducer: Reducer
  readonly #pending = new Map<string, Entry>()
  readonly #parked = new Map<string, Parked>()
  readonly #recent = new Map<string, Inclusion>()
  readonly #perSigner = new Map<string, number>()
  #sizeBytes = 0
  #parkedBytes = 0
  /** How many of the waiting are patient. */
  #patient = 0

  constructor(limits: LogLimits, reducer: Reducer) {
    this.#limits = limits
    this.#reducer = reducer
  }

  get size(): number {
    return this.#pending.size
  }

  /** Whether anything waits that wants a block at once. */
  get isPressed(): boolean {
    return this.#pending.size > this.#patient
  }

  /** The block that holds this transaction, if it is a recent one. */
  inclusionOf(id: string): Inclusion | undefined {
    return this.#recent.get(id)
  }

  /** Whether this transaction's signature was verified when it came in. */
  isVerified(id: string): boolean {
    return this.#pending.has(id) || this.#parked.has(id)
  }

  /**
   * Takes in a transaction whose id is `id`. Errors: `bad_signature`, `too_large`, `overloaded`, and whatever the reducer
   * would refuse it with; with `mayPark`, one that the reducer refuses is kept a while in case it came early.
   */
  add(
    state: LedgerState,
    transaction: SignedTransaction,
    nowMs: number,
    mayPark: boolean,
  ): Outcome<{ readonly isNew: boolean }> {
    const bytes = transactionCodec.encode(transaction)
    const id = toHex(transactionIdOf(transaction))
    if (this.#pending.has(id) || this.#recent.has(id)) return { ok: true, value: { isNew: false } }
    if (mayPark && this.#parked.has(id)) return { ok: true, value: { isNew: false } }
    const refusal = this.#refusal(state, transaction, bytes.length)
    if (refusal !== null) return { ok: false, error: refusal }
    const entry: Entry = { transaction, sizeBytes: bytes.length }
    const result = tryTransaction(state, transaction, this.#reducer, nowMs)
    if (result.ok) {
      this.#unpark(id)
      this.#insert(id, entry)
      return { ok: true, value: { isNew: true } }
    }
    if (mayPark) this.#park(id, { ...entry, untilHeight: state.chain.height + PARKED_BLOCKS })
    return { ok: false, error: new OstrakaError(result.code, result.message, result.details) }
  }

  #refusal(state: LedgerState, transaction: SignedTransaction, sizeBytes: number): OstrakaError | null {
    if (sizeBytes > MAX_TRANSACTION_BYTES)
      return new OstrakaError('too_large', 'the transaction is too large')
    const { mempoolCount, mempoolBytes } = this.#limits
    const ofSigner = this.#perSigner.get(toHex(transaction.signer)) ?? 0
    if (
      this.#pending.size >= mempoolCount ||
      this.#sizeBytes + sizeBytes > mempoolBytes ||
      ofSigner >= mempoolCount / SIGNER_PART
    ) {
      return new OstrakaError('overloaded', 'too many transactions wait', { waiting: this.#pending.size })
    }
    if (!verifySigned('transaction', state.networkId, transaction)) {
      return new OstrakaError('bad_signature', 'the transaction is not signed by its signer')
    }
    return null
  }

  #insert(id: string, entry: Entry): void {
    const signer = toHex(entry.transaction.signer)
    this.#pending.set(id, entry)
    this.#sizeBytes += entry.sizeBytes
    if (isPatient(entry.transaction)) this.#patient++
    this.#perSigner.set(signer, (this.#perSigner.get(signer) ?? 0) + 1)
  }

  #park(id: string, entry: Parked): void {
    if (this.#parked.size >= MAX_PARKED || this.#parkedBytes + entry.sizeBytes > MAX_PARKED_BYTES) return
    this.#parked.set(id, entry)
    this.#parkedBytes += entry.sizeBytes
  }

  #unpark(id: string): void {
    this.#parkedBytes -= this.#parked.get(id)?.sizeBytes ?? 0
    this.#parked.delete(id)
  }

  /** Forgets a transaction that no longer waits. */
  drop(id: string): void {
    this.#unpark(id)
    const entry = this.#pending.get(id)
    if (entry === undefined) return
    const signer = toHex(entry.transaction.signer)
    const left = this.#perSigner.get(signer)! - 1
    this.#pending.delete(id)
    this.#sizeBytes -= entry.sizeBytes
    if (isPatient(entry.transaction)) this.#patient--
    if (left > 0) this.#perSigner.set(signer, left)
    else this.#perSigner.delete(signer)
  }

  /** What a block has room for, in order of arrival. */
  take(
    maxBytes: number = MAX_TRANSACTIONS_BYTES,
    maxCount: number = MAX_BLOCK_TRANSACTIONS,
  ): SignedTransaction[] {
    const taken: SignedTransaction[] = []
    // the list's own head takes up to 9 bytes
    let sizeBytes = 9
    for (const entry of this.#pending.values()) {
      if (taken.length === maxCount || sizeBytes + entry.sizeBytes > maxBytes) break
      taken.push(entry.transaction)
      sizeBytes += entry.sizeBytes
    }
    return taken
  }

  /** Takes out what the block holds, and what it made void. */
  settle(
    certified: CertifiedBlock,
    results: readonly TransactionResult[],
    after: LedgerState,
    nowMs: number,
  ): void {
    const { height } = certified.block.header
    for (const result of results) {
      const id = toHex(result.transactionId)
      this.drop(id)
      this.#recent.set(id, { height, result })
    }
    for (const id of this.#recent.keys()) {
      if (this.#recent.size <= MAX_RECENT) break
      this.#recent.delete(id)
    }
    this.retry(after, nowMs)
  }

  /** Tries what waits against a new state: void transactions leave, parked ones may enter. */
  retry(state: LedgerState, nowMs: number): void {
    const passes = ({ transaction }: Entry): boolean =>
      tryTransaction(state, transaction, this.#reducer, nowMs).ok
    for (const [id, entry] of [...this.#pending].slice(0, MAX_RETRIED)) if (!passes(entry)) this.drop(id)
    for (const [id, { transaction, sizeBytes, untilHeight }] of [...this.#parked]) {
      const isReady = passes({ transaction, sizeBytes })
      if (isReady || state.chain.height >= untilHeight) this.#unpark(id)
      if (isReady) this.#insert(id, { transaction, sizeBytes })
    }
  }

  has(id: string): boolean {
    return this.#pending.has(id)
  }
}

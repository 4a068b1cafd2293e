import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type ErrorCode, isOstrakaError, toHex } from '../../../src/base/index.ts'
import type { RecordClaim, RecordJudge, RecordStanding } from '../../../src/keys/index.ts'
import { Patience } from '../../../testnet/slowness.ts'

/** How a contract lets time pass: the real adapters wait, the simulated ones step their virtual clock. */
export interface World {
  /** Resolves once `condition` holds; rejects when it does not within a generous time. */
  until(condition: () => boolean): Promise<void>
  /** Lets the world run until `promise` has settled, and settles alike. */
  settle<T>(promise: Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Below mocha's timeout, so that it is said what never came; both last longer on a busy machine. */
const PATIENCE_MS = 30_000

/** The world's side of real adapters: wall-clock time, polled. */
export const realTime: Pick<World, 'until' | 'settle'> = {
  async until(condition) {
    const patience = new Patience(PATIENCE_MS)
    while (!condition()) {
      if (patience.isOver) throw new Error(`never became true: ${condition}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  },
  settle: promise => promise,
}

export async function failsWith(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await promise.then(
    () => assert.fail(`expected ${code}, but it succeeded`),
    (reason: unknown) => reason,
  )
  assert.ok(isOstrakaError(error), `expected ${code}, got ${error}`)
  assert.equal(error.code, code)
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes)
}

export function keyOf(record: Uint8Array): string {
  return toHex(createHash('sha256').update(record).digest())
}

const STANDINGS: readonly RecordStanding[] = ['pinned', 'expected', 'unknown', 'over']

/**
 * Judges records of contracts by their text: `forged` is signed by nobody; the first word may be a standing, then a place may
 * follow; all others are pinned.
 */
export const textJudge: RecordJudge = {
  read: record => (Buffer.from(record).includes('forged') ? undefined : textJudge.claim(record)),
  claim(record): RecordClaim {
    const [standing, place] = (textOf(record.subarray(0, 64)) ?? '').split(' ')
    const hash = new Uint8Array(createHash('sha256').update(record).digest())
    return { hash, place: `${standing} ${place}`, dealing: undefined as never }
  },
  standing: ({ place }) => STANDINGS.find(standing => place.startsWith(standing)) ?? 'pinned',
  isBehind: () => false,
}

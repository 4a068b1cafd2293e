import type { SpawnSyncReturns } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, KeyJson, NewKey } from '../src/api/index.ts'
import { type ErrorCode, isOstrakaError, OstrakaError } from '../src/base/index.ts'
import { Patience } from './slowness.ts'

/** Of an idle machine: what takes seconds there. On a busy one it lasts longer, see `Patience`. */
const PATIENCE_MS = 60_000
const POLL_MS = 100

/** What a client of busy daemons, or of daemons that have just come, is told, and asks again; all else is a fault. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'ceremony_aborted',
  'deadline_exceeded',
  'insufficient_shares',
  'no_quorum',
  'not_ready',
  'overloaded',
  'unreachable',
])

function isPassing(error: unknown): error is OstrakaError {
  return isOstrakaError(error) && PASSING.has(error.code)
}

/** With what else is known of it in the text, which is all that a failed test shows. */
function withDetails({ code, message, details }: OstrakaError): OstrakaError {
  return new OstrakaError(code, `${message} ${JSON.stringify(details)}`, details)
}

/** Acts again while what it meets is passing. Errors: any other, or the last one. */
export async function patiently<T>(act: () => Promise<T>, patienceMs: number = PATIENCE_MS): Promise<T> {
  const patience = new Patience(patienceMs)
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!isPassing(error)) throw error
      if (patience.isOver) throw withDetails(error)
      await sleep(POLL_MS)
    }
  }
}

/** Makes a key: on a busy machine a first ceremony may be aborted, or end after its client has heard of a failure. */
export function createKeyPatiently(client: Client, key: NewKey, patienceMs?: number): Promise<KeyJson> {
  return patiently(async () => {
    try {
      return await client.createKey(key)
    } catch (error) {
      if (!isOstrakaError(error, 'name_taken')) throw error
      const taken = await client.key(key.name)
      if (taken.version === 0) throw new OstrakaError('not_ready', `${key.name} is ${taken.state}`)
      return taken
    }
  }, patienceMs)
}

/** Asks again until `condition` holds; what a busy daemon says meanwhile counts as no. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const patience = new Patience(patienceMs)
  let last = ''
  for (;;) {
    try {
      if (await condition()) return
    } catch (error) {
      if (!isPassing(error)) throw error
      last = `, but ${error.code}: ${withDetails(error).message}`
    }
    if (patience.isOver) throw new Error(`not in time: ${what}${last}`)
    await sleep(POLL_MS)
  }
}

/** What a command ends with when nothing came of it because daemons are busy, or too few of them are there yet. */
const PASSING_COMMAND = /^(?:insufficient_shares|not_ready|overloaded|unreachable): /

/** Runs a command again while it fails for a reason that passes. This process does nothing else meanwhile. */
export function runPatiently(run: () => SpawnSyncReturns<Buffer>): SpawnSyncReturns<Buffer> {
  const patience = new Patience(PATIENCE_MS)
  for (;;) {
    const ended = run()
    if (ended.status === 0 || !PASSING_COMMAND.test(String(ended.stderr)) || patience.isOver) return ended
  }
}

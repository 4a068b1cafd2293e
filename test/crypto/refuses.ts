import assert from 'node:assert/strict'
import { type ErrorCode, isOstrakaError, type OstrakaError } from '../../src/base/index.ts'

/** Asserts that `work` throws an OstrakaError of that code, and hands it back. */
export function refuses(code: ErrorCode, work: () => unknown): OstrakaError {
  let thrown: unknown
  assert.throws(work, error => {
    thrown = error
    assert.ok(isOstrakaError(error), `not an OstrakaError: ${String(error)}`)
    assert.equal(error.code, code)
    return true
  })
  return thrown as OstrakaError
}

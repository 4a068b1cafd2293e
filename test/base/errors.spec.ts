import { deepEqual, equal } from 'node:assert/strict'
import { ERROR_CODES, isOstrakaError, OstrakaError, toOstrakaError } from '../../src/base/index.ts'

describe('errors', () => {
  it('carry a code of the closed list and plain details', () => {
    const error = new OstrakaError('insufficient_shares', '2 of 3 answered', { needed: 3, answered: 2 })
    equal(error.code, 'insufficient_shares')
    deepEqual(error.details, { needed: 3, answered: 2 })
    equal(error instanceof Error, true)
    equal(error.name, 'OstrakaError')
  })

  it('are told apart by code alone', () => {
    const error = new OstrakaError('expired', 'forbidden')
    equal(isOstrakaError(error), true)
    equal(isOstrakaError(error, 'expired'), true)
    equal(isOstrakaError(error, 'forbidden'), false)
    equal(isOstrakaError({ code: 'expired' }), false)
    equal(isOstrakaError(new Error('expired')), false)
  })

  it('turn what is foreign into `internal`, and leave their own alone', () => {
    const error = new OstrakaError('replayed', '')
    equal(toOstrakaError(error), error)
    equal(toOstrakaError(new TypeError('no')).code, 'internal')
    equal(toOstrakaError('no').message, 'no')
    equal(toOstrakaError(undefined).code, 'internal')
  })

  it('have each code once', () => {
    equal(new Set(ERROR_CODES).size, ERROR_CODES.length)
  })
})

import { equal, ok } from 'node:assert/strict'
import { fuzz } from '../../scripts/fuzz.ts'
import { fuzzTargets } from '../../scripts/fuzz-targets.ts'
import { OstrakaError } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'

// `npm run fuzz` gives each decoder a million; this many show in a second that the harness still reaches them all
const INPUTS = 2000

await cryptoReady

describe('fuzzed inputs', () => {
  for (const target of fuzzTargets()) {
    it(`${target.name}: are refused with a typed error, or come back byte for byte`, () => {
      const { failure, accepted } = fuzz(target, INPUTS, 'mocha')
      equal(failure, undefined)
      ok(accepted > 0, 'no input was accepted: the corpus is stale')
      ok(accepted < INPUTS, 'no input was refused')
    })
  }

  it('a decoder that throws something foreign is found', () => {
    const read = (): never => {
      throw new TypeError('surprise')
    }
    ok(fuzz({ name: 'x', corpus: [new Uint8Array(4)], read }, 10, 'a').failure?.includes('surprise'))
  })

  it('a decoder that takes two spellings of one value is found', () => {
    const read = (bytes: Uint8Array): Uint8Array => {
      if (bytes.length < 1) throw new OstrakaError('malformed', 'empty')
      return bytes.subarray(0, 1)
    }
    ok(fuzz({ name: 'x', corpus: [new Uint8Array(4)], read }, 100, 'a').failure?.includes('came back'))
  })
})

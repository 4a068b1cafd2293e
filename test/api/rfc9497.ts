import { readFileSync } from 'node:fs'
import { fromHex } from '../../src/base/index.ts'

interface Suite {
  readonly identifier: string
  readonly mode: number
  readonly skSm: string
  readonly vectors: readonly { readonly Batch: number; readonly Input: string; readonly Output: string }[]
}

/** RFC 9497 appendix A.1.2: the ristretto255 test key in VOPRF mode, with its single-input vectors. */
export function voprfVectors(): {
  readonly key: Uint8Array
  readonly vectors: readonly { readonly input: Uint8Array; readonly output: Uint8Array }[]
} {
  const path = new URL('../vectors/rfc9497/ristretto255-sha512.json', import.meta.url)
  const suites = JSON.parse(readFileSync(path, 'utf8')) as readonly Suite[]
  const suite = suites.find(each => each.mode === 1)!
  const vectors = suite.vectors.filter(vector => vector.Batch === 1)
  return {
    key: fromHex(suite.skSm),
    vectors: vectors.map(vector => ({ input: fromHex(vector.Input), output: fromHex(vector.Output) })),
  }
}

import { deepEqual, equal, ok } from 'node:assert/strict'
import * as dagCbor from '@ipld/dag-cbor'
import { fuzz } from '../../scripts/fuzz.ts'
import { fromHex, OstrakaError } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { isPlainlyCanonical } from '../../src/wire/canonical.ts'
import { SAMPLED } from './samples.ts'

await cryptoReady

const corpus = Object.values(SAMPLED).flatMap(({ codec, samples }) =>
  [...samples].map(([, sample]) => codec.encode(sample as never)),
)

describe('the quick look at canonical bytes', () => {
  it('knows all messages but those with floats, or text that is not ASCII', () => {
    const missed = corpus.filter(bytes => !isPlainlyCanonical(bytes))
    ok(missed.length < corpus.length / 8, `${missed.length} of ${corpus.length}`)
  })

  it('says yes to nothing that would be encoded otherwise', () => {
    const read = (bytes: Uint8Array): Uint8Array => {
      if (!isPlainlyCanonical(bytes)) throw new OstrakaError('malformed', 'not plain')
      return dagCbor.encode(dagCbor.decode(bytes))
    }
    const { failure, accepted } = fuzz({ name: 'canonical', corpus, read }, 30_000, 'canonical')
    equal(failure, undefined)
    ok(accepted > 1000, `only ${accepted} were accepted`)
  })

  it('takes lengths at their bounds', () => {
    for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536]) {
      for (const value of [
        new Uint8Array(length),
        'a'.repeat(length),
        new Array(length).fill(7),
        length,
        -1 - length,
      ]) {
        ok(isPlainlyCanonical(dagCbor.encode(value)), `${length}`)
      }
    }
  })

  it('leaves to others what is cut, long-winded, unordered, tagged, foreign or endless', () => {
    const doubtful = [
      ...[
        '',
        '18',
        '1817',
        '190017',
        '1a00000017',
        '1b0000000000000001',
        '38',
        '3817',
        '5801',
        '42ff',
        '6261',
      ],
      ...['61ff', '81', 'a1', 'a16161', 'a1616101ff', 'a2616201616101', 'a2616101616102', 'a262616101616201'],
      ...['a10101', '9f01ff', 'c101', 'f7', 'f97e00', 'fb4000000000000000', 'f818', '1c', '5f'],
    ].map(fromHex)
    deepEqual(doubtful.filter(isPlainlyCanonical), [])
    equal(isPlainlyCanonical(new Uint8Array(500_000).fill(0x81)), false)
  })
})

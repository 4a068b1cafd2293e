import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import {
  compareBytes,
  compareText,
  concat,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  fromUnpaddedBase64,
  fromUtf8,
  isOstrakaError,
  listFromBase64,
  type OstrakaError,
  peerIdOf,
  publicKeyOf,
  toBase64,
  toBase64Url,
  toHex,
  toUnpaddedBase64,
  utf8,
} from '../../src/base/index.ts'
import { bent } from '../../testnet/slowness.ts'

type Decoder = (text: string, field: string) => Uint8Array

const malformed = (error: unknown): boolean => isOstrakaError(error, 'malformed')

describe('bytes as text', () => {
  const all = new Uint8Array(256).map((_, index) => index)

  it('hexadecimal comes back, also from a part of a larger buffer', () => {
    deepEqual(fromHex(toHex(all)), all)
    equal(toHex(all.subarray(1, 3)), '0102')
    deepEqual(fromHex('aBcD'), new Uint8Array([0xab, 0xcd]))
    deepEqual(fromHex(''), new Uint8Array(0))
  })

  it('hexadecimal is strict', () => {
    for (const wrong of ['a', 'abc', '0x00', 'gg', ' 00', '00 ', '0\n', '００'])
      throws(() => fromHex(wrong), malformed)
  })

  it('base64 comes back', () => {
    for (let length = 0; length < 8; length++) {
      const part = all.subarray(0, length)
      deepEqual(fromBase64(toBase64(part), 'field'), all.slice(0, length))
      deepEqual(fromUnpaddedBase64(toUnpaddedBase64(part), 'field'), all.slice(0, length))
      deepEqual(fromBase64Url(toBase64Url(part), 'field'), all.slice(0, length))
    }
  })

  it('base64 has one spelling for one value', () => {
    for (const wrong of [
      'AA',
      'AA=',
      'AAA',
      'AB==',
      'AAB=',
      '-_-_',
      'AA==\n',
      ' AA==',
      'A A=',
      'AA==AA==',
      '=',
      '*',
    ]) {
      throws(() => fromBase64(wrong, 'field'), malformed)
    }
  })

  it('a refusal of base64 names the field, the index and what is wrong', () => {
    const cases: ReadonlyArray<readonly [Decoder, string, number, RegExp]> = [
      [fromBase64, 'AA-_', 2, /base64url/],
      [fromBase64, 'AAA', 3, /padding is missing \(=\)/],
      [fromBase64, 'AA', 2, /padding is missing \(==\)/],
      [fromBase64, 'AAAA=', 4, /too much padding/],
      [fromBase64, 'AA==AA==', 2, /padding in the middle/],
      [fromBase64, 'AAAA\n', 4, /white space/],
      [fromBase64, 'AAé=', 2, /no alphabet/],
      [fromBase64, 'AAAAA', 4, /cut short/],
      [fromBase64, 'AB==', 1, /bits that belong to no byte/],
      [fromUnpaddedBase64, 'AA==', 2, /has padding/],
      [fromUnpaddedBase64, 'AB', 1, /bits that belong to no byte/],
      [fromBase64Url, 'AA+/', 2, /standard base64/],
      [fromBase64Url, 'AAA=', 3, /has padding/],
    ]
    for (const [decode, text, index, problem] of cases) {
      throws(
        () => decode(text, 'messages[3]'),
        (error: OstrakaError) =>
          error.code === 'malformed' &&
          error.message.startsWith('messages[3] is not ') &&
          error.details.field === 'messages[3]' &&
          error.details.index === index &&
          problem.test(String(error.details.problem)),
        text,
      )
    }
    throws(() => fromBase64(7 as unknown as string, 'a'), { code: 'malformed', message: 'a is no text' })
    throws(() => listFromBase64(['AAAA', 'AA-_'], 'messages'), {
      code: 'malformed',
      message: /^messages\[1\] /,
    })
  })

  it('a megabyte that is no base64 is refused at once', () => {
    const started = performance.now()
    for (const wrong of [`${'='.repeat(2 ** 20)}A`, `${'A='.repeat(2 ** 19)}`]) {
      throws(() => fromBase64(wrong, 'field'), malformed)
    }
    ok(performance.now() - started < bent(1000))
  })

  it('UTF-8 refuses what is none', () => {
    equal(fromUtf8(utf8('ὄστρακον')), 'ὄστρακον')
    for (const wrong of ['ff', 'c0af', 'eda080', 'f8', 'e2'])
      throws(() => fromUtf8(fromHex(wrong)), malformed)
  })

  it('compares and joins', () => {
    deepEqual(concat(utf8('a'), utf8(''), utf8('bc')), utf8('abc'))
    equal(equalBytes(utf8('a'), utf8('a')), true)
    equal(equalBytes(utf8('a'), utf8('ab')), false)
    equal(compareBytes(utf8('a'), utf8('b')) < 0, true)
    equal(compareBytes(fromHex('ff'), fromHex('00ff')) > 0, true)
    deepEqual(['b', 'B', 'a', ''].sort(compareText), ['', 'B', 'a', 'b'])
  })
})

describe('peer ids', () => {
  it('have one spelling each', () => {
    const spelling = '12D3KooWAHoEkEqnKM5PXFygixgwx1govVBT5XS3k8DtGST2cneUV8Gyt'
    for (const wrong of [spelling.replace('i', 'ƙ'), ` ${spelling}`, `${spelling}\n`]) {
      throws(() => publicKeyOf(wrong), malformed)
    }
  })

  it('hold the public key', () => {
    const key = new Uint8Array(32).fill(9)
    equal(peerIdOf(key).startsWith('12D3KooW'), true)
    deepEqual(publicKeyOf(peerIdOf(key)), key)
  })

  it('refuse other multihashes, lengths and alphabets', () => {
    const good = peerIdOf(new Uint8Array(32).fill(9))
    for (const wrong of [
      '',
      'Qm',
      good.slice(1),
      `${good}1`,
      `${good.slice(0, -1)}0`,
      'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    ]) {
      throws(() => publicKeyOf(wrong), malformed)
    }
  })
})

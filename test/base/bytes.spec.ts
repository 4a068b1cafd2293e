import { deepEqual, equal, throws } from 'node:assert/strict'
import {
  compareBytes,
  compareText,
  concat,
  equalBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  isOstrakaError,
  peerIdOf,
  publicKeyOf,
  toBase64,
  toHex,
  utf8,
} from '../../src/base/index.ts'

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
      deepEqual(fromBase64(toBase64(all.subarray(0, length))), all.slice(0, length))
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
      throws(() => fromBase64(wrong), malformed)
    }
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

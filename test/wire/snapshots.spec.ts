import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { fromHex, toHex } from '../../src/base/index.ts'
import * as wire from '../../src/wire/index.ts'
import { SAMPLED, type Sampled } from './samples.ts'

const GOLDEN = `${import.meta.dirname}/../golden`
const BYTES_PER_LINE = 40

function lines(hex: string): string[] {
  return hex.match(new RegExp(`.{1,${2 * BYTES_PER_LINE}}`, 'g')) ?? []
}

function transcript({ codec, samples }: Sampled): string {
  const parts = [...samples].map(([name, value]) => {
    const encoded = codec.encode(value)
    return [`# ${name}, ${encoded.length} bytes`, ...lines(toHex(encoded)), ''].join('\n')
  })
  return parts.join('\n')
}

/** The snapshots of one file: name and bytes. */
function read(text: string): [string, Uint8Array][] {
  return text
    .split(/^# /m)
    .slice(1)
    .map(part => {
      const [title, ...hex] = part.trim().split('\n')
      return [title!.split(',')[0]!, fromHex(hex.join(''))]
    })
}

describe('the bytes of every message', () => {
  it('has a sample of every codec', () => {
    const codecs = Object.values(wire).filter(
      each => typeof each === 'object' && 'decode' in each && 'encode' in each,
    )
    const sampled = new Set(Object.values(SAMPLED).map(each => each.codec as unknown))
    deepEqual(
      codecs.filter(each => !sampled.has(each)),
      [],
    )
  })

  for (const [name, sampled] of Object.entries(SAMPLED)) {
    const file = `${GOLDEN}/wire-${name}.txt`
    it(`${name}: are those of the snapshot`, () => {
      if (process.env.UPDATE_GOLDEN) writeFileSync(file, transcript(sampled))
      equal(transcript(sampled), readFileSync(file, 'utf8'))
    })

    it(`${name}: the snapshot decodes to the same value, and encodes to the same bytes`, () => {
      for (const [sample, bytes] of read(readFileSync(file, 'utf8'))) {
        const value = sampled.codec.decode(bytes)
        deepEqual(value, sampled.samples.get(sample))
        equal(toHex(sampled.codec.encode(value)), toHex(bytes))
      }
    })
  }
})

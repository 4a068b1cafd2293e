import { equal, notEqual } from 'node:assert/strict'
import { toHex, utf8 } from '../../src/base/index.ts'
import { SIGNING_TYPES, signingBytes } from '../../src/wire/index.ts'

describe('signing domains', () => {
  const network = new Uint8Array(32).fill(7)
  const bytes = utf8('value')

  it('are the version, the type, a zero byte, the network and the value', () => {
    equal(
      toHex(signingBytes('prevote', network, bytes)),
      `${toHex(utf8('ostraka/1/prevote'))}00${'07'.repeat(32)}${toHex(bytes)}`,
    )
  })

  it('differ for every type, and none is the beginning of another', () => {
    const all = SIGNING_TYPES.map(type => toHex(signingBytes(type, network, bytes)))
    equal(new Set(all).size, SIGNING_TYPES.length)
    for (const a of all) for (const b of all) if (a !== b) equal(b.startsWith(a.slice(0, -10)), false)
  })

  it('differ for every network', () => {
    const other = new Uint8Array(32).fill(8)
    notEqual(
      toHex(signingBytes('transaction', network, bytes)),
      toHex(signingBytes('transaction', other, bytes)),
    )
  })
})

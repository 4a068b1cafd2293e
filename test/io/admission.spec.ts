import assert from 'node:assert/strict'
import { Admission } from '../../src/io/admission.ts'

describe('Admission', () => {
  const admitted = (admission: Admission, addresses: readonly string[], nowMs: number): number =>
    addresses.filter(address => admission.admits(address, nowMs)).length
  const times = (count: number, address: string): string[] => Array.from({ length: count }, () => address)

  it('lets one address begin 24 handshakes at once and 8 a second, and no more', () => {
    const admission = new Admission(0)
    assert.equal(admitted(admission, times(1000, '192.0.2.1'), 0), 24)
    assert.equal(admitted(admission, times(1000, '192.0.2.1'), 1000), 8)
  })

  it('does not let one address use up what others have', () => {
    const admission = new Admission(0)
    admitted(admission, times(10_000, '192.0.2.1'), 0)
    assert.equal(admitted(admission, times(15, '192.0.2.2'), 0), 15)
  })

  it('lets all addresses together begin 256 at once and 64 a second', () => {
    const admission = new Admission(0)
    const many = Array.from({ length: 1000 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
    assert.equal(admitted(admission, many, 0), 256)
    assert.equal(admitted(admission, many, 1000), 64)
  })

  it('takes the addresses of one IPv6 network, and one IPv4 address however written, for one', () => {
    const admission = new Admission(0)
    const six = Array.from({ length: 100 }, (_, index) => `2001:db8:0:1::${index.toString(16)}`)
    assert.equal(admitted(admission, six, 0), 24)
    assert.equal(admitted(admission, times(100, '2001:db8:0:1:8:9:a:b'), 0), 0)
    assert.equal(admitted(admission, times(100, '2001:db8:0:2::1'), 0), 24)
    assert.equal(admitted(admission, [...times(100, '::ffff:192.0.2.1'), ...times(100, '192.0.2.1')], 0), 24)
  })
})

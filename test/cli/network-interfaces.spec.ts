import assert from 'node:assert/strict'
import { readInterfaces } from '../../src/cli/network-interfaces.ts'

const TABLE = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 532877259 1592801    0    0    0     0          0         0 532877259 1592801    0    0    0     0       0          0
 test0: 540673377   14289    0    0    0     0          0         0  1472360   10000    0    0    0     0       0          0
 test1:      1000      10    0    0    0     0          0         0     2000       20    0    0    0     0       0          0
`

describe('the host’s network interfaces', () => {
  it('are added up without loopback', () => {
    assert.deepEqual(readInterfaces(TABLE), { receivedBytes: 540674377, sentBytes: 1474360, linkMbps: 0 })
  })

  it('are nothing where there is no table', () => {
    assert.deepEqual(readInterfaces(''), { receivedBytes: 0, sentBytes: 0, linkMbps: 0 })
  })

  it('are read on this host without an error, each time at least as much', () => {
    const before = readInterfaces()
    assert.ok(readInterfaces().receivedBytes >= before.receivedBytes)
  })
})

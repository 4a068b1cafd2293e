import assert from 'node:assert/strict'
import { addressBook } from '../../src/cli/daemon.ts'
import {
  apiAddress,
  durationMs,
  hexBytes,
  httpUrl,
  integerFrom,
  momentMs,
  rightList,
} from '../../src/cli/options.ts'

const usage = { code: 'commander.invalidArgument' }

describe('option values', () => {
  it('durations have a unit', () => {
    assert.equal(durationMs('90s'), 90_000)
    assert.equal(durationMs('1h'), 3_600_000)
    for (const text of ['', '5', '0s', '-1h', '1w', '1.5h']) assert.throws(() => durationMs(text), usage)
  })

  it('moments are ISO 8601 with a zone, or from now on: see base/time.spec.ts', () => {
    assert.equal(momentMs('2030-01-01T00:00:00Z'), Date.UTC(2030, 0, 1))
    const beforeMs = Date.now()
    const sinceMs = momentMs('1h') - 3_600_000
    assert.ok(beforeMs <= sinceMs && sinceMs <= Date.now())
    for (const text of ['tomorrow', '90', '2030-01-01', '1990-01-01T00:00:00Z']) {
      assert.throws(() => momentMs(text), usage, text)
    }
  })

  it('integers are digits within their bounds', () => {
    assert.equal(integerFrom(1, 64)('64'), 64)
    for (const text of ['0', '65', '1e1', '0x10', ' 1', '']) {
      assert.throws(() => integerFrom(1, 64)(text), usage, text)
    }
  })

  it('hexadecimal comes in pairs; operations from their list; addresses with a port', () => {
    assert.deepEqual(hexBytes('00fF'), new Uint8Array([0, 255]))
    for (const text of ['0', 'zz', '0x00']) assert.throws(() => hexBytes(text), usage)
    assert.deepEqual(rightList('sign,export,sign'), ['sign', 'export'])
    assert.throws(() => rightList('sign,exports'), usage)
    assert.deepEqual(apiAddress('[::1]:7801'), { host: '::1', port: 7801 })
    assert.equal(httpUrl('https://pager.example/hook').host, 'pager.example')
    for (const text of ['', 'pager.example', 'file:///etc/passwd', 'ftp://x']) {
      assert.throws(() => httpUrl(text), usage)
    }
    for (const text of ['localhost', ':1', 'a:65536', '::1:80']) assert.throws(() => apiAddress(text), usage)
  })

  it('an address book groups multiaddrs by peer id and refuses one without', () => {
    const book = addressBook([
      '/ip4/1.2.3.4/tcp/1/p2p/12D3a',
      '/ip6/::1/tcp/1/p2p/12D3a',
      '/dns4/x/tcp/2/p2p/12D3b',
    ])
    assert.deepEqual(
      [...book].map(([peerId, list]) => [peerId, list.length]),
      [
        ['12D3a', 2],
        ['12D3b', 1],
      ],
    )
    assert.throws(() => addressBook(['/ip4/1.2.3.4/tcp/1']), { code: 'malformed' })
  })
})

import { equal, ok, throws } from 'node:assert/strict'
import { isOstrakaError } from '../../../src/base/index.ts'
import { type Nonced, ReplayWindow } from '../../../src/keys/operations/replay-window.ts'

function nonced(number: number, changes: Partial<Nonced> = {}): Nonced {
  const nonce = Buffer.alloc(16)
  nonce.writeUInt32BE(number)
  return { principal: new Uint8Array(32), nonce, digest: nonce, expiresMs: 10_000, ...changes }
}

describe('a replay window', () => {
  it('forgets nothing before it has expired, and everything after', () => {
    const window = new ReplayWindow(1)
    for (let number = 0; number < 100; number++) {
      const one = nonced(number, { expiresMs: 1_000 + number * 100 })
      equal(window.reuse(one, 'gateway', 0), false)
      window.remember(one, 'gateway')
    }
    equal(window.size, 100)
    for (let number = 50; number < 100; number++) {
      throws(
        () => window.reuse(nonced(number, { expiresMs: 1_000 + number * 100 }), 'gateway', 5_999),
        error => isOstrakaError(error, 'replayed'),
      )
    }
    equal(window.reuse(nonced(1000, { expiresMs: 30_000 }), 'gateway', 20_000), false)
    equal(window.size, 0)
  })

  it('refuses new requests rather than forget live ones, and one principal cannot fill it', () => {
    const window = new ReplayWindow(1)
    const flood = (): void => {
      for (let number = 0; ; number++) window.remember(nonced(number), 'gateway')
    }
    throws(flood, error => isOstrakaError(error, 'overloaded'))
    const other = nonced(0, { principal: new Uint8Array(32).fill(1) })
    ok(!window.reuse(other, 'gateway', 0))
    window.remember(other, 'gateway')
    throws(
      () => window.reuse(nonced(0), 'gateway', 0),
      error => isOstrakaError(error, 'replayed'),
    )
  })
})

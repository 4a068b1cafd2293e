import { deepEqual, equal, throws } from 'node:assert/strict'
import { format, inspect } from 'node:util'
import { isOstrakaError, Secret } from '../../src/base/index.ts'

describe('a secret', () => {
  const made = (): Secret => new Secret(new Uint8Array([0xde, 0xad, 0xbe, 0xef]))

  it('prints as <redacted> wherever it is printed', () => {
    const secret = made()
    const prints = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: [{ secret }] }, { depth: 9, showHidden: true }),
      format('%s %o %O %j', secret, secret, secret, secret),
    ]
    for (const print of prints) {
      equal(print.includes('<redacted>'), true, print)
      equal(/de.?ad|222|173|3q2/i.test(print), false, print)
    }
  })

  it('hides its bytes from enumeration and copying', () => {
    deepEqual(Object.keys(made()), [])
    deepEqual(Reflect.ownKeys(made()), [])
    deepEqual({ ...made() }, {})
  })

  it('compares by value', () => {
    equal(made().equals(made()), true)
    equal(made().equals(new Secret(new Uint8Array([1, 2, 3, 4]))), false)
    equal(made().equals(new Secret(new Uint8Array(3))), false)
  })

  it('is zero and unusable once wiped', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const secret = new Secret(bytes)
    equal(secret.expose(), bytes)
    secret.wipe()
    deepEqual(bytes, new Uint8Array(3))
    equal(secret.isWiped, true)
    throws(
      () => secret.expose(),
      error => isOstrakaError(error, 'internal'),
    )
    equal(secret.length, 3)
  })
})

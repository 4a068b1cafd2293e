import assert from 'node:assert/strict'
import { parseJson } from '../../src/base/index.ts'
import { bent } from '../../testnet/slowness.ts'

describe('JSON from outside', () => {
  const read = (text: string): unknown => parseJson(text, 'the file')

  it('is what JSON.parse makes of it', () => {
    for (const value of [
      null,
      1,
      'a"{\\',
      [],
      {},
      [{ a: 1 }, { a: 1 }],
      { a: { a: [{ a: 'a' }] }, b: ['a', 'a'] },
    ]) {
      assert.deepEqual(read(JSON.stringify(value)), value)
      assert.deepEqual(read(JSON.stringify(value, null, 2)), value)
    }
  })

  it('issue 10, item 13: a name twice in one object is refused, however it is spelled and wherever it stands', () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"b":{"a":[1,{"x":1}],"c":"}","a":2}}',
      '[{"a":1},{"b":1,"a":"{","b":2}]',
      '{"a":[],"b":{},"a":1}',
    ]) {
      assert.throws(() => read(text), { code: 'malformed', message: /twice in one object/ }, text)
    }
    assert.throws(() => read('{"__proto__":{}}'), { code: 'malformed', message: /__proto__/ })
  })

  it('issue 10, item 13: a byte order mark before it is ignored, and nowhere else', () => {
    assert.deepEqual(read('\ufeff{"a":1}'), { a: 1 })
    assert.throws(() => read('{\ufeff"a":1}'), { code: 'malformed', message: /^the file is no JSON: / })
    assert.throws(() => read('\ufeff\ufeff{}'), { code: 'malformed' })
  })

  it('a megabyte of any shape takes no long', () => {
    const started = performance.now()
    const size = 2 ** 20
    read(JSON.stringify('\\'.repeat(size / 2)))
    assert.throws(() => read(`${'['.repeat(size / 2)}${']'.repeat(size / 2)}`), { code: 'malformed' })
    read(`[${'{},'.repeat(size / 3)}1]`)
    assert.throws(() => read('"'.repeat(size)), { code: 'malformed' })
    assert.ok(performance.now() - started < bent(3000))
  })
})

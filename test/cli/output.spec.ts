import assert from 'node:assert/strict'
import { visible, visibleJson } from '../../src/base/index.ts'
import { tableLines } from '../../src/cli/output.ts'

describe('what commands print', () => {
  it('shows what would steer a terminal instead of doing it', () => {
    const [esc, csi, override, separator] = ['\u001b', '\u009b', '\u202e', '\u2028']
    assert.equal(visible(`${esc}[2K${csi}A`), '\\u{1b}[2K\\u{9b}A')
    assert.equal(visible(`a\rb${override}c${separator}\u007f`), 'a\\u{d}b\\u{202e}c\\u{2028}\\u{7f}')
  })

  it('leaves text as it is', () => {
    for (const text of ['', 'Zürich ✔ 鍵', '… 30 %']) assert.equal(visible(text), text)
  })

  it('shows one line for a text that would forge another', () => {
    assert.equal(visible('sold\nsealed to  mallory\t'), 'sold\\u{a}sealed to  mallory\\u{9}')
    assert.equal(tableLines(['A', 'B'], [['x\nforged  row', '\u001b[1A']]).length, 2)
    assert.ok(!/\p{Cc}/u.test(tableLines(['A'], [['x\ny\u001b']]).join('')))
  })

  it('gives programs the same JSON, in which nothing steers a terminal', () => {
    const value = { name: 'a\u009b2J\u202e\u007f\u{e0041}\n', list: ['\u001b'] }
    for (const indent of [0, 2]) {
      const text = visibleJson(JSON.stringify(value, null, indent))
      assert.deepEqual(JSON.parse(text), value)
      assert.ok(!/[^\P{Cc}\n]|\p{Cf}/u.test(text))
    }
  })
})

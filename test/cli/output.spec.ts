import assert from 'node:assert/strict'
import { visible } from '../../src/cli/output.ts'

describe('what commands print', () => {
  it('shows what would steer a terminal instead of doing it', () => {
    const [esc, csi, override, separator] = ['\u001b', '\u009b', '\u202e', '\u2028']
    assert.equal(visible(`${esc}[2K${csi}A`), '\\u{1b}[2K\\u{9b}A')
    assert.equal(visible(`a\rb${override}c${separator}\u007f`), 'a\\u{d}b\\u{202e}c\\u{2028}\\u{7f}')
  })

  it('leaves text, lines and tabs as they are', () => {
    for (const text of ['', 'Zürich ✔ 鍵', 'two\nlines', 'a\tb', '… 30 %']) assert.equal(visible(text), text)
  })
})

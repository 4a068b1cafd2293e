import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type KeyJson, principalNamed } from '../../src/api/index.ts'
import { visible, visibleJson } from '../../src/base/index.ts'
import { sharesLines } from '../../src/cli/commands/keys.ts'
import { shellWord, tableLines } from '../../src/cli/output.ts'

describe('what commands print', () => {
  it('shows what would steer a terminal instead of doing it', () => {
    const [esc, csi, override, separator] = ['\u001b', '\u009b', '\u202e', '\u2028']
    assert.equal(visible(`${esc}[2K${csi}A`), '\\u{1b}[2K\\u{9b}A')
    assert.equal(visible(`a\rb${override}c${separator}\u007f`), 'a\\u{d}b\\u{202e}c\\u{2028}\\u{7f}')
  })

  it('issue 10, item 13: quotes what a shell would split or expand in a command to copy', () => {
    for (const path of ['/var/lib/ostraka', 'a-b_c.d', 'wörter/x']) {
      const word = shellWord(path)
      assert.equal(spawnSync('sh', ['-c', `printf %s ${word}`]).stdout.toString(), path)
    }
    for (const path of ['my node', "it's", '$HOME', '*', '-x', '', 'a;b', '`id`', 'a\\b', '"']) {
      const { stdout } = spawnSync('sh', ['-c', `printf %s ${shellWord(path)}`])
      assert.equal(stdout.toString(), path)
    }
    assert.equal(shellWord('/var/lib/ostraka'), '/var/lib/ostraka')
  })

  it('issue 10, item 13: says when a key has fewer shares than were asked for, or several on a node', () => {
    const key = (shares: number, threshold: number): KeyJson =>
      ({
        ...{ name: 'k', shares, threshold },
        holders: Array.from({ length: shares }, (_, slot) => ({ slot: slot + 1, peerId: `p${slot % 5}` })),
      }) as never
    assert.deepEqual(sharesLines(key(5, 3), 5), [])
    assert.match(sharesLines(key(5, 3), 64).join(), /^k has 5 shares, not 64: .* at most 1, .* 5 nodes$/)
    assert.match(sharesLines(key(64, 15), 64).join(), /^5 nodes hold the 64 shares of k, up to 13 each$/)
  })

  it('issue 10, item 13: a principal that is named is a key under which somebody can sign', async () => {
    await assert.rejects(principalNamed('00'.repeat(32)), { code: 'malformed', message: /nobody can sign/ })
    await assert.rejects(principalNamed(`01${'00'.repeat(31)}`), { code: 'malformed' })
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

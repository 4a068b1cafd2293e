// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these strings are samples of code
import { deepEqual, equal } from 'node:assert/strict'
import { inspectFile, inspectTree, LAYERS } from '../scripts/tidy.ts'
import { blankText } from '../scripts/tidy-lexer.ts'

const rules = (file: string, source: string): string[] => inspectFile(file, source).map(each => each.rule)

describe('tidy', () => {
  it('finds nothing wrong with this repository', () => {
    deepEqual(inspectTree(`${import.meta.dirname}/..`), [])
  })

  it('knows the layers from the top to the bottom', () => {
    equal(LAYERS[0], 'cli')
    equal(LAYERS.at(-1), 'base')
  })

  it('refuses imports that point upward, type-only ones included', () => {
    deepEqual(rules('src/crypto/a.ts', "import { x } from '../keys/index.ts'"), ['layer'])
    deepEqual(rules('src/wire/a.ts', "import type { X } from '../crypto/index.ts'"), ['layer'])
    deepEqual(rules('src/node/a.ts', "export { X } from '../io/index.ts'"), ['layer'])
    deepEqual(rules('src/keys/operations/a.ts', "const x = import('../../node/index.ts')"), ['layer'])
    deepEqual(rules('src/io/a.ts', "import {\n  x,\n} from '../cli/index.ts'"), ['layer'])
    deepEqual(rules('src/keys/a.ts', "import { x } from '../crypto/index.ts'"), [])
    deepEqual(rules('src/sim/a.ts', "import { x } from '../node/index.ts'"), [])
  })

  it('keeps the real and the simulated ports strangers', () => {
    deepEqual(rules('src/io/a.ts', "import { x } from '../sim/index.ts'"), ['layer'])
    deepEqual(rules('src/sim/a.ts', "import { x } from '../io/index.ts'"), ['layer'])
  })

  it('refuses to reach past the face of another folder', () => {
    deepEqual(rules('src/keys/a.ts', "import { x } from '../crypto/dealing.ts'"), ['face'])
    deepEqual(rules('src/node/a.ts', "import { x } from '../keys/operations/index.ts'"), ['face'])
    deepEqual(rules('src/keys/a.ts', "import { x } from './operations/index.ts'"), [])
    deepEqual(rules('src/keys/operations/a.ts', "import { x } from '../records.ts'"), [])
    deepEqual(rules('test/keys/a.spec.ts', "import { x } from '../../src/crypto/dealing.ts'"), [])
  })

  for (const [what, line] of [
    ['the clock', 'const t = Date.now()'],
    ['a timer', 'setTimeout(f, 5)'],
    ['performance', 'performance.now()'],
    ['Math.random', 'const r = Math.random()'],
    ['node randomness', 'const r = randomBytes(32)'],
    ['libsodium randomness', 'sodium.crypto_core_ristretto255_scalar_random()'],
    ['a disk', "import { readFileSync } from 'node:fs'"],
    ['a network', "import { connect } from 'node:net'"],
    ['libp2p', "import { createLibp2p } from 'libp2p'"],
    ['the process', 'process.env.HOME'],
    ['the console', "console.log('x')"],
    ['an async function', 'async function f() {}'],
    ['await', 'await x'],
    ['an expression in a template', 'const s = `now: ${Date.now()}`'],
  ] as const) {
    it(`refuses ${what} in a pure layer`, () => {
      deepEqual(rules('src/control/a.ts', line), ['purity'])
      deepEqual(rules('src/cli/a.ts', line), [])
    })
  }

  it('allows a pure layer computation and words about the world', () => {
    const source = [
      "import { createHash } from 'node:crypto'",
      "import { schnorr } from '@noble/curves/secp256k1.js'",
      '// Date.now() and await belong to the driver',
      "const text = 'setTimeout(f)' + `await ${name} process.exit`",
      'const pattern = /await|process.env/',
      'const half = total / 2 / count',
    ].join('\n')
    deepEqual(rules('src/control/a.ts', source), [])
  })

  it('keeps clock and chance out of node/ and sim/, which may be async', () => {
    deepEqual(rules('src/node/a.ts', 'const t = Date.now()'), ['purity'])
    deepEqual(rules('src/sim/a.ts', 'const r = Math.random()'), ['purity'])
    deepEqual(rules('src/node/a.ts', 'async function f() { await x }'), [])
  })

  it('refuses files over 700 and functions over 70 lines', () => {
    deepEqual(rules('src/keys/a.ts', 'const x = 1\n'.repeat(701)), ['file-length'])
    deepEqual(rules('src/keys/a.ts', 'const x = 1\n'.repeat(700)), [])
    const body = (lines: number): string => '  x += 1\n'.repeat(lines)
    for (const header of [
      'function f(a: number): void {',
      'export const f = (a: number): void => {',
      'function f(\n  a: number,\n): { readonly x: number } {',
      'function f<T>(a: Map<string, T>): asserts a is Map<string, T> {',
    ]) {
      deepEqual(rules('src/keys/a.ts', `${header}\n${body(69)}}\n`), ['function-length'], header)
      deepEqual(rules('src/keys/a.ts', `${header}\n${body(66)}}\n`), [], header)
    }
    deepEqual(rules('src/keys/a.ts', `class A {\n  f(): void {\n${'    x()\n'.repeat(70)}  }\n}\n`), [
      'function-length',
    ])
    deepEqual(rules('test/a.spec.ts', `describe('a', () => {\n${body(80)}})\n`), [])
  })

  it('refuses decoders of base64 that skip what they do not know', () => {
    for (const text of [
      "Buffer.from(text, 'base64')",
      "Buffer.from(a.slice(1), 'base64url')",
      'atob(text)',
    ]) {
      deepEqual(rules('src/cli/a.ts', `const bytes = ${text}`), ['lenient'])
    }
    deepEqual(rules('src/cli/a.ts', "const bytes = Buffer.from(text, 'hex')"), [])
  })

  it('refuses shapeless names and unfinished work', () => {
    deepEqual(rules('src/keys/utils.ts', ''), ['file-name'])
    deepEqual(rules('src/keys/key-manager.ts', ''), ['file-name'])
    deepEqual(rules('src/misc/a.ts', ''), ['file-name'])
    deepEqual(rules('src/keys/a.ts', `// TO${'DO'}: later`), ['unfinished'])
  })

  it('blanks comments, strings and regular expressions, and keeps every line where it is', () => {
    const source = "a('x') // b\n/* c\n d */ e(/f'[/]/g, `h ${i({ j: 'k' })} l`) / m / n"
    equal(blankText(source), "a(' ')     \n    \n      e(        , `  ${i({ j: ' ' })}  `) / m / n")
  })
})

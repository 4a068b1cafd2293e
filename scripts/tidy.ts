import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { pathToFileURL } from 'node:url'
import { blankText } from './tidy-lexer.ts'

/** The layers of docs/ARCHITECTURE.md, top to bottom: a layer may import from those that stand after it. */
export const LAYERS = [
  'cli',
  'api',
  'dashboard',
  'io',
  'files',
  'sim',
  'node',
  'data',
  'packets',
  'regions',
  'placement',
  'trust',
  'keys',
  'control',
  'audit',
  'crypto',
  'wire',
  'base',
] as const

const PURE: ReadonlySet<string> = new Set(LAYERS.slice(LAYERS.indexOf('data')))

/** Real and simulated ports are two answers to one question; neither may lean on the other. */
const STRANGERS: ReadonlyArray<readonly [string, string]> = [['io', 'sim']]

/** 700 lines are a fault, and functions stay within 70. */
const MAX_FILE_LINES = 700
const MAX_FUNCTION_LINES = 70

/** What a pure layer may import beside other layers: computation, no world. */
const PURE_PACKAGES = [
  /^node:(crypto|util|buffer|zlib)$/,
  /^@noble\//,
  /^@ipld\/dag-cbor$/,
  /^multiformats\//,
  /^libsodium-wrappers-sumo$/,
  /^tiny-secp256k1$/,
]

interface TokenRule {
  readonly what: string
  readonly pattern: RegExp
}

const CLOCK: TokenRule = {
  what: 'the clock',
  pattern: /\b(Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|hrtime|nextTick)\b/,
}
/** The simulator turns the event loop (`setImmediate`) to let promises finish; it never asks for the time. */
const REAL_TIME: TokenRule = {
  what: 'the clock',
  pattern: /\b(Date|performance|setTimeout|setInterval|hrtime)\b/,
}
const RANDOMNESS: TokenRule = {
  what: 'ambient randomness',
  pattern:
    /\b(Math\.random|randomBytes|randomUUID|randomInt|randomFill(Sync)?|getRandomValues|webcrypto|randomSecretKey|randomPrivateKey|generateKeyPair(Sync)?|generateKeySync|randombytes\w*|crypto_\w+_random|crypto_(box|sign|kx)_keypair|crypto_\w+_keygen)\b/,
}
const IO: TokenRule = {
  what: 'the world',
  pattern: /\b(process|console|fetch|globalThis|XMLHttpRequest|WebSocket|navigator)\b(?=\s*[.([])/,
}
const ASYNC: TokenRule = { what: 'async', pattern: /\b(async|await)\b/ }

/** `node/` and `sim/` are async over ports, but a simulation repeats only if they too draw no time and no chance. */
function tokenRulesOf(layer: string): readonly TokenRule[] {
  if (PURE.has(layer)) return [CLOCK, RANDOMNESS, IO, ASYNC]
  if (layer === 'node') return [CLOCK, RANDOMNESS, IO]
  return layer === 'sim' ? [REAL_TIME, RANDOMNESS] : []
}

const UNFINISHED = /\b(TODO|FIXME|XXX)\b/
const SHAPELESS_NAME = /(^|[-_./])(utils?|helpers?|managers?|misc)([-_./]|$)/

export interface Violation {
  readonly file: string
  readonly line: number
  readonly rule:
    | 'layer'
    | 'face'
    | 'purity'
    | 'file-length'
    | 'function-length'
    | 'file-name'
    | 'unfinished'
    | 'lenient'
  readonly text: string
}

/** Everything wrong with one file. `file` is its path from the repository's root, with forward slashes. */
export function inspectFile(file: string, source: string): Violation[] {
  const lines = source.split('\n')
  // code without comments, and without what stands inside string literals
  const code = blankText(source).split('\n')
  return [
    ...inspectName(file),
    ...inspectImports(file, lines, code),
    ...inspectTokens(file, code),
    ...inspectLengths(file, code),
    ...inspectDecoding(file, lines),
    ...lines.flatMap((text, index): Violation[] =>
      UNFINISHED.test(text) && !file.includes('tidy')
        ? [{ file, line: index + 1, rule: 'unfinished', text: text.trim() }]
        : [],
    ),
  ]
}

function inspectName(file: string): Violation[] {
  if (!SHAPELESS_NAME.test(file)) return []
  return [{ file, line: 1, rule: 'file-name', text: 'a name that says nothing of what is inside' }]
}

/** Node's own decoders skip what they do not know: `base/base64.ts` alone may call them, for it compares what comes out. */
const LENIENT = /\bBuffer\.from\([^()]*(?:\([^()]*\)[^()]*)*,\s*'base64(?:url)?'\)|\batob\(/

function inspectDecoding(file: string, lines: readonly string[]): Violation[] {
  if (!file.startsWith('src/') || file === 'src/base/base64.ts') return []
  return lines.flatMap((text, index): Violation[] =>
    LENIENT.test(text) ? [{ file, line: index + 1, rule: 'lenient', text: text.trim() }] : [],
  )
}

function layerOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

/** Imports and re-exports stand at the start of a line or end a multi-line list; dynamic ones anywhere. */
const IMPORT = /(?:\bfrom\s+|^\s*import\s+|\bimport\()(['"])([^'"]+)\1/

function inspectImports(file: string, lines: readonly string[], code: readonly string[]): Violation[] {
  const from = layerOf(file)
  if (from === undefined) return []
  const found: Violation[] = []
  lines.forEach((text, index) => {
    const specifier = IMPORT.exec(text)?.[2]
    if (specifier === undefined || !/\b(from|import)\b/.test(code[index]!)) return
    const refuse = (rule: 'layer' | 'face' | 'purity', why: string): void => {
      found.push({ file, line: index + 1, rule, text: `${why}: ${specifier}` })
    }
    if (!specifier.startsWith('.')) {
      if (PURE.has(from) && !PURE_PACKAGES.some(allowed => allowed.test(specifier))) {
        refuse('purity', `${from}/ is pure and imports`)
      }
      return
    }
    const target = posix.join(posix.dirname(file), specifier)
    const to = layerOf(target)
    if (to === from || to === undefined) return
    if (!isBelow(to, from)) refuse('layer', `${from}/ imports upward`)
    if (target !== `src/${to}/index.ts`) refuse('face', `not through src/${to}/index.ts`)
  })
  return found
}

function isBelow(to: string, from: string): boolean {
  const rank = (layer: string): number => (LAYERS as readonly string[]).indexOf(layer)
  if (STRANGERS.some(pair => pair.includes(to) && pair.includes(from))) return false
  return rank(to) > rank(from) && rank(from) >= 0
}

function inspectTokens(file: string, code: readonly string[]): Violation[] {
  const rules = tokenRulesOf(layerOf(file) ?? '')
  return code.flatMap((text, index) =>
    rules.flatMap((rule): Violation[] => {
      const token = rule.pattern.exec(text)?.[0]
      return token === undefined
        ? []
        : [{ file, line: index + 1, rule: 'purity', text: `touches ${rule.what}: ${token}` }]
    }),
  )
}

// Biome has laid the code out, so a body ends at the first line that closes at its header's indentation.
const FUNCTION_HEADER =
  /^(?!\s*(?:\} )?(?:if|else|for|while|switch|catch|try|do)\b).*(?:=>|\)(?:: .+)?|\]:.+|\S>) \{$/
const SUITE = /\b(?:describe|suite)(?:\.\w+)?\(/

function inspectLengths(file: string, code: readonly string[]): Violation[] {
  const found: Violation[] = []
  if (code.length - 1 > MAX_FILE_LINES) {
    found.push({ file, line: 1, rule: 'file-length', text: `${code.length - 1} lines` })
  }
  code.forEach((text, index) => {
    if (!FUNCTION_HEADER.test(text) || SUITE.test(text) || /\b(?:class|interface|type)\b.*\{$/.test(text))
      return
    const indent = text.length - text.trimStart().length
    const end = code.findIndex(
      (line, at) => at > index && line.search(/\S/) === indent && line[indent] === '}',
    )
    const length = end - index + 1
    if (length > MAX_FUNCTION_LINES && !isSuite(file, code.slice(index, end))) {
      found.push({ file, line: index + 1, rule: 'function-length', text: `a function of ${length} lines` })
    }
  })
  return found
}

/** A shared mocha suite is a list of cases: as long as there are cases. */
function isSuite(file: string, body: readonly string[]): boolean {
  return file.startsWith('test/') && body.some(line => /^\s+it\(/.test(line))
}

/** Inspects every TypeScript file of the tree under `root`. */
export function inspectTree(root: string): Violation[] {
  const files = globSync('{src,scripts,testnet,bench,test}/**/*.ts', { cwd: root }).sort()
  return files
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => !file.includes('node_modules') && !file.startsWith('test/vectors/'))
    .flatMap(file => inspectFile(file, readFileSync(`${root}/${file}`, 'utf8')))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const violations = inspectTree(`${import.meta.dirname}/..`)
  for (const { file, line, rule, text } of violations) console.error(`${file}:${line} [${rule}] ${text}`)
  if (violations.length > 0) process.exitCode = 1
}

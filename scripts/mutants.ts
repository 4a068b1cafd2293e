import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bent } from '../testnet/slowness.ts'
import { MUTANTS, type Mutant } from './mutant-list.ts'

const ROOT = join(import.meta.dirname, '..')
/** What the specs need of the tree. */
const COPIED = ['src', 'test', 'scripts', 'testnet', 'bench', 'package.json', 'tsconfig.json', 'biome.json']
/** A mutant may well make a network wait for ever; that is as good as a failure. Of an idle machine. */
const PATIENCE_MS = 240_000

interface Verdict {
  readonly isGreen: boolean
  /** The first failing test, or why there was none. */
  readonly why: string
}

/** A copy of the tree that may be broken at will; dependencies are shared. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'ostraka-mutants-'))
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

function runSpecs(tree: string, patterns: readonly string[]): Verdict {
  const specs = patterns.flatMap(pattern => globSync(pattern, { cwd: tree })).sort()
  if (specs.length === 0) return { isGreen: false, why: `no spec matches ${patterns.join(', ')}` }
  const mocha = join(tree, 'node_modules/mocha/bin/mocha.js')
  const usual = ['--no-config', '--require', './test/mocha-timeouts.ts', '--timeout', '60000']
  const options = [...usual, '--bail', '--exit', '--reporter', 'json']
  const timeout = bent(PATIENCE_MS)
  const run = spawnSync(process.execPath, [mocha, ...options, ...specs], {
    cwd: tree,
    encoding: 'utf8',
    timeout,
    maxBuffer: 1 << 28,
  })
  if (run.error !== undefined) return { isGreen: false, why: `timed out after ${timeout / 1000} s` }
  // the report is the last JSON object on stdout; tests may have printed before it
  const start = run.stdout.indexOf('{\n  "stats"')
  if (start < 0)
    return { isGreen: false, why: `mocha did not run: ${(run.stderr || run.stdout).slice(-400)}` }
  const report = JSON.parse(run.stdout.slice(start)) as {
    readonly failures: readonly { readonly fullTitle: string }[]
  }
  const [failure] = report.failures
  return { isGreen: failure === undefined && run.status === 0, why: failure?.fullTitle ?? '' }
}

/** Breaks one thing, runs its specs, and mends it again. Undefined when the patch does not apply. */
function tryMutant(tree: string, { file, find, replace, specs }: Mutant): Verdict | undefined {
  const path = join(tree, file)
  const source = readFileSync(path, 'utf8')
  if (source.split(find).length !== 2) return undefined
  writeFileSync(
    path,
    source.replace(find, () => replace),
  )
  try {
    return runSpecs(tree, specs)
  } finally {
    writeFileSync(path, source)
  }
}

/** Specs that fail without any mutant would count every mutant as caught. */
function checkBaseline(tree: string, mutants: readonly Mutant[]): boolean {
  const specs = [...new Set(mutants.flatMap(mutant => mutant.specs))].sort()
  const { isGreen, why } = runSpecs(tree, specs)
  console.log(isGreen ? `unbroken, ${specs.length} sets of specs pass` : `BROKEN already: ${why}`)
  return isGreen
}

function main(): void {
  const { values } = parseArgs({
    options: { only: { type: 'string', default: '' }, help: { type: 'boolean', default: false } },
  })
  if (values.help) {
    console.log('mutants [--only PART-OF-A-NAME]   breaks each check and expects a test to fail')
    return
  }
  const mutants = MUTANTS.filter(mutant => mutant.name.includes(values.only))
  const tree = copyTree()
  let survivors = 0
  try {
    if (!checkBaseline(tree, mutants)) survivors++
    for (const mutant of mutants) {
      const startMs = performance.now()
      const verdict = tryMutant(tree, mutant)
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
      if (verdict === undefined) console.log(`DOES NOT APPLY  ${mutant.name} (${mutant.file})`)
      else if (verdict.isGreen) console.log(`SURVIVED        ${mutant.name}`)
      else console.log(`caught          ${mutant.name}\n                by ${verdict.why} (${seconds} s)`)
      if (verdict === undefined || verdict.isGreen) survivors++
    }
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
  console.log(survivors === 0 ? `all ${mutants.length} mutants caught` : `${survivors} not caught`)
  process.exitCode = survivors === 0 ? 0 : 1
}

main()

/**
 * `npm run stress`: the whole suite again and again on a quiet machine, then its `e2e` and `io` parts with four busy
 * processes a core beside them. Exits 0 only if no test of any run failed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MOCHA = fileURLToPath(new URL('../node_modules/mocha/bin/mocha.js', import.meta.url))
const REPORTER = fileURLToPath(new URL('./stress/report-to-file.ts', import.meta.url))
/** It looks now and then whether the process that wants it is still there. */
const BUSY_LOOP =
  'const { ppid } = process; while (process.ppid === ppid) for (let step = 0; step < 1e7; step++);'
const BUSY_PER_CORE = 4

interface Report {
  readonly passed: number
  readonly reds: ReadonlyArray<{ readonly test: string; readonly file: string; readonly why: string }>
}

interface Run extends Report {
  readonly name: string
  readonly ms: number
}

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '3' },
    only: { type: 'string' },
    files: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
})
const times = Number(values.times)
const isWrong = values.only !== undefined && values.only !== 'quiet' && values.only !== 'busy'
if (values.help || isWrong || !Number.isInteger(times) || times < 1) {
  console.log('npm run stress [-- --times 3] [-- --only quiet|busy] [-- --files GLOB]…')
  process.exit(values.help ? 0 : 2)
}

const busy: ChildProcess[] = []
process.once('exit', () => endBusy())
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const runs: Run[] = []
for (let turn = 1; values.only !== 'busy' && turn <= times; turn++) {
  runs.push(await run(`quiet ${turn}`, values.files ?? ['test/**/*.spec.ts']))
}
if (values.only !== 'quiet') {
  beginBusy()
  for (let turn = 1; turn <= times; turn++) {
    runs.push(await run(`busy ${turn}`, values.files ?? ['test/{e2e,io}/**/*.spec.ts']))
  }
  endBusy()
}
print(runs)
process.exitCode = runs.every(({ passed, reds }) => passed > 0 && reds.length === 0) ? 0 : 1

function beginBusy(): void {
  const count = BUSY_PER_CORE * availableParallelism()
  for (let each = 0; each < count; each++) {
    busy.push(spawn(process.execPath, ['--eval', BUSY_LOOP], { stdio: 'ignore' }))
  }
}

function endBusy(): void {
  for (const child of busy.splice(0)) child.kill('SIGKILL')
}

async function run(name: string, files: readonly string[]): Promise<Run> {
  const dir = mkdtempSync(join(tmpdir(), 'ostraka-stress-'))
  const file = join(dir, 'report.json')
  const beganMs = performance.now()
  try {
    const args = [MOCHA, '--reporter', REPORTER, '--reporter-option', `file=${file}`, ...files]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    const status = await new Promise<number | null>(resolve => child.once('exit', resolve))
    const report = reportOf(file, status)
    const ms = performance.now() - beganMs
    console.log(`${name}: ${report.passed} passed, ${report.reds.length} failed, ${Math.round(ms / 1000)} s`)
    return { name, ms, ...report }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** A run that ends without a report, or badly without a red test, is red itself. */
function reportOf(file: string, status: number | null): Report {
  let report: Report = { passed: 0, reds: [] }
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    // said below, by its status
  }
  if (status === 0 && report.passed > 0) return report
  if (status !== 0 && report.reds.length > 0) return report
  return { ...report, reds: [{ test: 'the run itself', file: '', why: `mocha ended with ${status}` }] }
}

function print(all: readonly Run[]): void {
  console.log('\nRUN         PASSED  FAILED     TIME')
  for (const { name, passed, reds, ms } of all) {
    const time = `${Math.round(ms / 1000)} s`
    console.log(
      `${name.padEnd(10)}  ${String(passed).padStart(6)}  ${String(reds.length).padStart(6)}  ${time.padStart(7)}`,
    )
  }
  for (const { name, reds } of all) {
    for (const { test, file, why } of reds) console.log(`\n${name}: ${test}\n  ${file}\n  ${why}`)
  }
}

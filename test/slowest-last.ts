import { relative } from 'node:path'
import { type Runner, reporters, type Test } from 'mocha'

const SHOWN_TESTS = 15
const SHOWN_FILES = 10

/** Mocha's `spec` reporter; in the end it lists the tests and the files that took longest, so that slow ones are seen. */
export default class SlowestLast extends reporters.Spec {
  constructor(runner: Runner, options?: Mocha.MochaOptions) {
    super(runner, options)
    const tests: Test[] = []
    runner.on('test end', test => tests.push(test))
    runner.once('end', () => print(tests))
  }
}

function print(tests: readonly Test[]): void {
  const files = new Map<string, number>()
  for (const { file = '', duration = 0 } of tests) files.set(file, (files.get(file) ?? 0) + duration)
  const slowest = tests.toSorted((a, b) => (b.duration ?? 0) - (a.duration ?? 0)).slice(0, SHOWN_TESTS)
  console.log('  The slowest tests:')
  for (const test of slowest) console.log(line(test.duration ?? 0, test.fullTitle()))
  console.log('\n  The slowest files, without their hooks:')
  const byTime = [...files].sort(([, a], [, b]) => b - a).slice(0, SHOWN_FILES)
  for (const [file, ms] of byTime) console.log(line(ms, relative(process.cwd(), file)))
  console.log()
}

function line(ms: number, text: string): string {
  return `${(ms / 1000).toFixed(1).padStart(8)} s  ${text}`
}

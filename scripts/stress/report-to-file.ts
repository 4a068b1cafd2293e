import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { MochaOptions, Runner } from 'mocha'
import SlowestLast from '../../test/slowest-last.ts'

/** Mocha's usual report, and its counts and reds as JSON in the file that the option `file` names. */
export default class ReportToFile extends SlowestLast {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options)
    const { file } = options.reporterOptions as { readonly file: string }
    const reds: { test: string; file: string; why: string }[] = []
    let passed = 0
    runner.on('pass', () => {
      passed += 1
    })
    runner.on('fail', (test, error) => {
      const { message, stack } = error as Error
      reds.push({
        test: test.fullTitle(),
        file: relative(process.cwd(), test.file ?? ''),
        why: stack ?? message,
      })
    })
    runner.once('end', () => writeFileSync(file, JSON.stringify({ passed, reds })))
  }
}

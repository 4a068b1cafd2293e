import { parseArgs } from 'node:util'
import { type CoalitionReport, missingAttacks, runCoalition } from '../src/sim/coalition/run.ts'

const USAGE = `coalition [--ceremonies N] [--seed N]   t-1 holders, f validators and the leader against every ceremony`

const DEFAULT_CEREMONIES = 10_000
const PROGRESS_EVERY = 500

function describe(report: CoalitionReport): string {
  const { seed, ceremonies, networks, targets, tried, opened, counts, findings } = report
  const width = Math.max(...counts.rows.map(([name]) => name.length))
  return [
    ...counts.rows.map(([name, count]) => `  ${name.padEnd(width)}  ${count}`),
    `seed ${seed}: ${ceremonies} ceremonies in ${networks} networks, ${targets} secrets, ` +
      `${opened} of ${tried} ciphertexts opened`,
    ...findings.map(finding => `FOUND  ${finding}`),
  ].join('\n')
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ceremonies: { type: 'string', default: String(DEFAULT_CEREMONIES) },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return
  }
  const startMs = performance.now()
  let next = PROGRESS_EVERY
  const report = await runCoalition({
    seed: Number(values.seed),
    ceremonies: Number(values.ceremonies),
    onProgress(ceremonies) {
      if (ceremonies < next) return
      console.log(`${ceremonies} ceremonies, ${((performance.now() - startMs) / 1000).toFixed(0)} s`)
      next += PROGRESS_EVERY
    },
  })
  console.log(describe(report))
  const missing = missingAttacks(report)
  if (missing.length > 0) console.log(`NEVER HAPPENED  ${missing.join('; ')}`)
  process.exitCode = report.findings.length === 0 && missing.length === 0 ? 0 : 1
}

await main()

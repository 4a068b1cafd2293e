/**
 * `npm run soak`: daemons under load for minutes, with one of them killed every 10 s and another stopped for 5 s in
 * between. Prints the figures; exits 1 when a bound is missed. `npm test` ends with a minute of it, at fewer operations a
 * second, and judges that by what 900 operations can tell: 99 % in time instead of 99.9 %, and no slope of memory.
 */
import { parseArgs } from 'node:util'
import { boundsOf, print } from './soak/report.ts'
import { soak } from './soak/run.ts'

/** Beside the load itself: start, keys, catching up, and each node's log. */
const OVERHEAD_MS = 5 * 60_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    nodes: { type: 'string', default: '7' },
    rate: { type: 'string', default: '25' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log('npm run soak -- [--minutes 10 | --seconds S] [--nodes 7] [--rate 25] [--seed 1] [--json]')
  process.exit(0)
}

const durationMs =
  values.seconds === undefined ? Number(values.minutes ?? 10) * 60_000 : Number(values.seconds) * 1000
const [nodes, rateHz] = [Number(values.nodes), Number(values.rate)]
if (!(durationMs > 0) || !(rateHz > 0) || !Number.isInteger(nodes) || nodes < 5) {
  console.error('soak: minutes, seconds and rate are positive numbers, and nodes at least 5')
  process.exit(2)
}
// the daemons end with this process, however it ends
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
setTimeout(() => {
  console.error(`soak: not over ${OVERHEAD_MS} ms after its load should have been`)
  process.exit(1)
}, durationMs + OVERHEAD_MS).unref()

const beganMs = performance.now()
const onProgress = (line: string): void => {
  console.error(`${((performance.now() - beganMs) / 1000).toFixed(0).padStart(5)} s  ${line}`)
}
const figures = await soak({ durationMs, nodes, rateHz, seed: values.seed, onProgress })
const bounds = boundsOf(figures)
if (values.json) {
  const heights = Object.fromEntries(figures.ending.heights)
  console.log(JSON.stringify({ ...figures, ending: { ...figures.ending, heights }, bounds }, null, 2))
} else {
  print(figures, bounds)
}
process.exitCode = bounds.some(({ hasHeld }) => hasHeld === false) ? 1 : 0

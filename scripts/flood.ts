/**
 * `npm run flood`: seven daemons under load; then one of them is replaced by a member that floods the others with
 * requests, messages, gossip, records and streams. Prints what that did to operations and blocks, whether it was cut off
 * and named, and what of it is on disk; exits 1 when a bound is missed.
 */
import { parseArgs } from 'node:util'
import { flood } from './flood/run.ts'

/** Beside the two measured phases: start, keys, reports, and reading the disks. */
const OVERHEAD_MS = 5 * 60_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    nodes: { type: 'string', default: '7' },
    clients: { type: 'string', default: '8' },
    rate: { type: 'string', default: '25' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log('npm run flood -- [--seconds 60] [--nodes 7] [--clients 8] [--rate 25] [--seed 1]')
  process.exit(0)
}

const [durationMs, nodes, clients, ratePerSecond] = [
  Number(values.seconds) * 1000,
  Number(values.nodes),
  Number(values.clients),
  Number(values.rate),
]
const isCount = (value: number, least: number): boolean => Number.isInteger(value) && value >= least
if (!(durationMs > 0) || !isCount(nodes, 5) || !isCount(clients, 1) || !(ratePerSecond > 0)) {
  console.error('flood: seconds and rate are positive, nodes at least 5 and clients at least 1')
  process.exit(2)
}
// the daemons end with this process, however it ends
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
setTimeout(
  () => {
    console.error(`flood: not over ${OVERHEAD_MS} ms after it should have been`)
    process.exit(1)
  },
  2 * durationMs + OVERHEAD_MS,
).unref()

const onProgress = (line: string): void => console.error(line)
const bounds = await flood({ durationMs, nodes, clients, ratePerSecond, seed: values.seed, onProgress })
for (const { title, found, hasHeld } of bounds) console.log(`${hasHeld ? '✔' : '✘'} ${title}: ${found}`)
process.exitCode = bounds.every(({ hasHeld }) => hasHeld) ? 0 : 1

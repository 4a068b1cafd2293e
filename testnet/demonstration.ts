/**
 * `npm run testnet`: the main job, end to end, on real processes and real input.
 * Exits 0 only if every step held. `--keep` leaves the network running and prints where.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toOstrakaError, visible, visibleJson } from '../src/base/index.ts'
import { DEFAULT_DIR, stopNodes, type TestnetState, testnetUp } from '../src/cli/testnet/index.ts'
import { readState } from '../src/cli/testnet/state.ts'
import { STEPS, World } from './steps.ts'

interface Done {
  readonly title: string
  readonly result: string
  readonly ms: number
  readonly hasHeld: boolean
}

const { values } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    nodes: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) {
  console.log('npm run testnet [-- --keep] [-- --json] [-- --nodes 5]')
  console.log('  --keep   leave the network running in .testnet, where `npx ostraka` finds it')
  process.exit(0)
}

process.exitCode = (await demonstrate()) ? 0 : 1

async function demonstrate(): Promise<boolean> {
  const startedMs = performance.now()
  // a kept network belongs where commands look for it; one that ends leaves nothing behind
  const dir = values.keep ? DEFAULT_DIR : mkdtempSync(join(tmpdir(), 'ostraka-testnet-'))
  const done: Done[] = []
  let world: World | undefined
  let state: TestnetState | undefined
  const onSignal = (): void => void stop(dir).finally(() => process.exit(1))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    const start = await timed('start the network', async () => {
      state = await testnetUp({ dir, nodes: Number(values.nodes), isDetached: values.keep, isFresh: true })
      world = new World(state, values.keep)
      return `${state.nodes.length} daemon processes agree, network ${state.networkId.slice(0, 16)}…`
    })
    done.push(start)
    for (const step of start.hasHeld ? STEPS : []) {
      const result = await timed(step.title, () => step.run(world!))
      done.push(result)
      if (!result.hasHeld) break
    }
  } finally {
    world?.close()
    if (!values.keep || done.some(step => !step.hasHeld)) await stop(dir)
    if (!values.keep) rmSync(dir, { recursive: true, force: true })
  }
  return report(done, state, performance.now() - startedMs)
}

async function timed(title: string, run: () => Promise<string>): Promise<Done> {
  const beganMs = performance.now()
  if (process.stdout.isTTY && !values.json) process.stdout.write(`… ${title}\r`)
  let result: string
  let hasHeld = true
  try {
    result = await run()
  } catch (thrown) {
    const { code, message, details } = toOstrakaError(thrown)
    hasHeld = false
    result = `${code}: ${message} ${JSON.stringify(details)}`
  }
  const ms = performance.now() - beganMs
  if (!values.json) console.log(visible(`${hasHeld ? '✔' : '✘'} ${title}: ${result}`))
  return { title, result, ms, hasHeld }
}

async function stop(dir: string): Promise<void> {
  try {
    await stopNodes(readState(dir))
  } catch {
    // there was nothing to stop yet
  }
}

function report(done: readonly Done[], state: TestnetState | undefined, totalMs: number): boolean {
  const hasHeld = done.length === STEPS.length + 1 && done.every(step => step.hasHeld)
  if (values.json) {
    console.log(visibleJson(JSON.stringify({ hasHeld, totalMs: Math.round(totalMs), steps: done }, null, 2)))
    return hasHeld
  }
  const width = Math.max(...done.map(({ title }) => title.length))
  console.log(`\n${'STEP'.padEnd(width)}  ${'TIME'.padStart(9)}  HELD`)
  for (const { title, ms, hasHeld: held } of done) {
    console.log(`${title.padEnd(width)}  ${`${Math.round(ms)} ms`.padStart(9)}  ${held ? 'yes' : 'NO'}`)
  }
  console.log(
    `${'in all'.padEnd(width)}  ${`${Math.round(totalMs)} ms`.padStart(9)}  ${hasHeld ? 'yes' : 'NO'}`,
  )
  if (values.keep && hasHeld && state !== undefined) {
    console.log(`\nThe network goes on in ${state.dir}; \`npx ostraka testnet down\` stops it.`)
    for (const node of readState(state.dir).nodes) console.log(`  ${node.name}  ${node.api}  ${node.region}`)
  }
  return hasHeld
}

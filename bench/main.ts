import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { atRest } from './at-rest.ts'
import { blocks } from './blocks.ts'
import { costs } from './costs.ts'
import { dealing } from './dealing.ts'
import { derivation } from './derivation.ts'
import { endToEnd } from './end-to-end.ts'
import { idle } from './idle.ts'
import { keyCreation } from './key-creation.ts'
import { manyKeys } from './many-keys.ts'
import { parallelCreations } from './parallel-creations.ts'
import { partials } from './partials.ts'
import { type Figure, figureLine, isMet, type Part } from './report.ts'
import { signing } from './signing.ts'
import { vivaldi } from './vivaldi.ts'

const PARTS: readonly Part[] = [
  partials,
  signing,
  derivation,
  dealing,
  costs,
  endToEnd,
  keyCreation,
  parallelCreations,
  blocks,
  atRest,
  idle,
  vivaldi,
  manyKeys,
]
const DEFAULT_SECONDS = 5

const HELP = `npm run bench -- [--only NAME]... [--seconds N] [--json]

Measures Ostraka beside the same computations by @noble/curves, in one run.

  --only NAME   only this part; may be repeated. The parts:
${PARTS.map(part => `                  ${part.name.padEnd(14)}${part.title}`).join('\n')}
  --seconds N   how long each comparison or load lasts, about (default ${DEFAULT_SECONDS})
  --json        print one JSON object at the end instead of lines as they come
`

interface Options {
  readonly parts: readonly Part[]
  readonly seconds: number
  readonly isJson: boolean
}

/** Undefined when help was asked for. */
function optionsOf(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) throw new Error('--seconds takes a positive number')
  const only = values.only ?? PARTS.map(part => part.name)
  const unknown = only.find(name => !PARTS.some(part => part.name === name))
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}: see --help`)
  return { parts: PARTS.filter(part => only.includes(part.name)), seconds, isJson: values.json }
}

function machine(): Record<string, string | number> {
  const noble = new URL('../node_modules/@noble/curves/package.json', import.meta.url)
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    noble: (JSON.parse(readFileSync(noble, 'utf8')) as { version: string }).version,
    loadAverage: Math.round(loadavg()[0]! * 100) / 100,
  }
}

async function main({ parts, seconds, isJson }: Options): Promise<void> {
  const say = (text: string): void => {
    if (!isJson) console.log(text)
  }
  const host = machine()
  say(
    `${host.date}: ${host.processor}, ${host.cores} cores, ${host.memoryGb} GB, Node ${host.node}, @noble/curves ` +
      `${host.noble}, load ${host.loadAverage} before the run`,
  )
  const results: Record<string, Figure[]> = {}
  for (const part of parts) {
    say(`\n${part.title}`)
    const figures: Figure[] = []
    results[part.name] = figures
    await part.run({
      seconds,
      figure(figure) {
        figures.push(figure)
        say(figureLine(figure))
      },
      remark: text => say(`  (${text})`),
    })
  }
  const targeted = Object.values(results)
    .flat()
    .filter(figure => figure.target !== undefined)
  const missed = targeted.filter(figure => !isMet(figure))
  if (isJson) console.log(JSON.stringify({ machine: host, results, missed: missed.map(({ name }) => name) }))
  say(
    `\n${targeted.length - missed.length} of ${targeted.length} targets met${missed.length > 0 ? '; missed:' : ''}`,
  )
  for (const figure of missed) say(figureLine(figure))
}

// ends through the handlers of `exit`, which take daemons and their directories away
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  const options = optionsOf(process.argv.slice(2))
  if (options === undefined) console.log(HELP)
  else await main(options)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { withDaemons } from './daemons.ts'
import { median } from './measure.ts'
import { nodeOptionsOf, residentMbOf } from './processes.ts'
import type { Bench, Part } from './report.ts'

const LIBRARIES = fileURLToPath(new URL('./libraries.ts', import.meta.url))
/** Long enough that what starting has left behind shows, and that blocks, beacons and pings have passed. */
const REST_MS = 15_000
const SAMPLE_MS = 500

async function run({ figure, remark }: Bench): Promise<void> {
  remark(
    `each of five daemons for ${REST_MS / 1000} s after their start, with no clients; 1 MB is 10^6 bytes`,
  )
  await withDaemons(async ({ nodes }) => {
    const options = nodeOptionsOf(nodes[0]!.pid)
    const bare = memoryOf(...options, '-p', 'process.memoryUsage.rss()')
    const libraries = memoryOf(...options, LIBRARIES)
    figure({ name: 'Node alone, with the daemons’ options', value: bare, unit: 'MB' })
    figure({ name: 'Node and the libraries, loaded only', value: libraries, unit: 'MB' })
    const samples: number[][] = nodes.map(() => [])
    const end = performance.now() + REST_MS
    while (performance.now() < end) {
      await new Promise(resolve => setTimeout(resolve, SAMPLE_MS))
      for (const [index, node] of nodes.entries()) samples[index]!.push(residentMbOf(node.pid))
    }
    const medians = samples.map(median)
    figure({ name: 'a daemon at rest, highest of five', value: Math.max(...medians), unit: 'MB' })
    figure({
      name: 'a daemon at rest, median of five',
      value: median(medians),
      unit: 'MB',
      target: { atMost: 190 },
    })
  })
}

/** Megabytes, as the program prints them in bytes. */
function memoryOf(...args: readonly string[]): number {
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' })) / 1e6
}

export const atRest: Part = { name: 'at-rest', title: 'Resident memory', run }

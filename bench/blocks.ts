import { withNetwork } from './in-process.ts'
import { cpuUs, quantile } from './measure.ts'
import type { Bench, Part } from './report.ts'
import { systemRng } from './shared-key.ts'

const SIZES = [4, 7, 16] as const
/** The first blocks run code that V8 has not optimised. */
const WARM_UP_BLOCKS = 30

async function run(bench: Bench): Promise<void> {
  bench.remark(
    'whole nodes in this process, sharing its one thread, over ports that cost nothing (no sockets,',
  )
  bench.remark(
    'encryption or disk): from submission, through any node in turn, until a certified block holds it',
  )
  for (const size of SIZES) await measure(bench, size)
}

/** One transaction at a time, so that each waits for exactly one block. */
async function measure({ seconds, figure }: Bench, size: number): Promise<void> {
  await withNetwork(size, async ({ nodes, sign }) => {
    const submit = (index: number): Promise<unknown> => {
      const principal = systemRng.bytes(32)
      const { port } = nodes[index % nodes.length]!
      return port.submit(sign({ type: 'grant-create', principal, revision: 0, isAllowed: true }))
    }
    for (let index = 0; index < WARM_UP_BLOCKS; index++) await submit(index)
    const latenciesMs: number[] = []
    const before = cpuUs()
    const end = performance.now() + seconds * 1000
    while (performance.now() < end) {
      const start = performance.now()
      await submit(latenciesMs.length)
      latenciesMs.push(performance.now() - start)
    }
    const cpuMs = (cpuUs() - before) / 1000
    figure({ name: `${size} validators: block latency, p50`, value: quantile(latenciesMs, 0.5), unit: 'ms' })
    figure({ name: `${size} validators: block latency, p99`, value: quantile(latenciesMs, 0.99), unit: 'ms' })
    const perNode = cpuMs / latenciesMs.length / size
    figure({ name: `${size} validators: CPU of one node for one block`, value: perNode, unit: 'ms' })
  })
}

export const blocks: Part = { name: 'blocks', title: 'Control-log block latency', run }

import { type Daemons, withDaemons } from './daemons.ts'
import type { Bench, Part } from './report.ts'

const KEYS = 200

async function run(bench: Bench): Promise<void> {
  bench.remark(
    `${KEYS} keys asked for at the same moment, over five daemons: they wait in the log, and none is aborted`,
  )
  await withDaemons(daemons => together(bench, daemons))
}

async function together({ figure }: Bench, { clients, cpuMs }: Daemons): Promise<void> {
  const create = (index: number) =>
    clients[index % clients.length]!.createKey({
      ...{ name: `together-${index}`, kind: 'ed25519', threshold: 3, shares: 5 },
    })
  const start = performance.now()
  const before = cpuMs()
  const made = await Promise.all(Array.from({ length: KEYS }, (_, index) => create(index)))
  const failed = made.filter(key => key.state !== 'active')
  if (failed.length > 0) throw new Error(`${failed.length} of ${KEYS} keys are not active`)
  figure({ name: `3-of-5: ${KEYS} at once, all`, value: (performance.now() - start) / 1000, unit: 's' })
  figure({ name: '3-of-5: CPU of all daemons for each', value: (cpuMs() - before) / KEYS, unit: 'ms' })
}

export const parallelCreations: Part = {
  name: 'parallel-creations',
  title: '200 key creations at once, until all are active',
  run,
}

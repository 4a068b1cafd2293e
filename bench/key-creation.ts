import { type Daemons, withDaemons } from './daemons.ts'
import { withNetwork } from './in-process.ts'
import { cpuUs, median } from './measure.ts'
import type { Bench, Part } from './report.ts'
import { systemRng } from './shared-key.ts'

/** Thresholds are majorities. */
const IN_PROCESS = [
  { threshold: 8, shares: 16 },
  { threshold: 16, shares: 31 },
] as const
/** Each creation is seconds of work for a whole network; a few tell enough. */
const DAEMON_KEYS = 8
const IN_PROCESS_KEYS = 2
const KIND = 'ed25519'

async function run(bench: Bench): Promise<void> {
  bench.remark('5: real daemons over HTTP, from the request until the key is active')
  bench.remark(
    '16 and 31: whole nodes in this process, sharing its one thread, over ports that cost nothing: the',
  )
  bench.remark(
    'latency is the work of all nodes one after another; on machines of their own each does its part',
  )
  await withDaemons(daemons => onDaemons(bench, daemons))
  for (const { threshold, shares } of IN_PROCESS) await inProcess(bench, threshold, shares)
}

async function onDaemons({ figure }: Bench, { clients, cpuMs }: Daemons): Promise<void> {
  const create = (index: number) =>
    clients[index % clients.length]!.createKey({ name: `key-${index}`, kind: KIND, threshold: 3, shares: 5 })
  // the first runs code that V8 has not seen
  await create(0)
  const latenciesMs: number[] = []
  const before = cpuMs()
  for (let index = 1; index <= DAEMON_KEYS; index++) {
    const start = performance.now()
    await create(index)
    latenciesMs.push(performance.now() - start)
  }
  const cpu = (cpuMs() - before) / DAEMON_KEYS
  figure({ name: '3-of-5: creation, median', value: median(latenciesMs), unit: 'ms' })
  figure({ name: '3-of-5: CPU of all daemons', value: cpu, unit: 'ms' })
}

async function inProcess({ figure }: Bench, threshold: number, shares: number): Promise<void> {
  const shape = `${threshold}-of-${shares}`
  await withNetwork(shares, async ({ nodes, sign, settled }) => {
    const create = async (index: number): Promise<void> => {
      const { port } = nodes[index % nodes.length]!
      const name = `key-${index}`
      const nonce = systemRng.bytes(16)
      const key = { name, kind: KIND, threshold, shares, rules: [], isExportable: false, entropy: 0 } as const
      await port.submit(sign({ type: 'create-key', nonce, origin: 'generate', ...key }))
      const view = await port.ceremonyEnd(name)
      if (view.state !== 'active') throw new Error(`${shape}: the key is ${view.state}`)
    }
    await create(0)
    await settled()
    const latenciesMs: number[] = []
    const before = cpuUs()
    for (let index = 1; index <= IN_PROCESS_KEYS; index++) {
      const start = performance.now()
      await create(index)
      latenciesMs.push(performance.now() - start)
      // the other nodes learn a little later; what they still do belongs to this key
      await settled()
    }
    const perNode = (cpuUs() - before) / 1000 / IN_PROCESS_KEYS / shares
    figure({ name: `${shape}: creation, median`, value: median(latenciesMs) / 1000, unit: 's' })
    figure({ name: `${shape}: CPU of one node`, value: perNode, unit: 'ms' })
  })
}

export const keyCreation: Part = {
  name: 'key-creation',
  title: 'Key creation (ed25519), from the request until the key is active',
  run,
}

import { type Daemons, withDaemons } from './daemons.ts'
import { median } from './measure.ts'
import { cpuMsOf } from './processes.ts'
import type { Bench, Part } from './report.ts'
import { closedSince, type Traffic, trafficNow, trafficSince } from './traffic.ts'

const NODES = 16
const EPOCH_MS = 30_000
/** The network’s own key is made and connections and routing tables stand by then, and V8 has compiled what runs at rest and collected the rest. */
const SETTLE_MS = 90_000
/** Whole epochs, so that each of them has its block, its reports and its plan. */
const MEASURED_EPOCHS = 3

async function run({ figure, remark }: Bench): Promise<void> {
  const seconds = (MEASURED_EPOCHS * EPOCH_MS) / 1000
  remark(
    `each of ${NODES} daemons on loopback, epochs of ${EPOCH_MS / 1000} s, for ${seconds} s, with no clients,`,
  )
  remark(
    `from ${SETTLE_MS / 1000} s after their start; 1 KiB/s is 1024 bytes a second of all TCP connections’`,
  )
  remark('payload, encryption included')
  await withDaemons(
    async daemons => {
      await sleep(SETTLE_MS)
      const { cpuPercent, traffic, seconds, closed } = await measure(daemons)
      if (closed > 0) remark(`${closed} connections closed meanwhile, and what they carried is missing`)
      const rate = (direction: keyof Traffic): number[] =>
        traffic.map(each => each[direction] / 1024 / seconds)
      const both = (name: string, unit: string, sample: readonly number[], atMost: number): void => {
        figure({ name: `${name}, median`, value: median(sample), unit, target: { atMost } })
        // whoever leads an epoch sends its block to all, so the highest is not idle
        figure({ name: `${name}, highest`, value: Math.max(...sample), unit })
      }
      both('CPU of a daemon, share of one core', '%', cpuPercent, 1)
      both('traffic into a daemon', 'KiB/s', rate('inBytes'), 2)
      both('traffic out of a daemon', 'KiB/s', rate('outBytes'), 2)
    },
    { nodes: NODES, epochMs: EPOCH_MS },
  )
}

interface Idled {
  /** Of each daemon. */
  readonly cpuPercent: readonly number[]
  readonly traffic: readonly Traffic[]
  readonly seconds: number
  /** Connections that closed meanwhile. */
  readonly closed: number
}

async function measure({ nodes }: Daemons): Promise<Idled> {
  const pids = nodes.map(node => node.pid)
  const startedMs = performance.now()
  const traffic = trafficNow(pids)
  const cpuMs = pids.map(cpuMsOf)
  await sleep(MEASURED_EPOCHS * EPOCH_MS)
  const elapsedMs = performance.now() - startedMs
  return {
    cpuPercent: pids.map((pid, index) => (100 * (cpuMsOf(pid) - cpuMs[index]!)) / elapsedMs),
    traffic: trafficSince(pids, traffic),
    seconds: elapsedMs / 1000,
    closed: closedSince(pids, traffic),
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

export const idle: Part = { name: 'idle', title: `Idle daemons of a network of ${NODES}`, run }

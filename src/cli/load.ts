import type { MeasuredLoad } from '../wire/index.ts'
import { readInterfaces } from './network-interfaces.ts'

/**
 * Measures this process and its host between two calls: CPU as a share of one core, resident memory, and the traffic of
 * the host's network interfaces. `linkMbps` is what the link carries; undefined: what the kernel says of it.
 */
export function measureLoad(linkMbps?: number): () => MeasuredLoad {
  let cpu = process.cpuUsage()
  let at = process.hrtime.bigint()
  let traffic = readInterfaces()
  return () => {
    const used = process.cpuUsage(cpu)
    const now = process.hrtime.bigint()
    const interfaces = readInterfaces()
    const elapsedUs = Math.max(1, Number(now - at) / 1000)
    const bytes = Math.max(
      interfaces.receivedBytes - traffic.receivedBytes,
      interfaces.sentBytes - traffic.sentBytes,
      0, // an interface has gone, and its counters with it
    )
    cpu = process.cpuUsage()
    at = now
    traffic = interfaces
    return {
      cpu: Math.min(1024, thousandths((used.user + used.system) / elapsedUs)),
      memoryBytes: process.memoryUsage.rss(),
      linkMbps: linkMbps ?? interfaces.linkMbps,
      trafficMbps: thousandths((8 * bytes) / elapsedUs),
    }
  }
}

function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000
}

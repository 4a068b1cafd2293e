import type { Load } from '../wire/index.ts'

/** Measures this process between two calls: CPU as a share of one core, and resident memory. */
export function measureLoad(): () => Omit<Load, 'operations'> {
  let cpu = process.cpuUsage()
  let at = process.hrtime.bigint()
  return () => {
    const used = process.cpuUsage(cpu)
    const now = process.hrtime.bigint()
    const elapsedUs = Number(now - at) / 1000
    cpu = process.cpuUsage()
    at = now
    const share = elapsedUs > 0 ? (used.user + used.system) / elapsedUs : 0
    return { cpu: Math.min(1024, Math.round(share * 1000) / 1000), memoryBytes: process.memoryUsage.rss() }
  }
}

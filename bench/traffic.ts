import { execFileSync } from 'node:child_process'

/** TCP payload of one process. */
export interface Traffic {
  readonly inBytes: number
  readonly outBytes: number
}

/** What each of a process's connections has carried since it was opened, by its two ends' addresses. */
export type Snapshot = ReadonlyMap<number, ReadonlyMap<string, Traffic>>

/**
 * The kernel's own counters of each process's TCP connections: tcp(7), TCP_INFO, `tcpi_bytes_received` and
 * `tcpi_bytes_acked`, as ss(8) of iproute2 prints them.
 */
export function trafficNow(pids: readonly number[]): Snapshot {
  const snapshot = new Map(pids.map(pid => [pid, new Map<string, Traffic>()]))
  // -O: each connection on one line, its owner and its counters together
  const listing = execFileSync('ss', ['-tinpHO'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  for (const line of listing.split('\n')) {
    const connections = snapshot.get(Number(/pid=(\d+)/.exec(line)?.[1]))
    const [, , , local, remote] = line.split(/\s+/)
    connections?.set(`${local} ${remote}`, {
      inBytes: counterOf(line, 'bytes_received'),
      outBytes: counterOf(line, 'bytes_acked'),
    })
  }
  return snapshot
}

/** Each process's traffic since `before`. A connection that has closed since counts for nothing: its counters are gone. */
export function trafficSince(pids: readonly number[], before: Snapshot): readonly Traffic[] {
  const now = trafficNow(pids)
  return pids.map(pid => {
    const connections = now.get(pid)!
    const earlier = before.get(pid)!
    const sum = { inBytes: 0, outBytes: 0 }
    for (const [ends, { inBytes, outBytes }] of connections) {
      sum.inBytes += inBytes - (earlier.get(ends)?.inBytes ?? 0)
      sum.outBytes += outBytes - (earlier.get(ends)?.outBytes ?? 0)
    }
    return sum
  })
}

/** How many connections were there before and are there no longer. */
export function closedSince(pids: readonly number[], before: Snapshot): number {
  const now = trafficNow(pids)
  const gone = pids.map(pid => [...before.get(pid)!.keys()].filter(ends => !now.get(pid)!.has(ends)).length)
  return gone.reduce((sum, each) => sum + each, 0)
}

/** A counter that is still zero is not printed. */
function counterOf(line: string, name: string): number {
  return Number(new RegExp(` ${name}:(\\d+)`).exec(line)?.[1] ?? 0)
}

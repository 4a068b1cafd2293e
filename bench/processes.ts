import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** How many ticks the kernel counts in a second; 100 on every Linux of today, but it is not ours to assume. */
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU milliseconds that a process has used since it started, user and system, all threads: proc(5), stat 14 and 15. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // the program's name stands in parentheses and may contain anything; the third field follows it
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND
}

/** Resident memory in megabytes (10^6 bytes): proc(5), status VmRSS. */
export function residentMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024) / 1e6
}

/** The options that a Node process was started with, before its program's path: proc(5), cmdline. */
export function nodeOptionsOf(pid: number): readonly string[] {
  const [, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  return args.slice(
    0,
    args.findIndex(arg => !arg.startsWith('-')),
  )
}

import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/cli/program.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly input?: string | Uint8Array
  /** By default the sources. */
  readonly program?: string
}

/** Variables of the environment that decide what a command asks. */
const OWN = /^OSTRAKA_/

/** Runs a command in a process, with this one free to serve it. None of this program's variables is inherited. */
export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN.test(name)))
  const child = spawn(process.execPath, [options.program ?? MAIN, ...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...inherited, ...options.env },
  })
  child.stdin.on('error', () => {}) // a command that fails early reads nothing
  child.stdin.end(options.input)
  const status = new Promise<number | null>(resolve => child.once('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { status: await status, stdout, stderr }
}

/** The same in this process, for what is the same there: its exit code and what it writes to standard error. */
export async function runHere(
  args: readonly string[],
): Promise<{ readonly status: number; readonly stderr: string }> {
  const { write } = process.stderr
  const before = process.exitCode
  let stderr = ''
  process.stderr.write = (chunk: string | Uint8Array) => {
    stderr += chunk
    return true
  }
  try {
    process.exitCode = 0
    await run(['node', 'ostraka', ...args])
    return { status: Number(process.exitCode), stderr }
  } finally {
    process.stderr.write = write
    process.exitCode = before
  }
}

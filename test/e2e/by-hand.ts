import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Client, connect, readPrincipal } from '../../src/api/index.ts'
import { runPatiently } from '../../testnet/patience.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export const PASSPHRASE = 'correct horse battery staple'

/** What `node run --json` prints once it serves. */
export interface Served {
  readonly networkId: string
  readonly peerId: string
  readonly api: string
  readonly addresses: readonly string[]
}

/** A directory in which a test types the commands that an operator would; daemons started here end with it. */
export class Workplace {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'ostraka-by-hand-'))
  readonly daemons: ChildProcess[] = []
  readonly #env: NodeJS.ProcessEnv = {
    ...process.env,
    OSTRAKA_PASSPHRASE: PASSPHRASE,
    OSTRAKA_API: undefined,
    OSTRAKA_TOKEN_FILE: undefined,
  }

  file(name: string): string {
    return join(this.dir, name)
  }

  command(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const options = { cwd: this.dir, env: this.#env }
    const run = runPatiently(() => spawnSync(process.execPath, [MAIN, ...args], options))
    return { status: run.status, stdout: String(run.stdout).trim(), stderr: String(run.stderr) }
  }

  /** As the operator, whose key `principal new` has made here. */
  client(api: string): Client {
    return connect({ api, principal: readPrincipal(this.file('operator.json')) })
  }

  /** Its standard output, when it ends well. */
  done(...args: string[]): string {
    const { status, stdout, stderr } = this.command(...args)
    if (status !== 0) throw new Error(`ostraka ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  /** Starts a daemon on free loopback ports. Rejects with its log when it ends before it serves. */
  async run(dir: string, ...args: string[]): Promise<Served> {
    const listen = args.includes('--listen') ? [] : ['--listen', '/ip4/127.0.0.1/tcp/0']
    const options = ['--dir', dir, ...listen, '--api', '127.0.0.1:0', '--json', ...args]
    const child = spawn(process.execPath, [MAIN, 'node', 'run', ...options], {
      cwd: this.dir,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.daemons.push(child)
    let [told, log] = ['', '']
    child.stderr.on('data', data => (log += data))
    return new Promise((resolve, reject) => {
      child.once('exit', code => reject(new Error(`${dir} ended with ${code}: ${log}`)))
      child.stdout.on('data', data => {
        told += data
        if (told.endsWith('}\n')) resolve(JSON.parse(told) as Served)
      })
    })
  }

  async stop(): Promise<void> {
    const running = this.daemons.filter(child => child.exitCode === null && child.signalCode === null)
    const ends = running.map(child => once(child, 'exit'))
    for (const child of running) child.kill('SIGKILL')
    await Promise.all(ends)
    rmSync(this.dir, { recursive: true })
  }
}

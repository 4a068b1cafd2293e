import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { anyPort, isFree } from '../../src/cli/testnet/layout.ts'
import { Patience } from '../../testnet/slowness.ts'

/** Undefined where a TPM can be had; else what is missing, for a test to say when it is skipped. */
export function whyNoTpm(): string | undefined {
  const missing = ['swtpm', 'tpm2_quote', 'tpm2_checkquote'].filter(
    program => spawnSync(program, ['--version']).status !== 0,
  )
  if (missing.length === 0) return undefined
  return `${missing.join(', ')} not installed (apt-get install swtpm tpm2-tools)`
}

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A software TPM 2.0 process with an empty state of its own. */
/** It answers within a fraction of a second. */
const READY_MS = 10_000

export class SoftwareTpm {
  readonly tcti: string
  readonly directory: string
  readonly #process: ChildProcess

  private constructor(directory: string, port: number) {
    this.directory = directory
    this.tcti = `swtpm:host=127.0.0.1,port=${port}`
    const at = (which: number) => `type=tcp,port=${which},bindaddr=127.0.0.1`
    const channels = ['--server', at(port), '--ctrl', at(port + 1)]
    const args = ['socket', '--tpm2', '--tpmstate', `dir=${directory}`, ...channels]
    this.#process = spawn('swtpm', [...args, '--flags', 'not-need-init,startup-clear'], { stdio: 'ignore' })
  }

  static async start(): Promise<SoftwareTpm> {
    const tpm = new SoftwareTpm(mkdtempSync(join(tmpdir(), 'ostraka-swtpm-')), await freePorts())
    const patience = new Patience(READY_MS)
    while (!patience.isOver) {
      if (tpm.run('tpm2_getcap', 'properties-fixed').status === 0) return tpm
      await sleep(50)
    }
    await tpm.stop()
    throw new Error('swtpm does not answer')
  }

  /** One of tpm2-tools, as a user of this TPM would run it. */
  run(tool: string, ...args: readonly string[]): Ran {
    const env = { ...process.env, TPM2TOOLS_TCTI: this.tcti }
    const { status, stdout, stderr } = spawnSync(tool, args, { env, cwd: this.directory })
    return { status, stdout: String(stdout), stderr: String(stderr) }
  }

  sha256(text: string): string {
    return createHash('sha256').update(text).digest('hex')
  }

  /** As a boot with other software would. */
  extend(pcr: number, hash: string): void {
    const { status, stderr } = this.run('tpm2_pcrextend', `${pcr}:sha256=${hash}`)
    if (status !== 0) throw new Error(stderr)
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>(resolve => {
      if (this.#process.exitCode === null) this.#process.once('exit', () => resolve())
      else resolve()
    })
    this.#process.kill()
    await ended
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** The TCTI expects the control channel on the port after the server's. */
async function freePorts(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = await anyPort()
    if (await isFree(port + 1)) return port
  }
  throw new Error('no two free ports in a row')
}

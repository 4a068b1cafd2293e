import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OstrakaError } from '../base/index.ts'

/** A discrete TPM takes seconds to make an RSA key; nothing here takes a minute. */
const TOOL_TIMEOUT_MS = 60_000
const MAX_OUTPUT_BYTES = 1024 * 1024

/** What the tools need of this process's environment: it may also hold the keystore's passphrase, which they do not. */
const PASSED_ON = /^(PATH|HOME|TMPDIR|LD_LIBRARY_PATH|TSS2_.*|TPM2TOOLS_.*|TPM2_PKCS11_.*)$/

/** Through the kernel's resource manager, which keeps other users of the TPM apart. */
export const DEFAULT_TCTI = 'device:/dev/tpmrm0'

/** Runs tpm2-tools (https://github.com/tpm2-software/tpm2-tools), one command at a time, in a folder of their own. */
export class Tpm2Tools {
  readonly #tcti: string
  #last: Promise<unknown> = Promise.resolve()

  /** `tcti` names the TPM as TPM2TOOLS_TCTI does, such as `swtpm:host=127.0.0.1,port=2321`. */
  constructor(tcti: string = process.env.TPM2TOOLS_TCTI ?? DEFAULT_TCTI) {
    this.#tcti = tcti
  }

  /** Has the TPM to itself until `task` ends; its folder is gone afterwards. */
  session<T>(task: (session: Tpm2Session) => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      const directory = await mkdtemp(join(tmpdir(), 'ostraka-tpm2-'))
      try {
        return await task(new Tpm2Session(this.#tcti, directory))
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    }
    const result = this.#last.then(run)
    this.#last = result.catch(() => {})
    return result
  }
}

export class Tpm2Session {
  readonly #tcti: string
  readonly #directory: string

  constructor(tcti: string, directory: string) {
    this.#tcti = tcti
    this.#directory = directory
  }

  /**
   * Runs one tool, such as `quote`; files are named relative to the session's folder. Resolves to its standard output.
   * Errors: `unreachable` (no such tool, no TPM, or the TPM refuses), `deadline_exceeded`.
   */
  run(tool: string, ...args: readonly string[]): Promise<string> {
    const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))
    const options = {
      cwd: this.#directory,
      env: { ...Object.fromEntries(passed), TPM2TOOLS_TCTI: this.#tcti },
      timeout: TOOL_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    }
    return new Promise((resolve, reject) => {
      execFile(`tpm2_${tool}`, args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(failure(tool, error, stderr))
      })
    })
  }

  /** Frees the TPM's few places for transient objects; behind the kernel's resource manager there is nothing to free. */
  async flush(): Promise<void> {
    await this.run('flushcontext', '--transient-object')
  }

  async read(file: string): Promise<Uint8Array> {
    return new Uint8Array(await readFile(join(this.#directory, file)))
  }
}

function failure(
  tool: string,
  error: Error & { code?: unknown; killed?: boolean },
  stderr: string,
): OstrakaError {
  if (error.code === 'ENOENT') {
    return new OstrakaError('unreachable', 'tpm2-tools is not installed on this host', {
      tool: `tpm2_${tool}`,
    })
  }
  if (error.killed === true) {
    return new OstrakaError('deadline_exceeded', `tpm2_${tool} did not end in time`, {
      timeoutMs: TOOL_TIMEOUT_MS,
    })
  }
  const reasons = stderr.split('\n').filter(line => line.startsWith('ERROR: '))
  const why = (reasons[0] ?? `ERROR: exit code ${error.code}`).slice('ERROR: '.length)
  return new OstrakaError('unreachable', `tpm2_${tool}: ${why}`)
}

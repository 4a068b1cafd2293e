import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { OstrakaError, toHex } from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'
import { type Attestor, platformMeasurement, selectionOf } from '../trust/index.ts'
import type { Tpm2Evidence } from '../wire/index.ts'
import { type Tpm2Session, Tpm2Tools } from './tpm2-tools.ts'

/**
 * Firmware, option ROMs, boot loader and Secure Boot's state (PC Client Platform Firmware Profile, section 3.3.4). They
 * stay as they are over reboots of an unchanged host; what changes with every kernel stands in others.
 */
export const DEFAULT_PCRS: readonly number[] = [0, 2, 4, 7]

export interface Tpm2Options {
  /** What is measured besides the platform. */
  readonly program: Pick<Attestor, 'measure'>
  /** Where the node notes which key of the TPM is its own. */
  readonly keyFile: string
  /** By default as TPM2TOOLS_TCTI says, else the kernel's. */
  readonly tcti?: string
  readonly pcrs?: readonly number[]
}

/** A persistent object in the TPM. */
interface KeyFile {
  readonly handle: string
}

/**
 * The attestor of a host with a TPM 2.0. Its attestation key is made once, under the TPM's endorsement key, stays in the
 * TPM and can sign nothing but what the TPM itself has made.
 */
export class Tpm2Attestor implements Attestor {
  readonly method = 'tpm2'
  readonly #options: Tpm2Options
  readonly #tools: Tpm2Tools

  constructor(options: Tpm2Options) {
    this.#options = options
    this.#tools = new Tpm2Tools(options.tcti)
  }

  measure(): Promise<Uint8Array> {
    return this.#options.program.measure()
  }

  async attest(challenge: Uint8Array): Promise<Tpm2Evidence> {
    const { program, pcrs = DEFAULT_PCRS } = this.#options
    const measured = await program.measure()
    return this.#tools.session(async session => {
      const { handle, area } = await this.#key(session)
      const over = [
        '--pcr-list',
        pcrList(pcrs),
        '--qualification',
        toHex(challenge),
        '--hash-algorithm',
        'sha256',
      ]
      const to = ['--message', 'quote', '--signature', 'signature']
      await session.run('quote', '--key-context', handle, ...over, ...to)
      return {
        type: 'tpm2',
        program: measured,
        attestationKey: area,
        quote: await session.read('quote'),
        signature: await session.read('signature'),
      }
    })
  }

  /** The TPMT_PUBLIC of this node's attestation key, which is made if there is none. Errors: those of `attest`. */
  attestationKey(): Promise<Uint8Array> {
    return this.#tools.session(async session => (await this.#key(session)).area)
  }

  async #key(session: Tpm2Session): Promise<{ readonly handle: string; readonly area: Uint8Array }> {
    const { keyFile } = this.#options
    if (!existsSync(keyFile)) await keepKey(session, keyFile, await makeKey(session))
    const { handle } = readKeyFile(keyFile)
    try {
      await session.run('readpublic', '--object-context', handle, '--output', 'public', '--format', 'tss')
    } catch (error) {
      const why = `the TPM does not give the key that ${keyFile} names; was it cleared or replaced?`
      throw new OstrakaError('unreachable', why, { handle, cause: String(error) })
    }
    // a TPM2B_PUBLIC: its length, then the TPMT_PUBLIC
    return { handle, area: (await session.read('public')).subarray(2) }
  }
}

/** Notes whose key it is. One that cannot be noted is forgotten: a TPM has room for few, and each attempt would take one. */
async function keepKey(session: Tpm2Session, keyFile: string, handle: string): Promise<void> {
  try {
    writeFileSync(keyFile, json({ handle }), { mode: 0o600 })
  } catch (error) {
    // a full disk leaves an empty file
    rmSync(keyFile, { force: true })
    await session.run('evictcontrol', '--hierarchy', 'o', '--object-context', handle)
    throw error
  }
}

/** The handle of a fresh key that survives restarts of the TPM. */
async function makeKey(session: Tpm2Session): Promise<string> {
  await session.flush()
  await session.run('createek', '--ek-context', 'ek', '--key-algorithm', 'ecc', '--public', 'ek.public')
  await session.flush()
  const algorithms = ['--key-algorithm', 'ecc', '--hash-algorithm', 'sha256', '--signing-algorithm', 'ecdsa']
  const to = ['--ak-context', 'ak', '--public', 'ak.public', '--ak-name', 'ak.name']
  await session.run('createak', '--ek-context', 'ek', ...algorithms, ...to)
  await session.flush()
  const kept = await session.run('evictcontrol', '--hierarchy', 'o', '--object-context', 'ak')
  await session.flush()
  const handle = /^persistent-handle: (0x81[0-9a-f]{6})$/im.exec(kept)?.[1]
  if (handle === undefined) throw new OstrakaError('malformed', 'tpm2_evictcontrol tells no handle')
  return handle
}

function json(value: KeyFile): string {
  return `${JSON.stringify(value)}\n`
}

function readKeyFile(path: string): KeyFile {
  try {
    const { handle } = JSON.parse(readFileSync(path, 'utf8'))
    if (/^0x81[0-9a-f]{6}$/i.test(handle)) return { handle }
  } catch {
    // named below
  }
  throw new OstrakaError('malformed', `${path} names no key of a TPM`)
}

function pcrList(pcrs: readonly number[]): string {
  return `sha256:${pcrs.join(',')}`
}

/** What a quote of this host's PCRs would measure now. Errors: those of `attest`. */
export function measurePlatform(
  pcrs: readonly number[] = DEFAULT_PCRS,
  tcti?: string,
): Promise<{ readonly measurement: Uint8Array; readonly values: ReadonlyMap<number, Uint8Array> }> {
  const ascending = [...new Set(pcrs)].sort((a, b) => a - b)
  const selection = selectionOf(ascending)
  return new Tpm2Tools(tcti).session(async session => {
    await session.run('pcrread', pcrList(ascending), '--output', 'values')
    const bytes = await session.read('values')
    if (bytes.length !== ascending.length * 32) {
      throw new OstrakaError('malformed', 'this TPM has no SHA-256 bank for these PCRs')
    }
    const values = new Map(ascending.map((pcr, at) => [pcr, bytes.slice(at * 32, at * 32 + 32)]))
    return { measurement: platformMeasurement(selection, sha256(bytes)), values }
  })
}

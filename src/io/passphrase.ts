import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OstrakaError, ofSystem, Secret, utf8 } from '../base/index.ts'
import { readSmallFile } from '../files/index.ts'

export const PASSPHRASE_VARIABLE = 'OSTRAKA_PASSPHRASE'

/** Names an inherited file descriptor that the passphrase is read from, to its end. */
const DESCRIPTOR_VARIABLE = 'OSTRAKA_PASSPHRASE_FD'

/** systemd.exec(5): where a unit's credentials lie, for its process alone. `LoadCredential=passphrase:…` puts ours there. */
const CREDENTIALS_VARIABLE = 'CREDENTIALS_DIRECTORY'
const CREDENTIAL = 'passphrase'

/** What a prompt needs of a terminal; `process.stdin` and `process.stderr` fit. */
export interface Terminal {
  readonly input: Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>
  readonly output: { write(text: string): unknown }
}

export interface PassphraseSources {
  /** Path of a file that holds the passphrase; one trailing line break is not part of it. */
  readonly file?: string | undefined
  /** The environment; the variable is removed from it, so that child processes do not inherit it. */
  readonly env?: Record<string, string | undefined>
  /** Asks on this terminal when nothing else is given. */
  readonly prompt?: { readonly question: string; readonly terminal: Terminal }
}

/**
 * The passphrase from the named file, systemd's credentials, an inherited descriptor, the environment or a prompt, in this
 * order. Errors: `not_found`, `malformed` (empty).
 */
export async function readPassphrase({ file, env, prompt }: PassphraseSources): Promise<Secret> {
  if (file !== undefined) return fromFile(file)
  const credential = env?.[CREDENTIALS_VARIABLE] && join(env[CREDENTIALS_VARIABLE], CREDENTIAL)
  if (credential && existsSync(credential)) return fromFile(credential)
  const descriptor = env?.[DESCRIPTOR_VARIABLE]
  if (env && descriptor !== undefined) {
    delete env[DESCRIPTOR_VARIABLE]
    return fromDescriptor(descriptor)
  }
  const variable = env?.[PASSPHRASE_VARIABLE]
  if (env && variable !== undefined) {
    delete env[PASSPHRASE_VARIABLE]
    return passphrase(utf8(variable))
  }
  if (prompt?.terminal.input.isTTY) return passphrase(await ask(prompt.question, prompt.terminal))
  throw new OstrakaError('not_found', `no passphrase: give --passphrase-file or set ${PASSPHRASE_VARIABLE}`)
}

function fromFile(path: string): Secret {
  return withoutLineEnd(readSmallFile(path))
}

/** What is closed here must not be taken for standard input by what is opened next. */
const STANDARD_INPUT = 0

function fromDescriptor(text: string): Secret {
  const descriptor = Number(text)
  if (!/^\d{1,9}$/.test(text))
    throw new OstrakaError('malformed', `${DESCRIPTOR_VARIABLE}=${text} is no descriptor`)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(descriptor)
    closeSync(descriptor)
  } catch (error) {
    throw ofSystem(error, `${DESCRIPTOR_VARIABLE}=${text}`) ?? error
  }
  if (descriptor === STANDARD_INPUT) openSync('/dev/null', 'r')
  return withoutLineEnd(bytes)
}

/** Wipes `bytes`. */
function withoutLineEnd(bytes: Uint8Array): Secret {
  let end = bytes.length
  if (bytes[end - 1] === 0x0a) end -= 1
  if (bytes[end - 1] === 0x0d) end -= 1
  const trimmed = Uint8Array.from(bytes.subarray(0, end))
  bytes.fill(0)
  return passphrase(trimmed)
}

function passphrase(bytes: Uint8Array): Secret {
  if (bytes.length === 0) throw new OstrakaError('malformed', 'the passphrase is empty')
  return new Secret(bytes)
}

/** Reads a line without echo. Control-C and control-D give up. */
function ask(question: string, { input, output }: Terminal): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const typed: number[] = []
  const finish = (): void => {
    input.off('data', onData)
    input.setRawMode(false)
    input.pause()
    output.write('\n')
  }
  const onData = (chunk: Buffer): void => {
    for (const byte of chunk) {
      if (byte === 0x0d || byte === 0x0a) {
        finish()
        resolve(Uint8Array.from(typed))
        return
      }
      if (byte === 0x03 || byte === 0x04) {
        finish()
        reject(new OstrakaError('not_found', 'no passphrase was given'))
        return
      }
      if (byte === 0x7f || byte === 0x08) eraseCharacter(typed)
      else typed.push(byte)
    }
  }
  output.write(question)
  input.setRawMode(true)
  input.on('data', onData)
  input.resume()
  return promise
}

/** Removes one UTF-8 character: its continuation bytes and the byte that leads them. */
function eraseCharacter(typed: number[]): void {
  while (((typed.at(-1) ?? 0) & 0xc0) === 0x80) typed.pop()
  typed.pop()
}

import type { Command } from 'commander'
import { isOstrakaError, OstrakaError, toBase64, toHex } from '../../base/index.ts'
import {
  type ClientOptions,
  clientCommand,
  type VerifyingOptions,
  verifyingCommand,
  withClient,
  withVerifyingClient,
} from '../connection.ts'
import { collect, hexBytes, keyVersion } from '../options.ts'
import { print, printJson } from '../output.ts'

interface SignOptions extends ClientOptions {
  readonly out?: string
}

interface DeriveOptions extends VerifyingOptions {
  readonly input: readonly string[]
  readonly blind?: boolean
  readonly version?: number
}

/** The network's cap for one input. */
const MAX_MESSAGE_BYTES = 512 * 1024

export function registerOperations(program: Command): void {
  clientCommand(program, 'sign <name> <file>', [
    'ostraka sign releases README.md --out README.md.sig',
    'git archive HEAD | sha256sum | ostraka sign releases - > archive.sig',
  ])
    .description(
      'sign a file (- is standard input): writes the raw 64-byte signature to --out or standard output',
    )
    .option('--out <file>', 'where the signature goes')
    .action(sign)
  verifyingCommand(program, 'derive <name>', [
    'ostraka derive oprf --input 68656c6c6f',
    'ostraka derive oprf --input 00 --input 01 --blind',
    'ostraka derive oprf --input 68656c6c6f --version 1     # what it was before the key was rotated',
  ])
    .description('RFC 9497 VOPRF outputs, one line of hexadecimal each')
    .requiredOption('--input <hex>', 'an input; may be given several times', collect)
    .option(
      '--blind',
      'blind here, check the proofs and finalize here: the network learns neither input nor output',
    )
    .option('--version <n>', 'an archived version; by default the active one', keyVersion)
    .action(derive)
}

async function sign(name: string, file: string, options: SignOptions): Promise<void> {
  const { isStandardOutput, readWhole, writeWhole } = await import('../../files/index.ts')
  const message = await readWhole(file, MAX_MESSAGE_BYTES).catch(error => {
    if (!isOstrakaError(error, 'too_large')) throw error
    const text = 'a message has at most 512 KiB: sign its hash instead'
    throw new OstrakaError('too_large', text, error.details)
  })
  const { signatures, publicKey, version } = await withClient(options, client => client.sign(name, [message]))
  const signature = signatures[0]!
  if (options.out !== undefined) await writeWhole(options.out, signature)
  const answer = { key: name, version, publicKey: toBase64(publicKey), signature: toBase64(signature) }
  if (options.out !== undefined && isStandardOutput(options.out)) return
  if (options.json) printJson(answer)
  else if (options.out === undefined) process.stdout.write(signature)
}

async function derive(name: string, options: DeriveOptions): Promise<void> {
  const inputs = options.input.map(hexBytes)
  const wanted = { version: options.version ?? 0 }
  const { version, outputs, verified } = options.blind
    ? await withVerifyingClient(options, client => client.deriveBlinded(name, inputs, wanted))
    : { ...(await withClient(options, client => client.derive(name, inputs, wanted))), verified: null }
  const answer = { key: name, version, outputs: outputs.map(toHex), verified: verified ?? null }
  print(answer, options.json, () => answer.outputs)
}

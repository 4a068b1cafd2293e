import { type Command, InvalidArgumentError } from 'commander'
import {
  type ClientOptions,
  clientCommand,
  type VerifyingOptions,
  verifyingCommand,
  withClient,
  withVerifyingClient,
} from '../connection.ts'
import { currentRecipient, networkIdentities } from '../network-identities.ts'
import { collect, keyVersion } from '../options.ts'
import { print, printJson } from '../output.ts'

interface EncryptOptions extends VerifyingOptions {
  readonly out: string
  readonly recipient?: readonly string[]
}

interface DecryptOptions extends ClientOptions {
  readonly out: string
  readonly key?: string
  readonly version?: number
}

interface RewrapOptions extends VerifyingOptions {
  readonly out?: string
  readonly inPlace?: boolean
  readonly key?: string
  readonly to?: string
}

export function registerFiles(program: Command): void {
  verifyingCommand(program, 'encrypt <name> [file]', [
    'ostraka encrypt backups disk.img --out disk.img.age',
    'tar c src | ostraka encrypt backups - --out src.tar.age',
    'ostraka encrypt notes.txt --recipient age1… --out notes.txt.age     # for an ordinary age identity',
    'age -r "$(ostraka key show backups --json | jq -r .recipient)" -o f.age f   # the age program can do it too',
  ])
    .usage('[options] <name> <file>  |  [options] --recipient <age1…> <file>')
    .description('encrypt a file (- is standard input) in age v1 format to a network key, any size')
    .requiredOption('--out <file>', 'where the age file goes (- is standard output)')
    .option('--recipient <age1…>', 'also, or instead, an ordinary age recipient; repeatable', collect)
    .action(encrypt)
  clientCommand(program, 'decrypt <file>', [
    'ostraka decrypt disk.img.age --out disk.img',
    'ostraka decrypt src.tar.age --key backups --out - | tar t',
  ])
    .description(
      'decrypt an age v1 file, armored or not (- is standard input), of which a network key is a recipient',
    )
    .requiredOption('--out <file>', 'where the plain file goes (- is standard output)')
    .option('--key <name>', 'which network key; by default each that may be used is tried')
    .option('--version <n>', 'which version of it; by default the active one, then the archived', keyVersion)
    .action(decrypt)
  registerRewrap(program)
}

function registerRewrap(program: Command): void {
  verifyingCommand(program, 'rewrap <file>', [
    'ostraka key rotate backups && ostraka rewrap disk.img.age --in-place && ostraka key destroy backups 1',
    'ostraka rewrap disk.img.age --to archive --out disk.img.archive.age',
  ])
    .description(
      'wrap an age file’s key anew, to the current version of its network key: the payload, of any size, and other ' +
        'recipients stay as they are, and the file is decrypted nowhere',
    )
    .option('--out <file>', 'where the new file goes (- is standard output)')
    .option('--in-place', 'replace the file, at once and whole')
    .option('--key <name>', 'which network key opens it; by default each that may be used is tried')
    .option('--to <name>', 'another network key to wrap it to; by default the one that opens it')
    .action(rewrap)
}

/** With one argument it is the file: the recipients are all given by `--recipient`. */
async function encrypt(first: string, second: string | undefined, options: EncryptOptions): Promise<void> {
  const [name, file] = second === undefined ? [undefined, first] : [first, second]
  const { encryptStream } = await import('../age/index.ts')
  const { isStandardOutput, openInput, writeStream } = await import('../../files/index.ts')
  const recipients = [...(options.recipient ?? [])]
  if (name === undefined && recipients.length === 0) {
    throw new InvalidArgumentError('give a network key and a file, or a file and --recipient')
  }
  const key = name === undefined ? undefined : await withVerifyingClient(options, currentRecipient(name))
  // first, so that whoever decrypts it by the network tries this stanza first
  if (key !== undefined) recipients.unshift(key.recipient)
  await writeStream(options.out, await encryptStream(recipients, openInput(file)))
  if (options.json && !isStandardOutput(options.out))
    printJson({ out: options.out, recipients, verified: key?.verified ?? null })
}

async function decrypt(file: string, options: DecryptOptions): Promise<void> {
  const { decryptStream, malformed } = await import('../age/index.ts')
  const { isStandardOutput, openInput, writeStream } = await import('../../files/index.ts')
  await withClient(options, async client => {
    const input = openInput(file)
    const plain = await decryptStream(await networkIdentities(client, options), input)
    await writeStream(options.out, plain).catch(error => {
      throw error?.code === undefined ? malformed(error) : error
    })
  })
  if (options.json && !isStandardOutput(options.out)) printJson({ out: options.out })
}

async function rewrap(file: string, options: RewrapOptions): Promise<void> {
  if ((options.out === undefined) !== (options.inPlace === true) || (options.inPlace && file === '-')) {
    throw new InvalidArgumentError('give either --out, or --in-place and a file')
  }
  const { rewrapStream } = await import('../age/index.ts')
  const { isStandardOutput, openInput, replaceFile, writeStream } = await import('../../files/index.ts')
  const done = await withVerifyingClient(options, async (client, isVerifying) => {
    const identities = await networkIdentities(client, options)
    const targetOf = (name: string) => currentRecipient(options.to ?? name)(client, isVerifying)
    const rewrapped = await rewrapStream(identities, targetOf, openInput(file))
    const { from, target, isChanged, output } = rewrapped
    if (options.inPlace !== true) await writeStream(options.out!, output)
    else if (isChanged) await replaceFile(file, output)
    else await output.cancel()
    const to = { key: target.name, version: target.version }
    return { out: options.out ?? file, from, to, changed: isChanged, verified: target.verified }
  })
  if (options.out !== undefined && isStandardOutput(options.out)) return
  const { from, to } = done
  print(done, options.json, () => [
    done.changed
      ? `${file}: was ${from.key} version ${from.version}, is ${to.key} version ${to.version}`
      : `${file}: is ${to.key} version ${to.version} already`,
  ])
}

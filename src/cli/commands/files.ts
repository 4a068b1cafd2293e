import { type Command, InvalidArgumentError } from 'commander'
import type { Client, KeyJson } from '../../api/index.ts'
import { OstrakaError } from '../../base/index.ts'
import type { NetworkIdentity } from '../age.ts'
import { type ClientOptions, clientCommand, connectTo, withClient } from '../connection.ts'
import { collect } from '../options.ts'
import { printJson } from '../output.ts'

interface EncryptOptions extends ClientOptions {
  readonly out: string
  readonly recipient?: readonly string[]
}

interface DecryptOptions extends ClientOptions {
  readonly out: string
  readonly key?: string
}

/** age files do not say whose they are; beyond this many candidates the caller has to. */
const MAX_CANDIDATES = 64

export function registerFiles(program: Command): void {
  clientCommand(program, 'encrypt <name> [file]', [
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
    .description('decrypt an age v1 file (- is standard input) of which a network key is a recipient')
    .requiredOption('--out <file>', 'where the plain file goes (- is standard output)')
    .option('--key <name>', 'which network key; by default each that may be used is tried')
    .action(decrypt)
}

/** With one argument it is the file: the recipients are all given by `--recipient`. */
async function encrypt(first: string, second: string | undefined, options: EncryptOptions): Promise<void> {
  const [name, file] = second === undefined ? [undefined, first] : [first, second]
  const { encryptStream } = await import('../age.ts')
  const { openInput, writeStream } = await import('../file-streams.ts')
  const recipients = [...(options.recipient ?? [])]
  if (name === undefined && recipients.length === 0) {
    throw new InvalidArgumentError('give a network key and a file, or a file and --recipient')
  }
  if (name !== undefined) recipients.push(await withClient(options, client => recipientOf(client, name)))
  await writeStream(options.out, await encryptStream(recipients, await openInput(file)))
  if (options.json) printJson({ out: options.out, recipients })
}

async function recipientOf(client: Client, name: string): Promise<string> {
  return requireRecipient(await client.key(name))
}

function requireRecipient(key: KeyJson): string {
  if (key.kind !== 'x25519') {
    throw new OstrakaError('wrong_kind', `${key.name} is a ${key.kind} key: only x25519 keys encrypt`)
  }
  if (key.recipient === undefined) throw new OstrakaError('not_ready', `${key.name} has no version yet`)
  return key.recipient
}

async function decrypt(file: string, options: DecryptOptions): Promise<void> {
  const { decryptStream, malformed } = await import('../age.ts')
  const { openInput, writeStream } = await import('../file-streams.ts')
  const client = connectTo(options)
  try {
    const input = await openInput(file)
    const plain = await decryptStream(await candidates(client, options.key), input)
    await writeStream(options.out, plain).catch(error => {
      throw error?.code === undefined ? malformed(error) : error
    })
  } finally {
    client.close()
  }
  if (options.json) printJson({ out: options.out })
}

async function candidates(client: Client, name: string | undefined): Promise<readonly NetworkIdentity[]> {
  if (name !== undefined) return [identityOf(client, await client.key(name))]
  const keys = (await client.keys()).filter(key => key.kind === 'x25519' && key.recipient !== undefined)
  if (keys.length > MAX_CANDIDATES) {
    throw new OstrakaError('conflict', `${keys.length} keys might be the recipient: say which with --key`)
  }
  return keys.map(key => identityOf(client, key))
}

function identityOf(client: Client, key: KeyJson): NetworkIdentity {
  return {
    name: key.name,
    recipient: requireRecipient(key),
    async sharedSecret(ephemeral) {
      return (await client.decrypt(key.name, [ephemeral])).outputs[0]!
    },
  }
}

import { type Command, Option } from 'commander'
import { fromBase64, OstrakaError, toBase64 } from '../../base/index.ts'
import { type VerifyingOptions, verifyingCommand, withVerifyingClient } from '../connection.ts'
import { print } from '../output.ts'

const KINDS = ['ed25519', 'secp256k1'] as const

interface VerifyOptions extends VerifyingOptions {
  readonly signature: string
  readonly publicKey?: string
  readonly kind?: (typeof KINDS)[number]
}

/** A public key under which the signature may be valid. */
interface Candidate {
  readonly kind: (typeof KINDS)[number]
  readonly version: number | null
  readonly publicKey: Uint8Array
}

/** The network's cap for one message: it can have signed no longer one. */
const MAX_MESSAGE_BYTES = 512 * 1024

/** Generous for 32 bytes in any encoding. */
const MAX_SMALL_BYTES = 1024

export function registerVerify(program: Command): void {
  verifyingCommand(program, 'verify <name> <file>', [
    'ostraka verify releases README.md --signature README.md.sig',
    'ostraka verify releases README.md --signature README.md.sig --public-key releases.pub    # asks no daemon',
  ])
    .description(
      'verify a signature that sign made (- is standard input), by any version of the key: leaves with 0 if it is valid, 3 if not',
    )
    .requiredOption('--signature <file>', 'the raw 64-byte signature')
    .option(
      '--public-key <file>',
      'verify by this key, offline: 32 raw bytes, or their base64 or hexadecimal',
    )
    .addOption(
      new Option('--kind <kind>', 'of the key in --public-key; by default either').choices([...KINDS]),
    )
    .action(verify)
}

async function verify(name: string, file: string, options: VerifyOptions): Promise<void> {
  const { readWhole } = await import('../../files/index.ts')
  const { cryptoReady, signingSuite } = await import('../../crypto/index.ts')
  const signature = await readWhole(options.signature, MAX_SMALL_BYTES)
  const candidates =
    options.publicKey === undefined
      ? await candidatesOf(name, options)
      : (options.kind === undefined ? KINDS : [options.kind]).map(kind => ({ kind, version: null }))
  const given =
    options.publicKey === undefined ? undefined : await readWhole(options.publicKey, MAX_SMALL_BYTES)
  const publicKey = given === undefined ? undefined : publicKeyOf(given, options.publicKey!)
  const message = await readWhole(file, MAX_MESSAGE_BYTES)
  await cryptoReady
  const valid = candidates
    .map(each => ({ ...each, publicKey: publicKey ?? (each as Candidate).publicKey }))
    .find(each => signingSuite(each.kind).verify(each.publicKey, message, signature))
  if (valid === undefined) throw new OstrakaError('bad_signature', `${file} is not signed so by ${name}`)
  const { kind, version } = valid
  const told = { key: name, valid: true, kind, version, publicKey: toBase64(valid.publicKey) }
  print(told, options.json, () => [
    `valid: ${name}${version === null ? '' : ` version ${version}`}, ${kind}, public key ${told.publicKey}`,
  ])
}

/** Each version's key, the active one proven where there is what proves it. Errors: `unproven`, `wrong_kind`. */
function candidatesOf(name: string, options: VerifyOptions): Promise<readonly Candidate[]> {
  return withVerifyingClient(options, async (client, isVerifying) => {
    const key = await client.key(name)
    const kind = KINDS.find(each => each === key.kind)
    if (kind === undefined)
      throw new OstrakaError('wrong_kind', `${name} is a ${key.kind} key: it signs nothing`)
    if (!isVerifying) {
      return key.versions.map(({ version, publicKey }) => ({
        kind,
        version,
        publicKey: fromBase64(publicKey, 'publicKey'),
      }))
    }
    const { version, publicKey, kind: provenKind } = await client.provenKey(name)
    if (provenKind !== kind) throw new OstrakaError('unproven', `the daemon gives ${name} another kind`)
    return [{ kind, version, publicKey }]
  })
}

/** Errors: `malformed`. */
function publicKeyOf(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes.length === 32) return bytes
  const text = Buffer.from(bytes).toString('latin1').trim()
  if (/^[0-9a-fA-F]{64}$/.test(text)) return new Uint8Array(Buffer.from(text, 'hex'))
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return fromBase64(text, path)
  throw new OstrakaError('malformed', `${path} holds no public key of 32 bytes`)
}

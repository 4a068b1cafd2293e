import { type Command, Option } from 'commander'
import type { KeyJson, NewKey, SecretForm } from '../../api/index.ts'
import { OstrakaError, toBase64 } from '../../base/index.ts'
import type { KeyKind } from '../../wire/index.ts'
import {
  type ClientOptions,
  clientCommand,
  type VerifyingOptions,
  verifyingCommand,
  withClient,
  withVerifyingClient,
} from '../connection.ts'
import { integerFrom, numberFrom, OFFERED_KINDS } from '../options.ts'
import { note, print, shortPeer, tableLines } from '../output.ts'
import { registerExport } from './approvals.ts'
import { registerChanges } from './changes.ts'

interface NewKeyOptions extends ClientOptions {
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly exportable?: boolean
  readonly public?: boolean
  readonly entropy?: number
}

const MAX_SLOTS = 64

export function registerKeys(program: Command): void {
  const key = program
    .command('key')
    .description('create, import, list, show, rotate, refresh, reshare and retire keys')
  newKeyOptions(
    clientCommand(key, 'create <name>', [
      'ostraka key create releases --kind ed25519',
      'ostraka key create backups --kind x25519 --threshold 3 --shares 5 --json',
    ]),
  )
    .description('create a key that no node ever holds; returns when it is active')
    .action(async (name: string, options: NewKeyOptions) => {
      const made = await withClient(options, client => client.createKey(newKeyOf(name, options)))
      note(sharesLines(made, options.shares))
      print(made, options.json, keyLines)
    })
  clientCommand(key, 'list', ['ostraka key list', 'ostraka key list --json | jq .keys[].name'])
    .description('list the keys of the network')
    .action(async (options: ClientOptions) => {
      const keys = await withClient(options, client => client.keys())
      print({ keys }, options.json, () =>
        tableLines(
          ['NAME', 'KIND', 'VERSION', 'SHARES', 'STATE', 'PUBLIC KEY', 'OWNER'],
          keys.map(each => [
            each.name,
            each.kind,
            each.version,
            `${each.threshold}-of-${each.shares}`,
            each.state,
            each.recipient ?? each.publicKey,
            each.owner === '' ? 'the network' : `${each.owner.slice(0, 8)}…`,
          ]),
        ),
      )
    })
  verifyingCommand(key, 'show <name>', [
    'ostraka key show releases',
    'ostraka key show releases --genesis genesis.json --json | jq -r .publicKey     # proven, not believed',
  ])
    .description('show one key: public key, holders, policy, versions')
    .action(showKey)
  registerImport(key)
  registerExport(key)
  registerChanges(key)
}

function registerImport(key: Command): void {
  newKeyOptions(
    verifyingCommand(key, 'import <name>', [
      'ostraka key import legacy --kind ed25519 --secret-file seed.bin',
      'ostraka key import oprf --kind ristretto255 --secret-file scalar.bin --threshold 2 --shares 3',
    ]),
  )
    .description(
      'share an existing key among the nodes. The shares are dealt here: no daemon sees the secret. ' +
        'But whoever made the key has seen it whole, and so has this machine: a created key is better.',
    )
    .requiredOption(
      '--secret-file <file>',
      '32 raw bytes, - is standard input: ed25519 the RFC 8032 seed, x25519 the RFC 7748 private key, ristretto255 the RFC 9497 scalar ' +
        '(little-endian), secp256k1 big-endian',
    )
    .addOption(
      new Option(
        '--secret-form <form>',
        'native: as above. scalar: the number itself, little-endian below the group’s order (secp256k1 big-endian), as an ' +
          'ed25519 export has it',
      )
        .choices(['native', 'scalar'])
        .default('native'),
    )
    .action(importKey)
}

async function showKey(name: string, options: VerifyingOptions): Promise<void> {
  const shown = await withVerifyingClient(options, async (client, isVerifying) => {
    const key = await client.key(name)
    if (!isVerifying || key.version === 0) return { ...key, verified: null }
    const { publicKey, verified } = await client.provenKey(name, { version: key.version })
    if (toBase64(publicKey) === key.publicKey) return { ...key, verified }
    throw new OstrakaError('unproven', `the daemon gives ${name} a public key that the network has not`, {
      name,
    })
  })
  print(shown, options.json, key => [
    ...keyLines(key),
    ...(key.verified === null ? [] : [`proven      in the state before block ${key.verified.height}`]),
  ])
}

interface ImportOptions extends NewKeyOptions, VerifyingOptions {
  readonly secretFile: string
  readonly secretForm: SecretForm
}

async function importKey(name: string, options: ImportOptions): Promise<void> {
  const { readSecretFile } = await import('../secret-file.ts')
  const secret = readSecretFile(options.secretFile)
  try {
    const made = await withVerifyingClient(options, (client, isVerifying) => {
      if (!isVerifying) note([UNVERIFIED])
      return client.importKey(newKeyOf(name, options), secret, options.secretForm)
    })
    note(sharesLines(made, options.shares))
    print({ ...made, verified: made.verified ?? null }, options.json, keyLines)
  } finally {
    secret.wipe()
  }
}

const UNVERIFIED =
  'the daemon is believed when it says to whom the shares go: give --genesis or --network to have that proven'

function newKeyOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--kind <kind>', 'what the key does').choices([...OFFERED_KINDS]).makeOptionMandatory(),
    )
    .option('--threshold <t>', 'how many holders an operation needs', integerFrom(1, MAX_SLOTS), 3)
    .option('--shares <n>', 'how many shares there are', integerFrom(1, MAX_SLOTS), 5)
    .option('--exportable', 'let operators approve an export later')
    .option('--public', 'let anybody read the key’s record and its proof, without a credential')
    .option('--entropy <0..1>', 'declared entropy of what the key protects', numberFrom(0, 1))
}

function newKeyOf(name: string, options: NewKeyOptions): NewKey {
  return {
    name,
    kind: options.kind,
    threshold: options.threshold,
    shares: options.shares,
    ...(options.exportable === undefined ? {} : { isExportable: options.exportable }),
    ...(options.public === undefined ? {} : { isPublic: options.public }),
    ...(options.entropy === undefined ? {} : { entropy: options.entropy }),
  }
}

/** Fewer shares than were asked for, or several on a node: what that means. */
export function sharesLines(
  { name, shares, threshold, holders }: KeyJson,
  wanted: number,
): readonly string[] {
  const nodes = new Set(holders.map(({ peerId }) => peerId)).size
  if (shares < wanted) {
    const most = Math.max(1, threshold - 2)
    return [
      `${name} has ${shares} shares, not ${wanted}: with threshold ${threshold} a node holds at most ${most}, ` +
        `and there are ${nodes} nodes`,
    ]
  }
  if (nodes === shares) return []
  return [`${nodes} nodes hold the ${shares} shares of ${name}, up to ${Math.ceil(shares / nodes)} each`]
}

/** A version that does not serve: since what it is out of service, and for how long. */
function versionLine({ version, state, retainUntilMs, destroyAtMs }: KeyJson['versions'][number]): string {
  const at = (timeMs: number): string => new Date(timeMs).toISOString()
  const until = state === 'archived' && retainUntilMs > 0 ? ` until ${at(retainUntilMs)}` : ''
  const when = destroyAtMs === null ? until : `, destroyed at ${at(destroyAtMs)}`
  return `  ${String(version).padEnd(9)} ${state}${when}`
}

export function keyLines(key: KeyJson): readonly string[] {
  return [
    `name        ${key.name}`,
    `kind        ${key.kind}`,
    `state       ${key.state}`,
    `version     ${key.version}, generation ${key.generation} of its shares`,
    ...key.versions.filter(({ state }) => state !== 'active').map(versionLine),
    `public key  ${key.publicKey}`,
    ...(key.recipient === undefined ? [] : [`recipient   ${key.recipient}`]),
    `threshold   ${key.threshold} of ${key.shares}`,
    `holders     ${key.holders.map(({ slot, peerId }) => `${slot}:${shortPeer(peerId)}`).join('  ')}`,
    `owner       ${key.owner === '' ? 'the network itself' : key.owner}`,
    `policy      revision ${key.policy.revision}, ${key.policy.rules.length} rules${key.policy.public ? ', public' : ''}`,
  ]
}

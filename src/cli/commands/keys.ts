import { type Command, Option } from 'commander'
import type { KeyJson, NewKey } from '../../api/index.ts'
import type { KeyKind } from '../../wire/index.ts'
import { type ClientOptions, clientCommand, withClient } from '../connection.ts'
import { integerFrom, numberFrom, OFFERED_KINDS } from '../options.ts'
import { print, shortPeer, tableLines } from '../output.ts'
import { registerChanges } from './changes.ts'

interface NewKeyOptions extends ClientOptions {
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly exportable?: boolean
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
      print(made, options.json, keyLines)
    })
  clientCommand(key, 'list', ['ostraka key list', 'ostraka key list --json | jq .keys[].name'])
    .description('list the keys of the network')
    .action(async (options: ClientOptions) => {
      const keys = await withClient(options, client => client.keys())
      print({ keys }, options.json, () =>
        tableLines(
          ['NAME', 'KIND', 'VERSION', 'SHARES', 'STATE', 'PUBLIC KEY'],
          keys.map(each => [
            each.name,
            each.kind,
            each.version,
            `${each.threshold}-of-${each.shares}`,
            each.state,
            each.recipient ?? each.publicKey,
          ]),
        ),
      )
    })
  clientCommand(key, 'show <name>', ['ostraka key show releases'])
    .description('show one key: public key, holders, policy, versions')
    .action(async (name: string, options: ClientOptions) => {
      const shown = await withClient(options, client => client.key(name))
      print(shown, options.json, keyLines)
    })
  registerImport(key)
  registerChanges(key)
}

function registerImport(key: Command): void {
  newKeyOptions(
    clientCommand(key, 'import <name>', [
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
      '32 raw bytes: ed25519 the RFC 8032 seed, x25519 the RFC 7748 private key, ristretto255 the RFC 9497 scalar ' +
        '(little-endian), secp256k1 big-endian',
    )
    .action(async (name: string, options: NewKeyOptions & { readonly secretFile: string }) => {
      const { readSecretFile } = await import('../secret-file.ts')
      const secret = await readSecretFile(options.secretFile)
      try {
        const made = await withClient(options, client => client.importKey(newKeyOf(name, options), secret))
        print(made, options.json, keyLines)
      } finally {
        secret.wipe()
      }
    })
}

function newKeyOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--kind <kind>', 'what the key does').choices([...OFFERED_KINDS]).makeOptionMandatory(),
    )
    .option('--threshold <t>', 'how many holders an operation needs', integerFrom(1, MAX_SLOTS), 3)
    .option('--shares <n>', 'how many shares there are', integerFrom(1, MAX_SLOTS), 5)
    .option('--exportable', 'let operators approve an export later')
    .option('--entropy <0..1>', 'declared entropy of what the key protects', numberFrom(0, 1))
}

function newKeyOf(name: string, options: NewKeyOptions): NewKey {
  return {
    name,
    kind: options.kind,
    threshold: options.threshold,
    shares: options.shares,
    ...(options.exportable === undefined ? {} : { isExportable: options.exportable }),
    ...(options.entropy === undefined ? {} : { entropy: options.entropy }),
  }
}

export function keyLines(key: KeyJson): readonly string[] {
  return [
    `name        ${key.name}`,
    `kind        ${key.kind}`,
    `state       ${key.state}`,
    `version     ${key.version}, generation ${key.generation} of its shares`,
    `public key  ${key.publicKey}`,
    ...(key.recipient === undefined ? [] : [`recipient   ${key.recipient}`]),
    `threshold   ${key.threshold} of ${key.shares}`,
    `holders     ${key.holders.map(({ slot, peerId }) => `${slot}:${shortPeer(peerId)}`).join('  ')}`,
    `owner       ${key.owner}`,
    `policy      revision ${key.policy.revision}, ${key.policy.rules.length} rules`,
  ]
}

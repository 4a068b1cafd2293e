import type { Command } from 'commander'
import type { KeyJson } from '../../api/index.ts'
import { type ClientOptions, clientCommand, withClient } from '../connection.ts'
import { lifeOption } from '../operators.ts'
import { integerFrom, keyVersion, momentMs } from '../options.ts'
import { note, print } from '../output.ts'
import { keyLines, sharesLines } from './keys.ts'

const MAX_SLOTS = 64

interface ReshareOptions extends ClientOptions {
  readonly threshold: number
  readonly shares: number
  readonly holders?: readonly string[]
}

function show(key: KeyJson, options: ClientOptions): void {
  print(key, options.json, keyLines)
}

/** The commands that change a key that exists. */
export function registerChanges(key: Command): void {
  clientCommand(key, 'rotate <name>', ['ostraka key rotate releases'])
    .description('make a new secret as the next version; the old version is archived')
    .action(async (name: string, options: ClientOptions) =>
      show(await withClient(options, client => client.rotateKey(name)), options),
    )
  clientCommand(key, 'refresh <name>', ['ostraka key refresh releases'])
    .description('make new shares of the same secret; stolen old ones are worth nothing then')
    .action(async (name: string, options: ClientOptions) =>
      show(await withClient(options, client => client.refreshKey(name)), options),
    )
  clientCommand(key, 'reshare <name>', ['ostraka key reshare releases --threshold 4 --shares 7'])
    .description('share the same secret anew, to another threshold or other holders')
    .requiredOption('--threshold <t>', 'how many holders an operation needs', integerFrom(1, MAX_SLOTS))
    .requiredOption('--shares <n>', 'how many shares there are', integerFrom(1, MAX_SLOTS))
    .option('--holders <peerIds...>', 'only these nodes')
    .action(async (name: string, options: ReshareOptions) => {
      const { threshold, shares, holders } = options
      const change = { threshold, shares, ...(holders === undefined ? {} : { holders }) }
      const key = await withClient(options, client => client.reshareKey(name, change))
      note(sharesLines(key, shares))
      show(key, options)
    })
  registerRetiring(key)
}

/** The commands that take a version out of service. */
function registerRetiring(key: Command): void {
  clientCommand(key, 'archive <name> <version>', [
    'ostraka key archive backups 1',
    'ostraka key archive backups 1 --until 2030-01-31T12:00:00Z',
    'ostraka key archive backups 1 --until 90d',
  ])
    .description(
      'take a version out of service: it still decrypts and derives, and nothing is encrypted to it',
    )
    .option(
      '--until <time>',
      'only until then; its shares are kept. An ISO 8601 time with its zone, or a duration such as 90d',
      momentMs,
    )
    .action(async (name: string, version: string, options: ClientOptions & { readonly until?: number }) => {
      const number = keyVersion(version)
      show(await withClient(options, client => client.archiveVersion(name, number, options.until)), options)
    })
  clientCommand(key, 'destroy <name> <version>', [
    'ostraka key destroy backups 1',
    'ostraka key destroy backups 1 --yes     # asks nothing',
    'ostraka key destroy backups 1 --now --reason "the laptop was stolen"     # operators cut the wait short',
  ])
    .description(
      'destroy a version for good: what it encrypted is lost. Nobody can use it from now on; its shares are erased when ' +
        'the network’s waiting time (timing.destroyDelayMs of the genesis) is over. Until then cancel-destroy keeps it',
    )
    .option('--yes', 'do not ask for the key’s name')
    .option('--now', 'also ask the operators to destroy it without waiting')
    .option('--reason <text>', 'with --now: what the operators are told', 'no reason was given')
    .addOption(lifeOption('with --now: how long it waits for operators; a day at most'))
    .action(destroy)
  clientCommand(key, 'cancel-destroy <name> <version>', ['ostraka key cancel-destroy backups 1'])
    .description('keep a version that waits for its destruction: it is as it was before')
    .action(async (name: string, version: string, options: ClientOptions) => {
      const number = keyVersion(version)
      show(await withClient(options, client => client.cancelDestroy(name, number)), options)
    })
}

interface DestroyOptions extends ClientOptions {
  readonly yes?: boolean
  readonly now?: boolean
  readonly reason: string
  readonly ttl: number
}

async function destroy(name: string, text: string, options: DestroyOptions): Promise<void> {
  const { confirmByName, requireAnswerable } = await import('../confirming.ts')
  const version = keyVersion(text)
  requireAnswerable(options.yes)
  await withClient(options, async client => {
    const before = await client.key(name)
    if (options.yes !== true) await confirmByName(name, warningOf(before, version))
    const isPending = stateOf(before, version)?.state === 'pending-destruction'
    const after = options.now && isPending ? before : await client.destroyVersion(name, version)
    const { destroyAtMs = null } = stateOf(after, version) ?? {}
    if (destroyAtMs !== null) note(pendingLines(name, version, destroyAtMs))
    if (options.now !== true || destroyAtMs === null) return show(after, options)
    const expiresMs = Date.now() + options.ttl
    const proposal = await client.proposeDestruction(name, version, { reason: options.reason, expiresMs })
    print(proposal, options.json, ({ id, needed }) => [
      `proposed: ${id} (0 of ${needed} approvals): ostraka approve sign ${id}`,
    ])
  })
}

function stateOf(key: KeyJson, version: number): KeyJson['versions'][number] | undefined {
  return key.versions.find(each => each.version === version)
}

function warningOf(key: KeyJson, version: number): readonly string[] {
  const which = version === key.version ? ', its current version, and nothing else serves' : ''
  return [`this destroys version ${version} of ${key.name}${which}: whatever it encrypted is lost`]
}

function pendingLines(name: string, version: number, destroyAtMs: number): readonly string[] {
  return [
    `version ${version} of ${name} is destroyed at ${new Date(destroyAtMs).toISOString()}`,
    `until then this keeps it: ostraka key cancel-destroy ${name} ${version}`,
  ]
}

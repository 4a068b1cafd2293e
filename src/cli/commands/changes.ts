import type { Command } from 'commander'
import type { KeyJson } from '../../api/index.ts'
import { type ClientOptions, clientCommand, withClient } from '../connection.ts'
import { integerFrom, keyVersion, momentMs } from '../options.ts'
import { print } from '../output.ts'
import { keyLines } from './keys.ts'

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
      show(await withClient(options, client => client.reshareKey(name, change)), options)
    })
  clientCommand(key, 'archive <name> <version>', ['ostraka key archive backups 1 --until 2027-01-31'])
    .description('take a version out of service: it still decrypts and derives')
    .option('--until <time>', 'destroy it then: an ISO 8601 time, or a duration such as 30d', momentMs)
    .action(async (name: string, version: string, options: ClientOptions & { readonly until?: number }) => {
      const number = keyVersion(version)
      show(await withClient(options, client => client.archiveVersion(name, number, options.until)), options)
    })
  clientCommand(key, 'destroy <name> <version>', ['ostraka key destroy backups 1'])
    .description('destroy a version for good: what it encrypted is lost')
    .action(async (name: string, version: string, options: ClientOptions) => {
      const number = keyVersion(version)
      show(await withClient(options, client => client.destroyVersion(name, number)), options)
    })
}

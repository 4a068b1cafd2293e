import type { Command } from 'commander'
import { OstrakaError, toBase64, utf8 } from '../../base/index.ts'
import { isStandardOutput } from '../../files/index.ts'
import type { Quota } from '../../wire/index.ts'
import { type ClientOptions, clientCommand, exampleText, withClient } from '../connection.ts'
import { lifeOption, OPERATOR, operatorFiles } from '../operators.ts'
import { print, printJson, printLine, tableLines } from '../output.ts'

interface GrantOptions extends ClientOptions {
  readonly operatorFile?: string
  readonly quota?: string
}

interface TokenOptions {
  readonly principal: string
  readonly ttl: number
  readonly dir?: string
  readonly passphraseFile?: string
  readonly out?: string
  readonly json?: boolean
}

export function registerPrincipals(program: Command): void {
  const principal = program.command('principal').description('Ed25519 keys that ask for operations')
  principal
    .command('new')
    .description('make a principal: a file with a fresh private key, mode 0600')
    .requiredOption('--out <file>', 'where it goes; an existing file is not touched')
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka principal new --out ci.json']))
    .action(newPrincipal)
  registerGrants(principal)
  const token = program.command('token').description('bearer tokens of a daemon’s HTTP interface')
  token
    .command('create')
    .description('make a token that lends one principal’s rights to its bearer, on one daemon')
    .requiredOption(
      '--principal <p>',
      'a principal file, a public key that the daemon holds already, or "node"',
    )
    .addOption(lifeOption('how long it is valid: 90s, 15m, 1h, 7d'))
    .option('--dir <dir>', 'the daemon’s directory; by default the first node of .testnet')
    .option('--passphrase-file <file>', 'the daemon’s passphrase; else OSTRAKA_PASSPHRASE or a prompt')
    .option('--out <file>', 'write the token there, mode 0600, instead of printing it')
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka token create --principal ci.json --ttl 1h --out ci.token']))
    .action(createToken)
}

/** Who may create keys: operators decide, each alone. */
function registerGrants(principal: Command): void {
  clientCommand(principal, 'list', ['ostraka principal list'])
    .description('the principals that may create keys, and those that no longer may')
    .action(async (options: ClientOptions) => {
      const creators = await withClient(options, client => client.creators())
      print({ creators }, options.json, () =>
        tableLines(
          ['PRINCIPAL', 'MAY CREATE KEYS', 'VERSIONS', 'WAITING'],
          creators.map(each => [
            each.principal,
            each.isAllowed ? 'yes' : 'no',
            `${each.usage.versions} of ${each.quota.versions}`,
            String(each.usage.queued),
          ]),
        ),
      )
    })
  clientCommand(principal, 'grant <principal>', [
    'ostraka principal grant ci.json --operator-file alice.json',
  ])
    .description('let a principal create keys: a principal file, or a public key in base64 or hexadecimal')
    .option('--operator-file <file>', OPERATOR)
    .option('--quota <list>', 'its own: versions=N,ceremonies=N,queued=N,logBytesPerHour=N, or some of them')
    .action((text: string, options: GrantOptions) => changeGrant(text, options, true))
  clientCommand(principal, 'revoke <principal>', [
    'ostraka principal revoke ci.json --operator-file alice.json',
  ])
    .description('let it create no more; the keys that it has stay its own')
    .option('--operator-file <file>', OPERATOR)
    .action((text: string, options: GrantOptions) => changeGrant(text, options, false))
}

const QUOTA_PARTS = ['versions', 'ceremonies', 'queued', 'logBytesPerHour'] as const

/** Errors: `malformed`. */
function quotaFrom(text: string): Partial<Quota> {
  const parts = text.split(',').map(part => {
    const [name, amount] = part.split('=')
    const known = QUOTA_PARTS.find(each => each === name)
    if (known === undefined || amount === undefined || !/^\d+$/.test(amount)) {
      throw new OstrakaError('malformed', `a quota is ${QUOTA_PARTS.join('=N, ')}=N`)
    }
    return [known, Number(amount)] as const
  })
  return Object.fromEntries(parts)
}

async function changeGrant(text: string, options: GrantOptions, isAllowed: boolean): Promise<void> {
  const { principalNamed, readPrincipal } = await import('../../api/index.ts')
  const { signGrant } = await import('../approving.ts')
  const quota = options.quota === undefined ? undefined : quotaFrom(options.quota)
  const [file] = operatorFiles(options.operatorFile === undefined ? [] : [options.operatorFile])
  const creator = await withClient(options, async client =>
    client.grantCreate(
      await signGrant(client, readPrincipal(file), await principalNamed(text), isAllowed, quota),
    ),
  )
  print(creator, options.json, each => [
    `${each.principal} ${each.isAllowed ? 'may create keys' : 'may not create keys'}`,
  ])
}

async function newPrincipal(options: { readonly out: string; readonly json?: boolean }): Promise<void> {
  const { randomBytes } = await import('node:crypto')
  const { writePrincipal } = await import('../../api/index.ts')
  const { Secret } = await import('../../base/index.ts')
  const seed = new Secret(new Uint8Array(randomBytes(32)))
  const { publicKey } = writePrincipal(options.out, seed)
  seed.wipe()
  if (isStandardOutput(options.out)) return
  print({ publicKey: toBase64(publicKey), out: options.out }, options.json, made => [made.publicKey])
}

async function createToken(options: TokenOptions): Promise<void> {
  const { issueToken } = await import('../tokens.ts')
  const { defaultNode } = await import('../testnet/state.ts')
  const node = options.dir === undefined ? defaultNode() : undefined
  const dir = options.dir ?? node?.dir
  if (dir === undefined) throw new OstrakaError('not_found', 'no daemon directory: give --dir')
  const passphraseFile = options.passphraseFile ?? node?.passphraseFile
  const issued = await issueToken({
    dir,
    principal: options.principal,
    ttlMs: options.ttl,
    ...(passphraseFile === undefined ? {} : { passphraseFile }),
  })
  if (options.out !== undefined) {
    const { writeSecret } = await import('../../files/index.ts')
    await writeSecret(options.out, utf8(`${issued.token}\n`))
    if (isStandardOutput(options.out)) return
  }
  const { token, ...rest } = issued
  if (options.json) printJson(options.out === undefined ? issued : { ...rest, out: options.out })
  else if (options.out === undefined) printLine(token)
}

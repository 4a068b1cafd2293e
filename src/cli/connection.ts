import { join } from 'node:path'
import type { Command } from 'commander'
import { type Client, type ConnectOptions, connect, readPrincipal } from '../api/index.ts'
import { OstrakaError } from '../base/index.ts'
import { readText } from '../files/index.ts'
import { defaultNode } from './testnet/state.ts'
import type { TrustOptions } from './trust.ts'

export interface ClientOptions {
  readonly api?: string
  readonly tokenFile?: string
  readonly principalFile?: string
  readonly json?: boolean
  /** Commands that operators sign: the first of them also signs what is read on the way. */
  readonly operatorFile?: string | readonly string[]
}

export interface VerifyingOptions extends ClientOptions, TrustOptions {}

const DEFAULTS = `
Which daemon: --api, else OSTRAKA_API, else the first live node of .testnet.
As whom: --principal-file (signs here), else --token-file, else --operator-file where there is one, else
OSTRAKA_TOKEN_FILE, else that node's token. Only /health and public keys are read without.`

const PROOFS = `
What the daemon says of the key is proven by the network's own certificates when you give --genesis, --network or
--checkpoint, or set OSTRAKA_GENESIS, or ask a node of .testnet; else it is believed.`

/** Adds what every command that talks to a daemon takes. */
export function clientCommand(parent: Command, usage: string, examples: readonly string[]): Command {
  return parent
    .command(usage)
    .option('--api <url>', 'the daemon to ask, such as http://127.0.0.1:7801')
    .option('--token-file <file>', 'a bearer token of that daemon')
    .option('--principal-file <file>', 'sign each request with this principal instead')
    .option('--json', 'print JSON')
    .addHelpText('after', `${exampleText(examples)}${DEFAULTS}`)
}

/** The same for a command that would harm its user if the daemon lied to it. */
export function verifyingCommand(parent: Command, usage: string, examples: readonly string[]): Command {
  return clientCommand(parent, usage, examples)
    .option('--genesis <file>', 'the network’s genesis: prove the daemon’s answers by it')
    .option(
      '--network <id>',
      'the network’s id, which is the hash of its genesis: the daemon may show the rest',
    )
    .option('--checkpoint <file>', 'go by what was proven last time, and note it for the next')
    .addHelpText('after', PROOFS)
}

export function exampleText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}\n`
}

/** The client that options and environment describe. Errors: `not_found` when there is no daemon to ask. */
export function connectTo(options: ClientOptions, env: NodeJS.ProcessEnv = process.env): Client {
  return connect(connection(options, env))
}

function connection(options: ClientOptions, env: NodeJS.ProcessEnv): ConnectOptions {
  const named = options.api ?? env.OSTRAKA_API
  const node = named === undefined ? defaultNode() : undefined
  const api = named ?? node?.api
  if (api === undefined) {
    throw new OstrakaError('not_found', 'no daemon: give --api, set OSTRAKA_API, or run `ostraka testnet up`')
  }
  const file =
    options.principalFile ?? (options.tokenFile === undefined ? firstOf(options.operatorFile) : undefined)
  if (file !== undefined) return { api, principal: readPrincipal(file) }
  const tokenFile =
    options.tokenFile ?? env.OSTRAKA_TOKEN_FILE ?? node?.tokenFile ?? defaultNode(api)?.tokenFile
  return { api, ...(tokenFile === undefined ? {} : { token: readToken(tokenFile) }) }
}

/**
 * Another daemon than the one that the options are about, as the same principal. A token is its own daemon's and is shown
 * to no other: without a principal, only a node of the testnet is asked with a credential.
 */
export function connectToOther(api: string, { principalFile }: ClientOptions): Client {
  if (principalFile !== undefined) return connect({ api, principal: readPrincipal(principalFile) })
  const tokenFile = defaultNode(api)?.tokenFile
  return connect({ api, ...(tokenFile === undefined ? {} : { token: readToken(tokenFile) }) })
}

function firstOf(files: string | readonly string[] | undefined): string | undefined {
  return typeof files === 'string' ? files : files?.[0]
}

/** Runs `task` with a client and closes its connections afterwards. */
export async function withClient<T>(
  options: ClientOptions,
  task: (client: Client) => Promise<T>,
): Promise<T> {
  return closing(connectTo(options), task)
}

/** The same with a client that proves what it is told, as far as the user or the testnet gives it a ground to. */
export async function withVerifyingClient<T>(
  options: VerifyingOptions,
  task: (client: Client, isVerifying: boolean) => Promise<T>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<T> {
  const to = connection(options, env)
  const trust = await trustOf(options, to, env)
  const client = connect({ ...to, ...(trust === undefined ? {} : { trust }) })
  return closing(client, () => task(client, trust !== undefined))
}

async function trustOf(options: VerifyingOptions, to: ConnectOptions, env: NodeJS.ProcessEnv) {
  const { genesis, network, checkpoint } = options
  const node = defaultNode(to.api)
  const known = env.OSTRAKA_GENESIS ?? (node && join(node.dir, 'genesis.json'))
  const isNamed = genesis !== undefined || network !== undefined || checkpoint !== undefined
  if (!isNamed && known === undefined) return undefined
  // what proves is loaded only where something is proven
  const { trustFrom } = await import('./trust.ts')
  return trustFrom(isNamed || known === undefined ? options : { genesis: known }, to)
}

async function closing<T>(client: Client, task: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await task(client)
  } finally {
    client.close()
  }
}

function readToken(path: string): string {
  return readText(path).trim()
}

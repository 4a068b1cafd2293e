import type { Command } from 'commander'
import { type Client, type ConnectOptions, connect, readPrincipal } from '../api/index.ts'
import { OstrakaError } from '../base/index.ts'
import { readText } from '../files/index.ts'
import { settingsOf } from './settings.ts'
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
Which daemon: --api, else OSTRAKA_API, else the context in use (context list), else the first live node of .testnet.
As whom: --principal-file (signs here), else --token-file, else --operator-file where there is one, else OSTRAKA_TOKEN
or OSTRAKA_TOKEN_FILE, else the context's, else that node's token. config show tells which.
Only /health and public keys are read without.`

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
  const settings = settingsOf(options, env)
  const { credential } = settings
  const api = settings.api?.value
  if (api === undefined) {
    const ways = 'give --api, set OSTRAKA_API, run `ostraka context add`, or run `ostraka testnet up`'
    throw new OstrakaError('not_found', `no daemon: ${ways}`)
  }
  if (credential === undefined) return { api }
  if (credential.kind === 'principal-file') return { api, principal: readPrincipal(credential.value) }
  return { api, token: credential.kind === 'token' ? credential.value : readToken(credential.value) }
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
  const known = settingsOf(options, env).genesis?.value
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

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type Client, connect, readPrincipal } from '../api/index.ts'
import { OstrakaError } from '../base/index.ts'
import { defaultNode } from './testnet/state.ts'

export interface ClientOptions {
  readonly api?: string
  readonly tokenFile?: string
  readonly principalFile?: string
  readonly json?: boolean
}

const DEFAULTS = `
Which daemon: --api, else OSTRAKA_API, else the first live node of .testnet.
As whom: --principal-file (signs here), else --token-file, else OSTRAKA_TOKEN_FILE, else that node's token.`

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

export function exampleText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}\n`
}

/** The client that options and environment describe. Errors: `not_found` when there is no daemon to ask. */
export function connectTo(options: ClientOptions, env: NodeJS.ProcessEnv = process.env): Client {
  const named = options.api ?? env.OSTRAKA_API
  const node = named === undefined ? defaultNode() : undefined
  const api = named ?? node?.api
  if (api === undefined) {
    throw new OstrakaError('not_found', 'no daemon: give --api, set OSTRAKA_API, or run `ostraka testnet up`')
  }
  if (options.principalFile !== undefined) {
    return connect({ api, principal: readPrincipal(options.principalFile) })
  }
  const tokenFile =
    options.tokenFile ?? env.OSTRAKA_TOKEN_FILE ?? node?.tokenFile ?? defaultNode(api)?.tokenFile
  return connect({ api, ...(tokenFile === undefined ? {} : { token: readToken(tokenFile) }) })
}

/** Runs `task` with a client and closes its connections afterwards. */
export async function withClient<T>(
  options: ClientOptions,
  task: (client: Client) => Promise<T>,
): Promise<T> {
  const client = connectTo(options)
  try {
    return await task(client)
  } finally {
    client.close()
  }
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    throw new OstrakaError('not_found', `${path}: no such token file`)
  }
}

import { join } from 'node:path'
import { currentContext } from './config.ts'
import { defaultNode } from './testnet/state.ts'

/** A value, and where it came from: `--api`, `OSTRAKA_API`, `context prod`, `testnet`. */
export interface Setting {
  readonly value: string
  readonly source: string
}

/** By what a client shows who it is. */
export type Credential = Setting & { readonly kind: 'principal-file' | 'token-file' | 'token' }

export interface Settings {
  readonly api: Setting | undefined
  readonly credential: Credential | undefined
  readonly genesis: Setting | undefined
}

interface Flags {
  readonly api?: string
  readonly tokenFile?: string
  readonly principalFile?: string
  readonly operatorFile?: string | readonly string[]
}

/** Flags win over the environment, that over the context in use, and that over a testnet's node. Errors: `not_found`, `malformed`. */
export function settingsOf(flags: Flags, env: NodeJS.ProcessEnv = process.env): Settings {
  const used = currentContext(env)
  const source = `context ${used?.name}`
  const node = defaultNode()
  const api =
    setting('--api', flags.api) ??
    setting('OSTRAKA_API', env.OSTRAKA_API) ??
    setting(source, used?.context.api) ??
    setting('testnet', node?.api)
  const own = api?.source === 'testnet' ? node : api && defaultNode(api.value)
  const file = (from: string, value: string | undefined, kind: Credential['kind']): Credential | undefined =>
    value === undefined ? undefined : { kind, value, source: from }
  // a token is its own daemon's, and is shown to no other
  const isOfContext = api?.value === used?.context.api
  const credential =
    file('--principal-file', flags.principalFile, 'principal-file') ??
    file('--token-file', flags.tokenFile, 'token-file') ??
    file('--operator-file', firstOf(flags.operatorFile), 'principal-file') ??
    file('OSTRAKA_TOKEN', env.OSTRAKA_TOKEN || undefined, 'token') ??
    file('OSTRAKA_TOKEN_FILE', env.OSTRAKA_TOKEN_FILE, 'token-file') ??
    file(source, used?.context.principalFile, 'principal-file') ??
    (isOfContext ? file(source, used?.context.tokenFile, 'token-file') : undefined) ??
    file('testnet', own?.tokenFile, 'token-file')
  // it is the testnet's that proves what the testnet says
  const genesis =
    setting('OSTRAKA_GENESIS', env.OSTRAKA_GENESIS) ??
    (isOfContext ? setting(source, used?.context.genesis) : undefined) ??
    setting('testnet', own && join(own.dir, 'genesis.json'))
  return { api, credential, genesis }
}

function setting(source: string, value: string | undefined): Setting | undefined {
  return value === undefined ? undefined : { value, source }
}

function firstOf(files: string | readonly string[] | undefined): string | undefined {
  return typeof files === 'string' ? files : files?.[0]
}

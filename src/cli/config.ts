import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parse, stringify, type TomlTable } from 'smol-toml'
import { OstrakaError, utf8 } from '../base/index.ts'
import { readText, writeSecret } from '../files/index.ts'

/** Which daemon to ask, as whom, and what proves its answers. */
export interface Context {
  readonly api: string
  readonly tokenFile?: string
  readonly principalFile?: string
  readonly genesis?: string
}

export interface Config {
  readonly path: string
  /** The name of the context in use. */
  readonly current: string | undefined
  readonly contexts: ReadonlyMap<string, Context>
}

/** The names of a context's settings in the file. Those after the first are paths. */
const KEYS = {
  api: 'api',
  tokenFile: 'token-file',
  principalFile: 'principal-file',
  genesis: 'genesis',
} as const

/** A context's name goes into commands and into the environment. */
const CONTEXT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export function configPath(env: NodeJS.ProcessEnv = process.env): string {
  const { XDG_CONFIG_HOME: configHome } = env
  const home = configHome !== undefined && isAbsolute(configHome) ? configHome : join(homedir(), '.config')
  return join(home, 'ostraka', 'config.toml')
}

/** What the file says; nothing where there is none. Errors: `malformed`, with the file and what is wrong in it. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const path = configPath(env)
  const table = existsSync(path) ? readToml(path) : {}
  requireKeys(path, '', table, ['context', 'contexts'])
  const { context: current, contexts = {} } = table
  if (current !== undefined && typeof current !== 'string') throw wrong(path, 'context is no string')
  const found = Object.entries(requireTable(path, 'contexts', contexts)).map(([name, value]) => {
    const settings = requireTable(path, `contexts.${name}`, value)
    return [requireContextName(name), contextOf(path, name, settings)] as const
  })
  return { path, current, contexts: new Map(found) }
}

function contextOf(path: string, name: string, settings: TomlTable): Context {
  requireKeys(path, `contexts.${name}.`, settings, Object.values(KEYS))
  const text = (key: string): string | undefined => {
    const value = settings[key]
    if (value !== undefined && typeof value !== 'string')
      throw wrong(path, `contexts.${name}.${key} is no string`)
    return value
  }
  const file = (key: string): string | undefined => {
    const named = text(key)
    if (named === undefined) return undefined
    return named.startsWith('~/') ? join(homedir(), named.slice(2)) : resolve(dirname(path), named)
  }
  const api = text(KEYS.api)
  if (api === undefined) throw wrong(path, `contexts.${name} has no api`)
  const [tokenFile, principalFile, genesis] = [KEYS.tokenFile, KEYS.principalFile, KEYS.genesis].map(file)
  if (tokenFile !== undefined && principalFile !== undefined)
    throw wrong(path, `contexts.${name} has both token-file and principal-file`)
  return {
    api,
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(principalFile === undefined ? {} : { principalFile }),
    ...(genesis === undefined ? {} : { genesis }),
  }
}

/** Replaces the file whole, or the one that it links to. A comment in it is lost. */
export async function writeConfig({ path, current, contexts }: Config): Promise<void> {
  const tables = [...contexts].map(([name, context]) => {
    const settings = Object.entries(KEYS).flatMap(([key, written]) => {
      const value = context[key as keyof Context]
      return value === undefined ? [] : [[written, value] as const]
    })
    return [name, Object.fromEntries(settings)] as const
  })
  const table = {
    ...(current === undefined ? {} : { context: current }),
    contexts: Object.fromEntries(tables),
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  await writeSecret(path, utf8(`${stringify(table)}\n`))
}

/** The context that is in use, if any: that of OSTRAKA_CONTEXT, else that of the file. Errors: `not_found`, `malformed`. */
export function currentContext(
  env: NodeJS.ProcessEnv = process.env,
): { readonly name: string; readonly path: string; readonly context: Context } | undefined {
  const config = readConfig(env)
  const name = env.OSTRAKA_CONTEXT || config.current
  if (name === undefined) return undefined
  return { name, path: config.path, context: contextNamed(config, name) }
}

/** Errors: `not_found`. */
export function contextNamed({ path, contexts }: Config, name: string): Context {
  const context = contexts.get(name)
  if (context !== undefined) return context
  const known =
    contexts.size === 0 ? 'it has none: ostraka context add' : `it has ${[...contexts.keys()].join(', ')}`
  throw new OstrakaError('not_found', `${path} has no context ${name}: ${known}`)
}

/** Errors: `malformed`. */
export function requireContextName(name: string): string {
  if (CONTEXT_NAME.test(name)) return name
  throw new OstrakaError(
    'malformed',
    `${name} names no context: letters, digits, dots, dashes and underscores do`,
  )
}

/** Errors: `malformed`, with the line. */
export function readToml(path: string): TomlTable {
  try {
    return parse(readText(path))
  } catch (error) {
    if (!(error instanceof Error) || 'errno' in error) throw error
    throw wrong(path, error.message.split('\n')[0]!)
  }
}

function requireTable(path: string, name: string, value: unknown): TomlTable {
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) !== Date.prototype) {
    if (!Array.isArray(value)) return value as TomlTable
  }
  throw wrong(path, `${name} is no table`)
}

/** A name that is misspelt would be a setting without effect. */
function requireKeys(path: string, prefix: string, table: TomlTable, known: readonly string[]): void {
  const unknown = Object.keys(table).find(key => !known.includes(key))
  if (unknown !== undefined)
    throw wrong(path, `${prefix}${unknown} is no setting; there are ${known.join(', ')}`)
}

function wrong(path: string, what: string): OstrakaError {
  return new OstrakaError('malformed', `${path}: ${what}`)
}

import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { type Context, contextNamed, readConfig, requireContextName, writeConfig } from '../config.ts'
import { type ClientOptions, clientCommand, exampleText } from '../connection.ts'
import { print, tableLines } from '../output.ts'
import { settingsOf } from '../settings.ts'

interface JsonOption {
  readonly json?: boolean
}

interface AddOptions extends JsonOption {
  readonly api: string
  readonly tokenFile?: string
  readonly principalFile?: string
  readonly genesis?: string
}

const WHERE =
  '\nContexts are kept in ~/.config/ostraka/config.toml. OSTRAKA_CONTEXT names another for one command.'

export function registerContexts(program: Command): void {
  const context = program
    .command('context')
    .description('daemons by name: which one to ask, as whom, and what proves its answers')
  context
    .command('list')
    .description('the contexts; a star marks the one in use')
    .option('--json', 'print JSON')
    .addHelpText('after', `${exampleText(['ostraka context list'])}${WHERE}`)
    .action(listContexts)
  context
    .command('use <name>')
    .description('use a context from now on')
    .option('--json', 'print JSON')
    .addHelpText('after', `${exampleText(['ostraka context use production'])}${WHERE}`)
    .action(useContext)
  context
    .command('add <name>')
    .description('note a context, or replace it; the first is used from then on')
    .requiredOption('--api <url>', 'the daemon to ask')
    .option('--token-file <file>', 'a bearer token of that daemon')
    .option('--principal-file <file>', 'sign each request with this principal instead')
    .option('--genesis <file>', 'the network’s genesis, which proves the daemon’s answers')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${exampleText(['ostraka context add production --api https://keys.example --principal-file me.json'])}${WHERE}`,
    )
    .action(addContext)
  const config = program.command('config').description('what this program goes by')
  clientCommand(config, 'show', ['ostraka config show'])
    .description(
      'each setting’s value, and where it came from: a flag, the environment, a context, the testnet',
    )
    .action(showConfig)
}

function listContexts({ json }: JsonOption): void {
  const config = readConfig()
  const used = process.env.OSTRAKA_CONTEXT || config.current
  const contexts = [...config.contexts].map(([name, context]) => ({
    name,
    isUsed: name === used,
    ...context,
  }))
  print({ contexts }, json, () =>
    contexts.length === 0
      ? ['no contexts: ostraka context add NAME --api URL']
      : tableLines(
          ['', 'NAME', 'API', 'AS', 'GENESIS'],
          contexts.map(each => [
            each.isUsed ? '*' : '',
            each.name,
            each.api,
            each.principalFile ?? each.tokenFile,
            each.genesis,
          ]),
        ),
  )
}

async function useContext(name: string, { json }: JsonOption): Promise<void> {
  const config = readConfig()
  const { api } = contextNamed(config, name)
  await writeConfig({ ...config, current: name })
  print({ context: name, api }, json, () => [`${name}: ${api}`])
}

async function addContext(name: string, { api, json, ...files }: AddOptions): Promise<void> {
  if (files.tokenFile !== undefined && files.principalFile !== undefined)
    throw new InvalidArgumentError('give either --token-file or --principal-file')
  const config = readConfig()
  // the file is read from another directory than the one that these names are given in
  const paths = Object.entries(files).map(([key, path]) => [key, resolve(path)] as const)
  const context: Context = { api, ...Object.fromEntries(paths) }
  const contexts = new Map(config.contexts).set(requireContextName(name), context)
  const current = config.current ?? name
  await writeConfig({ ...config, contexts, current })
  print({ context: name, ...context }, json, () => [
    `${name}: ${api}${current === name ? ', in use' : `; to use it: ostraka context use ${name}`}`,
  ])
}

/** A token is shown as its source alone. */
function showConfig(options: ClientOptions): void {
  const { path, contexts } = readConfig()
  const { api, credential, genesis } = settingsOf(options)
  const settings = [
    { setting: 'api', value: api?.value ?? null, source: api?.source ?? null },
    {
      setting: credential?.kind ?? 'credential',
      value: credential?.kind === 'token' ? '<redacted>' : (credential?.value ?? null),
      source: credential?.source ?? null,
    },
    { setting: 'genesis', value: genesis?.value ?? null, source: genesis?.source ?? null },
  ]
  print({ file: path, contexts: [...contexts.keys()], settings }, options.json, () => [
    `file  ${path}${contexts.size === 0 ? ' (has no contexts)' : ''}`,
    ...tableLines(
      ['SETTING', 'VALUE', 'FROM'],
      settings.map(each => [each.setting, each.value, each.source ?? 'nowhere']),
    ),
  ])
}

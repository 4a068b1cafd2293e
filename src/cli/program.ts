import { inspect } from 'node:util'
import { Command } from 'commander'
import { ofSystem } from '../base/index.ts'
import { registerCommands } from './commands/index.ts'
import { EXIT, EXIT_HELP } from './exit-codes.ts'
import { report } from './failures.ts'
import { setStderrJson } from './output.ts'
import { VERSION } from './software.ts'

interface ProgramOptions {
  readonly only?: string | undefined
  readonly isJson?: boolean
}

const FOOTER = `
${EXIT_HELP}
Try it:  ostraka testnet up --detach && ostraka key create hello --kind ed25519 && ostraka status`

/**
 * The command line, without running it: all of it, or the commands beside `only`. With `isJson` its parser leaves standard
 * error to `report`.
 */
export async function createProgram({ only, isJson = false }: ProgramOptions = {}): Promise<Command> {
  const program = new Command('ostraka')
    .version(VERSION)
    .description('A threshold key-management network: keys exist only as shares on several nodes')
    .addHelpText('after', FOOTER)
    .showHelpAfterError('(try --help)')
    .configureHelp({ sortSubcommands: false })
    // `--version` behind a command is that command's: of a key, not of this program
    .enablePositionalOptions()
    .exitOverride()
  if (isJson) program.configureOutput({ writeErr: () => {} })
  await registerCommands(program, only)
  inheritExit(program)
  return program
}

/** Subcommands made by `command()` copy settings of their parent at that time only. */
function inheritExit(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command)
    inheritExit(child)
  }
}

/** Known before the arguments are parsed: a parser that refuses them reports as JSON too. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}

export async function run(argv: readonly string[]): Promise<void> {
  if (!process.stdout.listeners('error').includes(endOnLostOutput)) {
    process.stdout.on('error', endOnLostOutput)
  }
  const isJson = asksForJson(argv)
  setStderrJson(isJson)
  try {
    const [, , first, ...rest] = argv
    if (first === 'help') helpOf(await createProgram({ isJson }), rest)
    const program = await createProgram({ only: first, isJson })
    await program.parseAsync([...argv])
  } catch (thrown) {
    process.exitCode = report(thrown, isJson)
  }
}

/** `help a b`, at every depth: the help of the command `a b`. Throws, as all help and all wrong usage does. */
function helpOf(program: Command, path: readonly string[]): never {
  let command = program
  for (const name of path.filter(word => !word.startsWith('-'))) {
    const child = command.commands.find(each => each.name() === name)
    if (child === undefined) return command.error(`error: unknown command '${name}'`)
    command = child
  }
  return command.help()
}

/** A closed pipe (`ostraka log | head`) is no failure; a full disk is one. */
function endOnLostOutput(error: NodeJS.ErrnoException): void {
  process.exit(error.code === 'EPIPE' ? EXIT.done : report(error, asksForJson(process.argv)))
}

/** Of an error that no command has caught: the system's refusals in our words, all else with where it came from. */
export function endUncaught(error: unknown): void {
  const isOfSystem = ofSystem(error) !== undefined
  const exitCode = report(error, asksForJson(process.argv))
  if (!isOfSystem && process.env.OSTRAKA_DEBUG === undefined) process.stderr.write(`${inspect(error)}\n`)
  process.exit(exitCode)
}

import { inspect } from 'node:util'
import { Command } from 'commander'
import { ofSystem } from '../base/index.ts'
import { registerApprovals } from './commands/approvals.ts'
import { registerAttest } from './commands/attest.ts'
import { registerAudit } from './commands/audit.ts'
import { registerFiles } from './commands/files.ts'
import { registerKeys } from './commands/keys.ts'
import { registerMembers } from './commands/members.ts'
import { registerNetwork } from './commands/network.ts'
import { registerNode } from './commands/node.ts'
import { registerObservation } from './commands/observation.ts'
import { registerOperations } from './commands/operations.ts'
import { registerPolicy } from './commands/policy.ts'
import { registerPrincipals } from './commands/principals.ts'
import { registerRandomness } from './commands/randomness.ts'
import { registerSim } from './commands/sim.ts'
import { registerTestnet } from './commands/testnet.ts'
import { EXIT, EXIT_HELP } from './exit-codes.ts'
import { report } from './failures.ts'
import { setStderrJson } from './output.ts'
import { VERSION } from './software.ts'

const FOOTER = `
${EXIT_HELP}
Try it:  ostraka testnet up --detach && ostraka key create hello --kind ed25519 && ostraka status`

/** The whole command line, without running it. With `isJson` its parser leaves standard error to `report`. */
export function createProgram(isJson = false): Command {
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
  registerTestnet(program)
  registerNetwork(program)
  registerNode(program)
  registerMembers(program)
  registerKeys(program)
  registerPolicy(program)
  registerOperations(program)
  registerFiles(program)
  registerPrincipals(program)
  registerApprovals(program)
  registerObservation(program)
  registerRandomness(program)
  registerAudit(program)
  registerAttest(program)
  registerSim(program)
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
    await createProgram(isJson).parseAsync([...argv])
  } catch (thrown) {
    process.exitCode = report(thrown, isJson)
  }
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

import { inspect } from 'node:util'
import { CommanderError, InvalidArgumentError } from 'commander'
import { ofSystem, toOstrakaError } from '../base/index.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { note, noteJson } from './output.ts'

/** Tells on standard error why a command has failed, as one JSON object where `isJson`, and gives the exit code. */
export function report(thrown: unknown, isJson: boolean): number {
  // commander throws its exit code 0 after help or version
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done
  if (thrown instanceof CommanderError) {
    if (isJson) noteJson({ code: 'usage', message: usageText(thrown), details: {}, exitCode: EXIT.usage })
    // commander's parser prints what it refuses, but not what an action refuses after it
    else if (thrown instanceof InvalidArgumentError) note([`error: ${thrown.message}`, '(try --help)'])
    return EXIT.usage
  }
  const error = ofSystem(thrown) ?? toOstrakaError(thrown)
  const { code, message, details } = error
  const exitCode = exitCodeOf(code)
  if (isJson) noteJson({ code, message, details, exitCode })
  else note([`${code}: ${message}${Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`}`])
  if (code === 'internal' && process.env.OSTRAKA_DEBUG !== undefined) note(inspect(thrown).split('\n'))
  return exitCode
}

/** A group of commands that is called without one of them throws no text of its own. */
function usageText({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'a command is missing: try --help' : message.replace(/^error: /, '')
}

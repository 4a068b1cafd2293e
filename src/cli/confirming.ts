import { createInterface } from 'node:readline/promises'
import { InvalidArgumentError } from 'commander'
import { OstrakaError } from '../base/index.ts'
import { note } from './output.ts'

/** What a question needs of a terminal; `process.stdin` and `process.stderr` fit. */
interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream
}

const PROCESS: Terminal = { input: process.stdin, output: process.stderr }

/** Before anything else is done: without a terminal nobody can be asked. Errors: wrong usage. */
export function requireAnswerable(isYes: boolean | undefined, { input }: Terminal = PROCESS): void {
  if (isYes === true || input.isTTY) return
  throw new InvalidArgumentError(
    'nobody is here to confirm it: standard input is no terminal. --yes goes on without',
  )
}

/** Has whoever sits at the terminal type `name`. Errors: `conflict` when something else was typed. */
export async function confirmByName(
  name: string,
  warning: readonly string[],
  { input, output }: Terminal = PROCESS,
): Promise<void> {
  note(warning)
  const question = createInterface({ input, output })
  // the end of input is no answer, and neither is control-C
  const ended = new Promise<string>(resolve => question.once('close', () => resolve('')))
  const typed = await Promise.race([question.question(`type ${name} to go on: `), ended])
  question.close()
  if (typed.trim() === name) return
  throw new OstrakaError('conflict', `nothing was done: ${name} was not typed`)
}

import { type Command, Option } from 'commander'
import { OstrakaError } from '../base/index.ts'
import type { ClientOptions } from './connection.ts'
import { collect, durationMs } from './options.ts'
import { DEFAULT_DIR, findState } from './testnet/state.ts'

/** What an option that names operators says of itself. */
export const OPERATOR = 'an operator’s principal file; by default the testnet’s'

const HOUR_MS = 3_600_000

/** What a command takes whose act several operators decide on: at once, by all their files, or one by one. */
export interface DecisionOptions extends ClientOptions {
  readonly operatorFile?: readonly string[]
  /** The reason that the other operators are told. */
  readonly propose?: string
  readonly ttl: number
}

export function decisionOptions(command: Command): Command {
  return command
    .option('--operator-file <file>', `${OPERATOR}; repeatable, as many as the genesis asks for`, collect)
    .option('--propose <reason>', 'put it before the other operators, who sign one by one: see approve sign')
    .addOption(lifeOption('how long a proposal waits for them; a day at most'))
}

/** How long something may wait. */
export function lifeOption(description: string): Option {
  return new Option('--ttl <duration>', description).argParser(durationMs).default(HOUR_MS, '1h')
}

/** The named files, or the testnet's operator. Errors: `not_found` without a file and without a testnet here. */
export function operatorFiles(named: readonly string[]): readonly [string, ...string[]] {
  const [first = findState(DEFAULT_DIR)?.operator, ...others] = named
  if (first === undefined)
    throw new OstrakaError('not_found', 'no operator: give --operator-file, as principal new made it')
  return [first, ...others]
}

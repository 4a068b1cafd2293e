import { OstrakaError } from '../base/index.ts'
import { DEFAULT_DIR, findState } from './testnet/state.ts'

/** What an option that names operators says of itself. */
export const OPERATOR = 'an operator’s principal file; by default the testnet’s'

/** The named files, or the testnet's operator. Errors: `not_found` without a file and without a testnet here. */
export function operatorFiles(named: readonly string[]): readonly [string, ...string[]] {
  const [first = findState(DEFAULT_DIR)?.operator, ...others] = named
  if (first === undefined)
    throw new OstrakaError('not_found', 'no operator: give --operator-file, as principal new made it')
  return [first, ...others]
}

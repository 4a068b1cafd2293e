import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, type Option } from 'commander'
import { OstrakaError } from '../base/index.ts'
import { readToml } from './config.ts'

/** What the file cannot say: it lies in the directory, and printing is a matter of the call. */
const NOT_IN_FILE: readonly string[] = ['dir', 'json', 'help']

/**
 * Takes options of `node run` from node.toml in the node's directory, where neither a flag nor the environment gives them. A
 * setting is named as its flag is, and repeatable ones are lists; files are relative to the directory. Errors: `malformed`.
 */
export function applyNodeSettings(command: Command): void {
  const dir = String(command.getOptionValue('dir'))
  const path = join(dir, 'node.toml')
  if (!existsSync(path)) return
  const known = command.options.filter(({ long }) => !NOT_IN_FILE.includes(nameOf(long)))
  for (const [name, value] of Object.entries(readToml(path))) {
    const option = known.find(({ long }) => nameOf(long) === name)
    if (option === undefined) {
      const names = known.map(({ long }) => nameOf(long)).join(', ')
      throw new OstrakaError('malformed', `${path}: ${name} is no setting; there are ${names}`)
    }
    const attribute = option.attributeName()
    const source = command.getOptionValueSource(attribute)
    if (source !== undefined && source !== 'default') continue
    command.setOptionValueWithSource(attribute, parsed(option, value, dir, `${path}: ${name}`), 'config')
  }
}

function nameOf(long: string | undefined): string {
  return long?.slice('--'.length) ?? ''
}

/** Errors: `malformed`. */
function parsed(option: Option, value: unknown, dir: string, where: string): unknown {
  if (option.isBoolean()) {
    if (typeof value === 'boolean') return value
    throw new OstrakaError('malformed', `${where} is true or false`)
  }
  const values = Array.isArray(value) ? value : [value]
  if (values.length === 0 || !values.every(each => ['string', 'number', 'bigint'].includes(typeof each)))
    throw new OstrakaError('malformed', `${where} is no text or number, nor a list of them`)
  let result: unknown
  for (const each of values) {
    // a service is started in another directory than a hand
    const text = option.flags.endsWith('<file>') ? resolve(dir, String(each)) : String(each)
    try {
      // a parser of a repeatable option takes what was given before it
      result = option.parseArg === undefined ? text : option.parseArg(text, result as never)
    } catch (error) {
      if (error instanceof InvalidArgumentError)
        throw new OstrakaError('malformed', `${where}: ${error.message}`)
      throw error
    }
  }
  if (Array.isArray(value) && !Array.isArray(result) && value.length > 1)
    throw new OstrakaError('malformed', `${where} is no list`)
  return result
}

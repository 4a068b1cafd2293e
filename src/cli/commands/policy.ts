import { type Command, InvalidArgumentError } from 'commander'
import type { PolicyJson } from '../../api/index.ts'
import { fromBase64, toBase64 } from '../../base/index.ts'
import type { PolicyRule, Right } from '../../wire/index.ts'
import { type ClientOptions, clientCommand, withClient } from '../connection.ts'
import { integerFrom, momentMs, rightList } from '../options.ts'
import { print, tableLines } from '../output.ts'

interface AllowOptions extends ClientOptions {
  readonly principal?: string
  readonly ops?: readonly Right[]
  /** Whether the record itself is to be readable, or no longer, by anybody. */
  readonly public?: boolean
  readonly ratePerMinute?: number
  readonly until?: number
}

type DenyOptions = Pick<AllowOptions, keyof ClientOptions | 'principal' | 'ops' | 'public'>

const PRINCIPAL = 'a principal file, or a public key in base64 or hexadecimal'

export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('who may do what with a key, beside its owner')
  clientCommand(policy, 'show <name>', ['ostraka policy show releases'])
    .description('show a key’s policy')
    .action(async (name: string, options: ClientOptions) => {
      print(await withClient(options, client => client.policy(name)), options.json, policyLines)
    })
  clientCommand(policy, 'allow <name>', [
    'ostraka policy allow releases --principal ci.json --ops sign --rate-per-minute 60',
    'ostraka policy allow backups --principal ops.json --ops decrypt --until 7d',
    'ostraka policy allow releases --public     # anybody may read its public key and proof',
  ])
    .description('let a principal use a key; replaces what it was allowed before. Only the key’s owner may')
    .option('--principal <p>', PRINCIPAL)
    .option('--ops <list>', 'sign, derive, decrypt, export; separated by commas', rightList)
    .option('--public', 'let anybody read the key’s record and its proof, without a credential')
    .option('--rate-per-minute <n>', 'inputs per minute, at each holder', integerFrom(1, 1_000_000_000))
    .option('--until <time>', 'an ISO 8601 time, or a duration such as 7d', momentMs)
    .action((name: string, options: AllowOptions) => changePolicy(name, options, allowed, true))
  clientCommand(policy, 'deny <name>', [
    'ostraka policy deny releases --principal ci.json',
    'ostraka policy deny releases --principal ci.json --ops sign',
    'ostraka policy deny releases --public',
  ])
    .description('withdraw a principal’s operations (all of them without --ops). Only the key’s owner may')
    .option('--principal <p>', PRINCIPAL)
    .option('--ops <list>', 'sign, derive, decrypt, export; separated by commas', rightList)
    .option('--public', 'show the key’s record to nobody without a credential')
    .action((name: string, options: DenyOptions) => changePolicy(name, options, denied, false))
}

type Change<O> = (rules: readonly PolicyRule[], principal: Uint8Array, options: O) => readonly PolicyRule[]

/** Errors: wrong usage when neither a principal nor `--public` says what to change. */
async function changePolicy<O extends DenyOptions>(
  name: string,
  options: O,
  change: Change<O>,
  makesPublic: boolean,
): Promise<void> {
  if (options.principal === undefined && options.public !== true) {
    throw new InvalidArgumentError('--principal says who, or --public everybody')
  }
  const { principalNamed } = await import('../../api/index.ts')
  const principal = options.principal === undefined ? undefined : await principalNamed(options.principal)
  const policy = await withClient(options, async client => {
    const { revision, rules, public: wasPublic } = await client.policy(name)
    const before = rules.map(ruleOf)
    const after = principal === undefined ? before : change(before, principal, options)
    return client.setPolicy(name, revision, after, options.public === true ? makesPublic : wasPublic)
  })
  print(policy, options.json, policyLines)
}

function allowed(
  rules: readonly PolicyRule[],
  principal: Uint8Array,
  options: AllowOptions,
): readonly PolicyRule[] {
  if (options.ops === undefined) throw new InvalidArgumentError('--ops says what the principal may do')
  const rule: PolicyRule = {
    principal,
    operations: options.ops,
    ...(options.ratePerMinute === undefined ? {} : { ratePerMinute: options.ratePerMinute }),
    ...(options.until === undefined ? {} : { untilMs: options.until }),
  }
  return [...rules.filter(other => !isOf(other, principal)), rule]
}

function denied(
  rules: readonly PolicyRule[],
  principal: Uint8Array,
  options: DenyOptions,
): readonly PolicyRule[] {
  return rules.flatMap(rule => {
    if (!isOf(rule, principal)) return [rule]
    const operations = rule.operations.filter(operation => !(options.ops ?? [operation]).includes(operation))
    return operations.length === 0 ? [] : [{ ...rule, operations }]
  })
}

function isOf(rule: PolicyRule, principal: Uint8Array): boolean {
  return toBase64(rule.principal) === toBase64(principal)
}

function ruleOf(rule: PolicyJson['rules'][number]): PolicyRule {
  const operations = rule.operations as readonly Right[]
  return { ...rule, principal: fromBase64(rule.principal, 'principal'), operations }
}

function policyLines(policy: PolicyJson): readonly string[] {
  const rows = policy.rules.map(rule => [
    rule.principal,
    rule.operations.join(','),
    rule.ratePerMinute,
    rule.untilMs === undefined ? null : new Date(rule.untilMs).toISOString(),
  ])
  return [
    `revision ${policy.revision}, ${policy.public ? 'readable by anybody' : 'readable with a credential'}`,
    ...tableLines(['PRINCIPAL', 'OPERATIONS', 'PER MINUTE', 'UNTIL'], rows),
  ]
}

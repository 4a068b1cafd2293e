import type { Command } from 'commander'
import type { PolicyJson } from '../../api/index.ts'
import { fromBase64, toBase64 } from '../../base/index.ts'
import type { PolicyRule, Right } from '../../wire/index.ts'
import { type ClientOptions, clientCommand, withClient } from '../connection.ts'
import { integerFrom, momentMs, rightList } from '../options.ts'
import { print, tableLines } from '../output.ts'

interface AllowOptions extends ClientOptions {
  readonly principal: string
  readonly ops: readonly Right[]
  readonly ratePerMinute?: number
  readonly until?: number
}

interface DenyOptions extends ClientOptions {
  readonly principal: string
  readonly ops?: readonly Right[]
}

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
  ])
    .description('let a principal use a key; replaces what it was allowed before. Only the key’s owner may')
    .requiredOption('--principal <p>', PRINCIPAL)
    .requiredOption('--ops <list>', 'sign, derive, decrypt, export; separated by commas', rightList)
    .option('--rate-per-minute <n>', 'inputs per minute, at each holder', integerFrom(1, 1_000_000_000))
    .option('--until <time>', 'an ISO 8601 time, or a duration such as 7d', momentMs)
    .action((name: string, options: AllowOptions) => changePolicy(name, options, allowed))
  clientCommand(policy, 'deny <name>', [
    'ostraka policy deny releases --principal ci.json',
    'ostraka policy deny releases --principal ci.json --ops sign',
  ])
    .description('withdraw a principal’s operations (all of them without --ops). Only the key’s owner may')
    .requiredOption('--principal <p>', PRINCIPAL)
    .option('--ops <list>', 'sign, derive, decrypt, export; separated by commas', rightList)
    .action((name: string, options: DenyOptions) => changePolicy(name, options, denied))
}

type Change<O> = (rules: readonly PolicyRule[], principal: Uint8Array, options: O) => readonly PolicyRule[]

async function changePolicy<O extends ClientOptions & { readonly principal: string }>(
  name: string,
  options: O,
  change: Change<O>,
): Promise<void> {
  const { principalNamed } = await import('../../api/index.ts')
  const principal = principalNamed(options.principal)
  const policy = await withClient(options, async client => {
    const { revision, rules } = await client.policy(name)
    return client.setPolicy(name, revision, change(rules.map(ruleOf), principal, options))
  })
  print(policy, options.json, policyLines)
}

function allowed(
  rules: readonly PolicyRule[],
  principal: Uint8Array,
  options: AllowOptions,
): readonly PolicyRule[] {
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
  return { ...rule, principal: fromBase64(rule.principal), operations }
}

function policyLines(policy: PolicyJson): readonly string[] {
  const rows = policy.rules.map(rule => [
    rule.principal,
    rule.operations.join(','),
    rule.ratePerMinute,
    rule.untilMs === undefined ? null : new Date(rule.untilMs).toISOString(),
  ])
  return [
    `revision ${policy.revision}`,
    ...tableLines(['PRINCIPAL', 'OPERATIONS', 'PER MINUTE', 'UNTIL'], rows),
  ]
}

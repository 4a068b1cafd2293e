import type { Command } from 'commander'
import { exampleText } from '../connection.ts'
import { collect, integerFrom, numberFrom } from '../options.ts'
import { print } from '../output.ts'

interface CreateOptions {
  readonly name: string
  readonly operator: readonly string[]
  readonly member?: readonly string[]
  readonly creator?: readonly string[]
  readonly approvals?: number
  readonly epochSeconds: number
  readonly out: string
  readonly json?: boolean
}

export function registerNetwork(program: Command): void {
  const network = program.command('network').description('the document that a network begins with')
  network
    .command('create')
    .description('write a genesis; its hash is the network’s id. Every founding node runs with the same file')
    .requiredOption('--name <name>', 'the network’s name')
    .requiredOption('--operator <file...>', 'principals that operate the network', collectAll)
    .option('--member <file...>', 'the member.json of each founding node', collectAll)
    .option('--creator <file...>', 'principals that may create keys; by default the operators', collectAll)
    .option(
      '--approvals <n>',
      'operators needed for exceptional acts; by default a majority',
      integerFrom(1, 32),
    )
    .option('--epoch-seconds <n>', 'length of an epoch', numberFrom(0.1, 86_400), 30)
    .option('--out <file>', 'where it goes', 'genesis.json')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka principal new --out operator.json',
        'ostraka node init --dir a && ostraka node init --dir b && ostraka node init --dir c && ostraka node init --dir d',
        'ostraka network create --name acme --operator operator.json --member {a,b,c,d}/member.json',
      ]),
    )
    .action(createNetwork)
}

function collectAll(text: string, previous?: readonly string[]): readonly string[] {
  return collect(text, previous ?? [])
}

async function createNetwork(options: CreateOptions): Promise<void> {
  const { principalNamed } = await import('../../api/index.ts')
  const { OstrakaError } = await import('../../base/index.ts')
  const { DEFAULT_TIMING, majorityOf, networkIdText, readMember, writeGenesis } = await import(
    '../genesis-file.ts'
  )
  const operators = options.operator.map(principalNamed)
  const members = (options.member ?? []).map(readMember)
  if (members.length === 0) throw new OstrakaError('malformed', 'a network needs at least one --member file')
  const approvals = options.approvals ?? majorityOf(operators.length)
  if (approvals > operators.length) throw new OstrakaError('malformed', 'more approvals than operators')
  const genesis = {
    name: options.name,
    createdMs: Date.now(),
    operators,
    approvals,
    members,
    creators: (options.creator ?? options.operator).map(principalNamed),
    timing: { ...DEFAULT_TIMING, epochMs: Math.round(options.epochSeconds * 1000) },
  }
  writeGenesis(options.out, genesis)
  const made = { networkId: networkIdText(genesis), members: members.length, out: options.out }
  print(made, options.json, () => [made.networkId])
}

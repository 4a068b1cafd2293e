import type { Command } from 'commander'
import type { AttestationPolicyJson, Client, ProposalJson } from '../../api/index.ts'
import { isStandardOutput } from '../../files/index.ts'
import {
  type ClientOptions,
  clientCommand,
  type VerifyingOptions,
  verifyingCommand,
  withClient,
  withVerifyingClient,
} from '../connection.ts'
import { lifeOption, OPERATOR, operatorFiles } from '../operators.ts'
import { integerFrom } from '../options.ts'
import { note, print, printLine, tableLines } from '../output.ts'
import { policyLines } from './attest.ts'

interface ExportCommandOptions extends VerifyingOptions {
  readonly out: string
  readonly reason: string
  readonly keyVersion: number
  readonly ttl: number
  readonly wait: boolean
}

/** What operators decide together. */
export function registerApprovals(program: Command): void {
  const approve = program
    .command('approve')
    .description('exceptional acts: what waits for the operators, and their approvals')
  clientCommand(approve, 'list', ['ostraka approve list', 'ostraka approve list --all --json'])
    .description('the proposals that wait for operators, or, approved, for their proposer')
    .option('--all', 'also those that are over')
    .action(async (options: ClientOptions & { readonly all?: boolean }) => {
      const { proposals, ...rest } = await withClient(options, client => client.approvals())
      const shown = options.all ? proposals : proposals.filter(isLive)
      print({ ...rest, proposals: shown }, options.json, () => listLines(shown))
    })
  clientCommand(approve, 'sign <proposal>', [
    'ostraka approve sign 5f1c09ab --operator-file alice.json',
    'ostraka approve sign 5f1c09ab   # on a testnet: its operator',
  ])
    .description(
      'approve a proposal as an operator: signs the act, its proposer, reason and expiry as shown. A daemon that shows ' +
        'something else gets a signature that is void',
    )
    .option('--operator-file <file>', OPERATOR)
    .action(sign)
  clientCommand(approve, 'withdraw <proposal>', [
    'ostraka approve withdraw 5f1c09ab --principal-file me.json',
  ])
    .description('take back a proposal of your own (--principal-file), approved or not, before it is used')
    .action(withdraw)
}

/** Beside the other commands of `key`. */
export function registerExport(key: Command): void {
  verifyingCommand(key, 'export <name>', [
    'ostraka key export wallet --out wallet.key --reason "the provider closes on Friday"',
    'ostraka key export wallet --out wallet.key --reason audit --no-wait   # and the same again, once approved',
  ])
    .description(
      'get the secret itself of a key that was created --exportable. Operators must approve; every node logs, audits and ' +
        'announces it; afterwards the shares are refreshed. Writes 32 raw bytes as key import --secret-file takes them, ' +
        'for ed25519 with --secret-form scalar. Rotate or destroy the key afterwards if you can',
    )
    .requiredOption('--out <file>', 'where the secret goes, mode 0600; an existing file is not touched')
    .option('--reason <text>', 'what the operators are told', 'no reason was given')
    .option('--key-version <n>', 'which version; by default the active one', integerFrom(1, 2 ** 31), 0)
    .addOption(lifeOption('how long it may wait for operators: 15m, 1h; a day at most'))
    .option('--no-wait', 'only propose it; run the same command again when it is approved')
    .action(exportOne)
}

async function exportOne(name: string, options: ExportCommandOptions): Promise<void> {
  const { exportKey } = await import('../exporting.ts')
  const { out, reason, keyVersion: version, ttl: ttlMs, wait: isWaiting } = options
  const asked = { out, reason, version, ttlMs, isWaiting }
  const tell = ({ id, needed, act }: ProposalJson): void => {
    const recipient = act.type === 'export-key' ? act.recipient : ''
    note([
      `waiting for ${needed} operators: ostraka approve sign ${id}`,
      `each must be shown: sealed to  ${recipient}`,
    ])
  }
  const done = await withVerifyingClient(options, (client, isVerifying) => {
    if (!isVerifying) note([UNVERIFIED])
    return exportKey(client, name, asked, tell)
  })
  if (done.state === 'exported' && isStandardOutput(out)) return
  print(done, options.json, result =>
    result.state === 'waiting'
      ? [
          `proposed: ${result.proposal} (${result.given} of ${result.needed} approvals)`,
          `each operator must be shown: sealed to  ${result.recipient}`,
        ]
      : [
          `wrote ${result.out}: a ${result.kind} secret, form ${result.form}`,
          result.verified === null
            ? `public key ${result.publicKey}: compare it with the one you know`
            : `public key ${result.publicKey}, proven in the state before block ${result.verified.height}`,
        ],
  )
}

const UNVERIFIED =
  'the daemon is believed when it says what it has proposed, and of which key the shares are: give --genesis or ' +
  '--network to have that proven'

async function sign(
  prefix: string,
  options: ClientOptions & { readonly operatorFile?: string },
): Promise<void> {
  const { readPrincipal } = await import('../../api/index.ts')
  const { proposalNamed, signApproval } = await import('../approving.ts')
  const [file] = operatorFiles(options.operatorFile === undefined ? [] : [options.operatorFile])
  const operator = readPrincipal(file)
  const after = await withClient(options, async client => {
    const proposal = proposalNamed(await client.approvals(), prefix)
    if (!options.json) {
      const { policy } = await client.attestation()
      for (const line of proposalLines(proposal, policy)) printLine(line)
    }
    const { genesis } = await client.genesis()
    return client.stepApproval(signApproval(genesis, operator, proposal))
  })
  print(after, options.json, ({ approvals, needed, state }) => [
    `approved: ${approvals.length} of ${needed}, ${state}`,
  ])
}

async function withdraw(prefix: string, options: ClientOptions): Promise<void> {
  const { proposalNamed } = await import('../approving.ts')
  const after = await withClient(options, async (client: Client) =>
    client.withdrawProposal(proposalNamed(await client.approvals(), prefix).id),
  )
  print(after, options.json, ({ id }) => [`withdrawn: ${id}`])
}

function isLive({ state }: ProposalJson): boolean {
  return state === 'open' || state === 'approved'
}

function what({ act }: ProposalJson): string {
  switch (act.type) {
    case 'export-key':
      return `export ${act.name} version ${act.version}`
    case 'destroy-version':
      return `destroy ${act.name} version ${act.version} now`
    case 'remove-member':
      return `remove member ${act.peerId}`
    case 'set-attestation':
      return `replace attestation policy ${act.revision}: require ${act.policy.method}`
    case 'reset-audit':
      return `write off audit log ${act.generation - 1} of ${act.peerId}`
  }
}

function listLines(proposals: readonly ProposalJson[]): readonly string[] {
  if (proposals.length === 0) return ['nothing waits for the operators']
  return tableLines(
    ['PROPOSAL', 'ACT', 'STATE', 'APPROVALS', 'EXPIRES', 'REASON'],
    proposals.map(each => [
      each.id.slice(0, 16),
      what(each),
      each.state,
      `${each.approvals.length} of ${each.needed}`,
      new Date(each.expiresMs).toISOString(),
      each.reason,
    ]),
  )
}

/** The proposal, line by line, and what it would change of the attestation policy in force. */
function proposalLines(proposal: ProposalJson, inForce: AttestationPolicyJson): readonly string[] {
  const { act } = proposal
  return [
    `proposal   ${proposal.id}`,
    `act        ${what(proposal)}`,
    ...('keyId' in act ? [`key id     ${act.keyId}`] : []),
    ...(act.type === 'export-key' ? [`sealed to  ${act.recipient}`] : []),
    ...(act.type === 'set-attestation' ? changeLines(policyLines(inForce), policyLines(act.policy)) : []),
    `proposer   ${proposal.proposer}`,
    `reason     ${proposal.reason}`,
    `expires    ${new Date(proposal.expiresMs).toISOString()}`,
    ...proposal.approvals.map(operator => `approved   ${operator}`),
  ]
}

/** Lines that go, that come, and that stay. */
function changeLines(before: readonly string[], after: readonly string[]): readonly string[] {
  const gone = before.filter(line => !after.includes(line)).map(line => `- ${line}`)
  return [...gone, ...after.map(line => `${before.includes(line) ? ' ' : '+'} ${line}`)]
}

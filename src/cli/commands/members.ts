import type { Command } from 'commander'
import type { MembershipJson } from '../../api/index.ts'
import { utf8 } from '../../base/index.ts'
import { isStandardOutput, writeNew } from '../../files/index.ts'
import { type ClientOptions, clientCommand, withClient } from '../connection.ts'
import { type DecisionOptions, decisionOptions, lifeOption, OPERATOR, operatorFiles } from '../operators.ts'
import { collect } from '../options.ts'
import { print, tableLines } from '../output.ts'

interface InviteOptions extends ClientOptions {
  readonly operatorFile?: string
  readonly ttl: number
  readonly peer?: readonly string[]
  readonly for?: string
  readonly out?: string
  readonly region?: string
}

/** Who may join, who belongs, who must go. */
export function registerMembers(program: Command): void {
  const invite = program.command('invite').description('invites: how a node comes into the network')
  clientCommand(invite, 'create', [
    'ostraka invite create',
    'ostraka invite create --operator-file operator.json --ttl 1h --peer /ip4/10.0.0.2/tcp/7800/p2p/12D3KooW…',
    'ostraka invite create --out invite && scp invite host6: && ssh host6 ostraka node join --dir /var/lib/ostraka --invite invite',
    'ostraka invite create --region eu-west | ostraka node join --dir /var/lib/ostraka --invite -',
  ])
    .description('print a single-use invite that one node can join with')
    .option('--operator-file <file>', OPERATOR)
    .addOption(lifeOption('how long it is valid: 15m, 1h, 7d'))
    .option(
      '--peer <multiaddr>',
      'a member’s address with its /p2p/ id; repeatable; by default those of the daemon that is asked',
      collect,
    )
    .option('--out <file>', 'write it there, for its owner alone to read, instead of printing it')
    .option('--for <peerId>', 'only for this node')
    .option('--region <region>', 'only for a node that says it stands there')
    .action(createInvite)
  const member = program.command('member').description('the members of the network')
  clientCommand(member, 'list', ['ostraka member list', 'ostraka member list --json'])
    .description('every member that there is or was')
    .action(async (options: ClientOptions) => {
      const members = await withClient(options, client => client.members())
      print({ members }, options.json, () => memberLines(members))
    })
  const remove = clientCommand(member, 'remove <peerId>', [
    'ostraka member remove 12D3KooW…',
    'ostraka member remove 12D3KooW… --operator-file alice.json --operator-file bob.json',
    'ostraka member remove 12D3KooW… --operator-file alice.json --propose "sold on Monday"',
  ])
  decisionOptions(remove)
    .description('take a node out for good; its shares are made anew elsewhere')
    .action(removeMember)
}

async function createInvite(options: InviteOptions): Promise<void> {
  const { readPrincipal } = await import('../../api/index.ts')
  const { SystemRng } = await import('../../io/index.ts')
  const { makeInvite } = await import('../invites.ts')
  const [operator] = operatorFiles(options.operatorFile === undefined ? [] : [options.operatorFile])
  const expiresMs = Date.now() + options.ttl
  const token = await withClient(options, async client => {
    const { genesis, addresses } = await client.genesis()
    const request = {
      operator: readPrincipal(operator),
      genesis,
      peers: options.peer ?? addresses,
      apis: [client.api],
      expiresMs,
      ...(options.for === undefined ? {} : { peerId: options.for }),
      ...(options.region === undefined ? {} : { region: options.region }),
    }
    return makeInvite(request, new SystemRng())
  })
  const expires = new Date(expiresMs).toISOString()
  if (options.out === undefined) return print({ invite: token, expires }, options.json, () => [token])
  const { out } = options
  writeNew(out, utf8(`${token}\n`))
  if (isStandardOutput(out)) return
  print({ out, expires }, options.json, () => [`${out} admits one node until ${expires}`])
}

async function removeMember(peerId: string, options: DecisionOptions): Promise<void> {
  if (options.propose !== undefined) {
    const { proposeAct } = await import('../approving.ts')
    return proposeAct(options, () => ({ type: 'remove-member', peerId }))
  }
  const { readPrincipal } = await import('../../api/index.ts')
  const { signRemoval } = await import('../invites.ts')
  const [first, ...others] = operatorFiles(options.operatorFile ?? [])
  const decision = await withClient(options, async client => {
    const { genesis } = await client.genesis()
    const removal = signRemoval(genesis, [readPrincipal(first), ...others.map(readPrincipal)], peerId)
    return client.removeMember(peerId, removal)
  })
  print(decision, options.json, () => [`${peerId} is removed as of height ${decision.height}`])
}

function memberLines(members: readonly MembershipJson[]): readonly string[] {
  return tableLines(
    ['MEMBER', 'REGION', 'STATE', 'VOTES', 'TRUST', 'ATTESTATION', 'SINCE HEIGHT'],
    members.map(each => [
      each.peerId,
      each.region,
      each.state,
      each.isValidator ? 'yes' : 'no',
      each.trust,
      each.attestation.replaceAll('_', ' '),
      each.joinedHeight,
    ]),
  )
}

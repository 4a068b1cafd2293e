import type { Command } from 'commander'
import type { AuditJson, Client } from '../../api/index.ts'
import type { AuditReset } from '../../wire/index.ts'
import type { AuditVerdict, Witness } from '../audit-verify.ts'
import { type ClientOptions, clientCommand, connectTo, connectToOther, withClient } from '../connection.ts'
import { type DecisionOptions, decisionOptions, operatorFiles } from '../operators.ts'
import { collect, integerFrom } from '../options.ts'
import { print, shortPeer, tableLines } from '../output.ts'
import { liveNodes } from '../testnet/state.ts'

interface ListOptions extends ClientOptions {
  readonly from: number
  readonly limit: number
}

interface VerifyOptions extends ClientOptions {
  readonly peer?: readonly string[]
  readonly dir?: readonly string[]
  readonly witness?: readonly string[]
}

export function registerAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('what each node did with its secrets, and whether its log is whole')
  clientCommand(audit, 'list', ['ostraka audit list', 'ostraka audit list --from 100 --limit 20 --json'])
    .description('the entries of one daemon’s audit log')
    .option('--from <n>', 'the first entry', integerFrom(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--limit <n>', 'how many at most', integerFrom(1, 256), 64)
    .action(list)
  clientCommand(audit, 'verify', [
    'ostraka audit verify',
    'ostraka audit verify --api http://10.0.0.2:7801 --token-file t --witness http://10.0.0.3:7801',
    'ostraka audit verify --dir /var/lib/ostraka --witness http://10.0.0.3:7801',
  ])
    .description(
      'prove that audit logs are whole: nothing cut off, edited, rewritten or forked since it was recorded',
    )
    .option('--peer <peer id>', 'only this node; repeatable', collect)
    .option('--dir <dir>', 'a stopped node’s directory; repeatable', collect)
    .option('--witness <url>', 'a daemon whose control log is believed too; repeatable', collect)
    .action(verify)
  const resetting = clientCommand(audit, 'reset <peerId>', [
    'ostraka audit reset 12D3KooW…',
    'ostraka audit reset 12D3KooW… --operator-file alice.json --operator-file bob.json',
    'ostraka audit reset 12D3KooW… --operator-file alice.json --propose "its disk died"',
  ])
  decisionOptions(resetting)
    .description(
      'write a node’s lost or broken audit log off, so that it may use secrets again; the loss stays on record',
    )
    .action(reset)
}

async function list(options: ListOptions): Promise<void> {
  const page = await withClient(options, client => client.audit(options.from, { limit: options.limit }))
  print(page, options.json, listLines)
}

function listLines({ entries, size, checkpoint }: AuditJson): readonly string[] {
  const rows = entries.map(({ sequence, entry }) => {
    if (entry === null) return [sequence, null, 'unreadable']
    const { timeMs, kind, action, outcome, key, operation, inputs, peer, count } = entry
    const what = count === undefined ? action : `${action} ×${count}`
    const who = peer === undefined ? null : shortPeer(peer)
    return [sequence, new Date(timeMs).toISOString(), kind, what, outcome, key, operation, inputs, who]
  })
  const head = ['ENTRY', 'TIME', 'KIND', 'ACTION', 'OUTCOME', 'KEY', 'OPERATION', 'INPUTS', 'PEER']
  const covered =
    checkpoint === null
      ? 'no checkpoint yet'
      : `checkpoint of ${checkpoint.size} at height ${checkpoint.height}`
  return [...tableLines(head, rows), `${size} entries, ${covered}`]
}

async function verify(options: VerifyOptions): Promise<void> {
  const { askWitness, verifyDaemon, verifyDirectory } = await import('../audit-verify.ts')
  const clients = targets(options)
  const witnesses = (options.witness ?? []).map(api => connectToOther(api, options))
  const isWanted = ({ peerId }: AuditVerdict): boolean => options.peer?.includes(peerId) ?? true
  try {
    const asked = await Promise.allSettled([...clients, ...witnesses].map(askWitness))
    const words = asked.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    const verdicts: AuditVerdict[] = []
    for (const client of options.dir === undefined ? clients : []) {
      verdicts.push(await verifyDaemon(client, words).catch(error => unread(client, error)))
    }
    for (const dir of options.dir ?? []) verdicts.push(await verifyDirectory(dir, words))
    const wanted = verdicts.filter(isWanted)
    const reported = await reportForks(wanted, [...clients, ...witnesses])
    const losses = knownLosses(words)
    print({ logs: wanted, losses, reported }, options.json, () => [
      ...wanted.flatMap(verdictLines),
      ...losses.map(lossLine),
      ...reported.map(({ peerId, outcome }) => `${peerId}: proof of its fork was handed in (${outcome})`),
    ])
    if (wanted.length === 0 || wanted.some(isWrong)) process.exitCode = 1
  } finally {
    for (const client of [...clients, ...witnesses]) client.close()
  }
}

/** The daemon that is named, or all that run of the local testnet. */
function targets(options: VerifyOptions): Client[] {
  if (options.api !== undefined || process.env.OSTRAKA_API !== undefined) return [connectTo(options)]
  const nodes = liveNodes()
  if (nodes.length > 0) return nodes.map(({ api }) => connectToOther(api, options))
  return options.dir === undefined ? [connectTo(options)] : []
}

/** Hands each proof to the first daemon that takes it: it is judged there, and not trusted. */
async function reportForks(
  verdicts: readonly AuditVerdict[],
  clients: readonly Client[],
): Promise<readonly { readonly peerId: string; readonly outcome: string }[]> {
  const reported = []
  for (const { peerId, forks } of verdicts) {
    for (const fork of forks) {
      const { reportFork } = await import('../audit-verify.ts')
      reported.push({ peerId, outcome: await reportFork(fork, clients) })
    }
  }
  return reported
}

/** What operators have written off, as the daemon tells that knows of most. */
function knownLosses(words: readonly Witness[]): Witness['losses'] {
  return words.map(({ losses }) => losses).sort((a, b) => b.length - a.length)[0] ?? []
}

function lossLine({ peerId, generation, size, height, timeMs }: Witness['losses'][number]): string {
  const when = new Date(timeMs).toISOString()
  return `${peerId}  log ${generation} of ${size} recorded entries was written off at height ${height} (${when})`
}

/** The write-off of the log that a node keeps now. */
async function resetOf(client: Client, peerId: string): Promise<AuditReset> {
  const { losses } = await client.auditRecords()
  return { peerId, generation: losses.filter(loss => loss.peerId === peerId).length + 1 }
}

async function reset(peerId: string, options: DecisionOptions): Promise<void> {
  if (options.propose !== undefined) {
    const { proposeAct } = await import('../approving.ts')
    return proposeAct(options, async client => ({ type: 'reset-audit', ...(await resetOf(client, peerId)) }))
  }
  const { readPrincipal } = await import('../../api/index.ts')
  const { signAuditReset } = await import('../invites.ts')
  const [first, ...others] = operatorFiles(options.operatorFile ?? [])
  const decision = await withClient(options, async client => {
    const { genesis } = await client.genesis()
    const operators = [readPrincipal(first), ...others.map(readPrincipal)] as const
    return client.resetAudit(signAuditReset(genesis, operators, await resetOf(client, peerId)))
  })
  print(decision, options.json, () => [
    `${peerId} keeps another audit log as of height ${decision.height}; what was lost stays on record`,
  ])
}

function unread(client: Client, error: unknown): AuditVerdict {
  const reason = error instanceof Error ? error.message : String(error)
  return {
    peerId: 'unknown',
    where: client.api,
    entries: 0,
    covered: 0,
    findings: [],
    forks: [],
    error: reason,
  }
}

function isWrong({ findings, error }: AuditVerdict): boolean {
  return findings.length > 0 || error !== undefined
}

function verdictLines(verdict: AuditVerdict): readonly string[] {
  const { peerId, where, entries, covered, findings, error } = verdict
  const state = error !== undefined ? 'UNREADABLE' : findings.length > 0 ? 'BROKEN' : 'whole'
  return [
    `${peerId}  ${state}  ${entries} entries, ${covered} of them on record  (${where})`,
    ...findings.map(({ fault, text }) => `  ${fault}: ${text}`),
    ...(error === undefined ? [] : [`  ${error}`]),
  ]
}

import type { Command } from 'commander'
import type { BlockJson, Health, PeerJson, StatusJson, TrustJson } from '../../api/index.ts'
import { type ClientOptions, clientCommand, connectTo, withClient } from '../connection.ts'
import { EXIT } from '../exit-codes.ts'
import { integerFrom } from '../options.ts'
import { formatMs, print, printJsonLine, printLine, shortPeer, tableLines } from '../output.ts'

interface LogOptions extends ClientOptions {
  readonly from: number
  readonly follow?: boolean
}

const FOLLOW_WAIT_MS = 25_000

export function registerObservation(program: Command): void {
  clientCommand(program, 'status', ['ostraka status', 'ostraka status --json | jq -r .coordinator'])
    .description('the network as a daemon sees it')
    .action(async (options: ClientOptions) => {
      const [status, health] = await withClient(options, client =>
        Promise.all([client.status(), client.health()]),
      )
      print({ ...status, health }, options.json, () => [healthLine(health), '', ...statusLines(status)])
    })
  clientCommand(program, 'health', ['ostraka health', 'ostraka health --api http://127.0.0.1:7801 || alert'])
    .description(
      'whether a daemon serves, for probes: leaves with 0 if it does, 1 if it does not, 5 if it is not there',
    )
    .action(async (options: ClientOptions) => {
      const health = await withClient(options, client => client.health())
      print(health, options.json, () => [healthLine(health), ...health.notices])
      if (health.status === 'unavailable') process.exitCode = EXIT.failed
    })
  clientCommand(program, 'peers', ['ostraka peers'])
    .description('the members as their last beacons show them: region, version, load, round trip')
    .action(async (options: ClientOptions) => {
      const peers = await withClient(options, client => client.peers())
      print({ peers }, options.json, () => peerLines(peers))
    })
  clientCommand(program, 'trust', ['ostraka trust', 'ostraka trust --json | jq .reports'])
    .description('the agreed trust vector, who says what of whom, and who was convicted')
    .action(async (options: ClientOptions) => {
      print(await withClient(options, client => client.trust()), options.json, trustLines)
    })
  clientCommand(program, 'log', ['ostraka log --from 1', 'ostraka log --follow --json'])
    .description('control-log blocks; with --json one object a line, with certificates')
    .option('--from <height>', 'the first block', integerFrom(1, Number.MAX_SAFE_INTEGER), 1)
    .option('--follow', 'go on as blocks come, until interrupted')
    .action(showLog)
}

async function showLog(options: LogOptions): Promise<void> {
  const client = connectTo(options)
  try {
    let from = options.from
    for (;;) {
      const { height, blocks } = await client.log(from, options.follow ? { waitMs: FOLLOW_WAIT_MS } : {})
      for (const block of blocks) {
        if (options.json) printJsonLine(block)
        else printLine(blockLine(block))
      }
      from = (blocks.at(-1)?.height ?? from - 1) + 1
      if (!options.follow && (blocks.length === 0 || from > height)) return
    }
  } finally {
    client.close()
  }
}

interface BlockShape {
  readonly header: { readonly timeMs: number; readonly round: number }
  readonly transactions: readonly { readonly value: { readonly type: string } }[]
}

function blockLine({ height, blockId, block, certificate }: BlockJson): string {
  const { header, transactions } = block as BlockShape
  const { signatures } = certificate as { readonly signatures: readonly unknown[] }
  const types = transactions.map(transaction => transaction.value.type).join(' ')
  const time = new Date(header.timeMs).toISOString()
  const id = blockId.slice(0, 12)
  return `${height}  ${time}  ${id}  round ${header.round}  ${signatures.length} signatures  ${types}`.trimEnd()
}

const ADVICE: Readonly<Record<string, string>> = {
  ok: 'nothing to do',
  degraded:
    'keys can be used, but not made or changed: bring the missing nodes back (ostraka peers), or wait for them',
  unavailable:
    'this node serves nothing: wait if it has just started, else read its log, and ask another daemon (--api)',
}

/** One line: how it is, why, and what to do about it. */
function healthLine({ status, reasons }: Health): string {
  const why = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`
  return `${status}${why}: ${ADVICE[status] ?? 'see ostraka health --json'}`
}

function statusLines(status: StatusJson): readonly string[] {
  return [
    `network      ${status.name} ${status.networkId}`,
    `this node    ${status.peerId} (${status.software})`,
    `height       ${status.height}, epoch ${status.epoch}`,
    `coordinator  ${status.coordinator}`,
    `validators   ${status.validators.length}`,
    '',
    ...memberLines(status.members),
    ...status.approvals.map(
      each =>
        `waiting ${each.id.slice(0, 16)}: ${each.act.type}, ${each.approvals.length} of ${each.needed} approvals, ${each.state}`,
    ),
    ...status.warnings.map(warning => `warning: ${warning}`),
    ...status.convictions.map(each => `convicted ${each.peerId}: ${each.reason} at height ${each.height}`),
  ]
}

function memberLines(members: StatusJson['members']): readonly string[] {
  return tableLines(
    ['MEMBER', 'REGION', 'STATE', 'TRUST', 'ATTESTATION', 'ROUND TRIP'],
    members.map(each => [
      each.peerId,
      each.region,
      each.state,
      each.trust,
      each.attestation.replaceAll('_', ' '),
      formatMs(each.roundTripMs),
    ]),
  )
}

function trustLines({ epoch, scores, reports, convictions }: TrustJson): readonly string[] {
  const said = reports.flatMap(({ reporter, epoch: at, observations }) =>
    observations.map(each => {
      const { beaconsDue, beaconsSeen, answers, late, wrong, excess } = each
      const counts = [`${beaconsSeen}/${beaconsDue}`, answers, late, wrong, `${excess}/${beaconsDue}`]
      return [shortPeer(reporter), at, shortPeer(each.subject), ...counts]
    }),
  )
  return [
    `settled in epoch ${epoch}`,
    '',
    ...tableLines(
      ['MEMBER', 'STATE', 'SCORE', 'OPINION', 'FINES', 'ATTESTATION'],
      scores.map(each => [
        each.peerId,
        each.state,
        each.score,
        each.opinion,
        each.fines,
        each.attestation.replaceAll('_', ' '),
      ]),
    ),
    '',
    ...(said.length === 0
      ? ['nobody reports anything of anyone']
      : tableLines(['REPORTER', 'EPOCH', 'SUBJECT', 'BEACONS', 'ANSWERS', 'LATE', 'WRONG', 'EXCESS'], said)),
    ...convictions.map(each => `convicted ${each.peerId}: ${each.reason} at height ${each.height}`),
  ]
}

const MEBIBYTE = 1024 * 1024

function peerLines(peers: readonly PeerJson[]): readonly string[] {
  return tableLines(
    [
      'PEER',
      'REGION',
      'STATE',
      'SOFTWARE',
      'HEIGHT',
      'CPU',
      'MEMORY',
      'OPERATIONS',
      'NETWORK',
      'ROUND TRIP',
      'BEACON AGE',
    ],
    peers.map(peer => [
      shortPeer(peer.peerId),
      peer.region,
      peer.state,
      peer.software,
      peer.height,
      peer.load === null ? null : `${Math.round(peer.load.cpu * 100)} %`,
      peer.load === null ? null : `${Math.round(peer.load.memoryBytes / MEBIBYTE)} MiB`,
      peer.load?.operations,
      peer.load === null ? null : `${peer.load.trafficMbps} Mbit/s`,
      formatMs(peer.roundTripMs),
      formatMs(peer.beaconAgeMs),
    ]),
  )
}

import { flushCompileCache } from 'node:module'
import { type Command, Option } from 'commander'
import type { LogLevel } from '../../io/index.ts'
import type { AttestationMethod, InviteToken, Location } from '../../wire/index.ts'
import { exampleText } from '../connection.ts'
import { applyNodeSettings } from '../node-settings.ts'
import { apiAddress, collect, hostName, httpUrl, integerFrom, numberFrom } from '../options.ts'
import { note, print, printJson, printLine, shellWord } from '../output.ts'
import { PASSPHRASE, passphraseSources } from '../passphrases.ts'
import { attestOptions } from './attest.ts'
import { registerBackups } from './backups.ts'

interface InitOptions {
  readonly dir: string
  readonly region: string
  readonly lat: number
  readonly lon: number
  readonly passphraseFile?: string
  readonly json?: boolean
}

interface RunOptions {
  readonly dir: string
  readonly genesis?: string
  readonly listen?: readonly string[]
  readonly api: ReturnType<typeof apiAddress>
  readonly apiHost?: readonly string[]
  readonly apiRate?: number
  readonly metricsPublic?: boolean
  readonly peer?: readonly string[]
  readonly passphraseFile?: string
  readonly attest: AttestationMethod
  readonly tpm2Tcti?: string
  readonly tpm2Pcrs?: readonly number[]
  readonly acceptVoteRisk?: boolean
  readonly notifyUrl?: URL
  readonly logLevel: LogLevel
  readonly pretty?: boolean
  readonly linkMbps?: number
  readonly pskFile?: string
  readonly json?: boolean
}

interface JoinOptions extends Omit<InitOptions, 'region' | 'lat' | 'lon'> {
  readonly invite: string
  readonly region?: string
  readonly lat?: number
  readonly lon?: number
  readonly announce?: readonly string[]
  readonly pskFile?: string
  readonly api?: readonly string[]
}

interface ProveOptions {
  readonly dir: string
  readonly genesis?: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

interface LeaveOptions {
  readonly dir: string
  readonly api: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

const DEFAULT_API = { host: '127.0.0.1', port: 7801 }
const DEFAULT_LISTEN = '/ip4/0.0.0.0/tcp/7800'

export function registerNode(program: Command): void {
  const node = program.command('node').description('one daemon')
  node
    .command('init')
    .description(
      'make a node: an identity in an encrypted keystore, and member.json for the network’s genesis',
    )
    .requiredOption('--dir <dir>', 'the node’s directory')
    .option('--region <region>', 'where it stands', 'local')
    .option('--lat <degrees>', 'latitude', numberFrom(-90, 90), 0)
    .option('--lon <degrees>', 'longitude', numberFrom(-180, 180), 0)
    .option('--passphrase-file <file>', PASSPHRASE)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText(['ostraka node init --dir /var/lib/ostraka --region eu-west --lat 50.1 --lon 8.7']),
    )
    .action(initNode)
  registerProving(node)
  registerRunning(node)
  registerJoining(node)
  registerBackups(node)
}

function registerProving(node: Command): void {
  node
    .command('prove')
    .description(
      'prove, for the network of a draft genesis, that the sealing key which it names is this node’s: the proof goes into that file',
    )
    .requiredOption('--dir <dir>', 'the node’s directory')
    .option('--genesis <file>', 'the draft; by default genesis.json in the directory')
    .option('--passphrase-file <file>', PASSPHRASE)
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka node prove --dir /var/lib/ostraka']))
    .action(proveNode)
}

const NODE_TOML = `
All these but --dir may stand in node.toml in the node’s directory, named as here: listen = ["…"], api = "…".
Flags win over the environment, that over node.toml.`

function registerRunning(node: Command): void {
  attestOptions(apiOptions(node.command('run')))
    .description('run a node until it is told to stop (SIGINT or SIGTERM)')
    .requiredOption('--dir <dir>', 'the node’s directory')
    .option('--genesis <file>', 'the network’s genesis; by default genesis.json in the directory')
    .option(
      '--listen <multiaddr>',
      `where other nodes reach it; repeatable (default: ${DEFAULT_LISTEN})`,
      collect,
    )
    .option(
      '--psk-file <file>',
      'the network’s pre-shared key; by default swarm.key in the directory, if it is there',
    )
    .option('--peer <multiaddr>', 'another member, with its /p2p/ id; repeatable, beside peers.json', collect)
    .option(
      '--link-mbps <megabits>',
      'what the host’s network link carries a second, for whoever chooses holders; by default what the kernel says',
      numberFrom(0, 1_000_000),
    )
    .option('--passphrase-file <file>', PASSPHRASE)
    .option(
      '--accept-vote-risk',
      'after a lost database: vote at once where the network cannot go on otherwise; may get the node convicted',
    )
    .addOption(
      new Option(
        '--notify-url <url>',
        'where operators are told of exceptional acts, by a POST of JSON for each step of one',
      )
        .argParser(httpUrl)
        .env('OSTRAKA_NOTIFY_URL'),
    )
    .option('--log-level <level>', 'trace, debug, info, warn, error', 'info')
    .option('--pretty', 'log for people instead of JSON lines')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka node run --dir /var/lib/ostraka --passphrase-file /run/secrets/ostraka --listen /ip4/0.0.0.0/tcp/7800',
        'ostraka node run --dir /var/lib/ostraka --attest tpm2 --tpm2-pcrs 0,2,4,7',
        'ostraka node run --dir /var/lib/ostraka --api unix:/run/ostraka/api.sock',
        'ostraka node run --dir a --peer /ip4/10.0.0.2/tcp/7800/p2p/12D3KooW…',
      ]),
    )
    .addHelpText('after', NODE_TOML)
    .hook('preAction', (_, command) => applyNodeSettings(command))
    .action(runNode)
}

/** Where and to whom the daemon serves HTTP. */
function apiOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--api <host:port>',
        'where its HTTP interface listens; unix:/path is a socket of its user alone',
      )
        .argParser(apiAddress)
        .default(DEFAULT_API, `${DEFAULT_API.host}:${DEFAULT_API.port}`),
    )
    .option(
      '--api-host <name>',
      'a name by which browsers and proxies may call that interface; repeatable',
      hostName,
    )
    .option('--api-rate <n>', 'requests a second of one client with a credential', integerFrom(1, 1_000_000))
    .option('--metrics-public', 'serve /metrics without a credential')
}

function registerJoining(node: Command): void {
  node
    .command('join')
    .description(
      'join a network by an operator’s invite: makes the node if there is none, and has it admitted',
    )
    .requiredOption('--invite <file>', 'the file with what invite create made, or - for standard input')
    .requiredOption('--dir <dir>', 'the node’s directory')
    .option('--region <region>', 'where a new node stands; by default the invite’s region, or local')
    .option('--lat <degrees>', 'latitude', numberFrom(-90, 90))
    .option('--lon <degrees>', 'longitude', numberFrom(-180, 180))
    .option('--psk-file <file>', 'the network’s pre-shared key, if it has one: it goes into the directory')
    .option('--announce <multiaddr>', 'where other nodes will reach it; repeatable', collect)
    .option('--api <url>', 'a member’s HTTP interface; repeatable; by default those in the invite', collect)
    .option('--passphrase-file <file>', PASSPHRASE)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka node join --invite invite.txt --dir /var/lib/ostraka --announce /ip4/10.0.0.6/tcp/7800',
        'ostraka node run --dir /var/lib/ostraka',
      ]),
    )
    .action(joinNetwork)
  node
    .command('leave')
    .description('leave the network for good; the node’s shares are made anew elsewhere')
    .requiredOption('--dir <dir>', 'the node’s directory')
    .requiredOption('--api <url>', 'a member’s HTTP interface, such as its own')
    .option('--passphrase-file <file>', PASSPHRASE)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText(['ostraka node leave --dir /var/lib/ostraka --api http://127.0.0.1:7801']),
    )
    .action(leaveNetwork)
}

async function joinNetwork(options: JoinOptions): Promise<void> {
  const { existsSync } = await import('node:fs')
  const { readPassphrase, SystemRng } = await import('../../io/index.ts')
  const { writeMember } = await import('../genesis-file.ts')
  const { isInviteText, joinTransaction, prepareJoin, readInvite, requireFitting, submitJoin } = await import(
    '../invites.ts'
  )
  if (isInviteText(options.invite)) note([SHOWN_INVITE])
  const { initNode: init, memberOf, nodeFiles, openNode } = await import('../node-directory.ts')
  const token = await readInvite(options.invite)
  const files = nodeFiles(options.dir)
  const location = await joinLocation(files.member, token, options)
  requireFitting(token, location.region, Date.now())
  const passphrase = await readPassphrase(passphraseSources(options.passphraseFile, 'Passphrase: '))
  if (!existsSync(files.keystore)) await init(options.dir, passphrase, location, new SystemRng())
  const secrets = await openNode(options.dir, passphrase)
  for (const secret of [passphrase, secrets.identitySeed, secrets.storageKey]) secret.wipe()
  prepareJoin(options.dir, token)
  if (options.pskFile !== undefined) {
    const { giveKey } = await import('../founding.ts')
    await giveKey(options.dir, options.pskFile)
  }
  // an earlier attempt may have written another place, or ended before it wrote one
  const member = memberOf(secrets, location)
  writeMember(files.member, member)
  const join = joinTransaction(token, secrets, location, options.announce ?? [], new SystemRng())
  const { height } = await submitJoin(options.api ?? token.apis, join)
  print({ peerId: member.peerId, dir: options.dir, height }, options.json, () => [
    `${member.peerId} is admitted as of height ${height}: now run ostraka node run --dir ${shellWord(options.dir)}`,
  ])
  if (options.announce === undefined) note([UNANNOUNCED])
}

/** Where the node is: as the options say, else as it was said before, else as the invite says. */
async function joinLocation(path: string, token: InviteToken, options: JoinOptions): Promise<Location> {
  const { existsSync } = await import('node:fs')
  const { readMember } = await import('../genesis-file.ts')
  const known = existsSync(path) ? readMember(path).location : undefined
  const { region = known?.region ?? token.invite.value.region ?? 'local' } = options
  const { lat = known?.latitude ?? 0, lon = known?.longitude ?? 0 } = options
  return { region, latitude: lat, longitude: lon }
}

const SHOWN_INVITE =
  'the invite stands in this command’s arguments, where other users of this host can read it: give a file, or - for standard input'

const UNANNOUNCED =
  'nobody is told where this node listens: it must dial the others, and two such nodes never meet. --announce MULTIADDR tells'

async function leaveNetwork(options: LeaveOptions): Promise<void> {
  const { connect } = await import('../../api/index.ts')
  const { peerIdOf } = await import('../../base/index.ts')
  const { readPassphrase } = await import('../../io/index.ts')
  const { readGenesis } = await import('../genesis-file.ts')
  const { signIn } = await import('../invites.ts')
  const { nodeFiles, openNode } = await import('../node-directory.ts')
  const passphrase = await readPassphrase(passphraseSources(options.passphraseFile, 'Passphrase: '))
  const { identity, identitySeed, storageKey } = await openNode(options.dir, passphrase)
  for (const secret of [passphrase, identitySeed, storageKey]) secret.wipe()
  const peerId = peerIdOf(identity.publicKey)
  const leave = signIn(await readGenesis(nodeFiles(options.dir).genesis), identity, { type: 'leave' })
  const client = connect({ api: options.api })
  try {
    const decision = await client.removeMember(peerId, leave)
    print(decision, options.json, () => [`${peerId} has left as of height ${decision.height}`])
  } finally {
    client.close()
  }
}

async function initNode(options: InitOptions): Promise<void> {
  const { initNode: init } = await import('../node-directory.ts')
  const { readPassphrase, SystemRng } = await import('../../io/index.ts')
  const passphrase = await readPassphrase(passphraseSources(options.passphraseFile, 'New passphrase: '))
  const location = { region: options.region, latitude: options.lat, longitude: options.lon }
  const member = await init(options.dir, passphrase, location, new SystemRng())
  passphrase.wipe()
  print({ peerId: member.peerId, dir: options.dir }, options.json, () => [member.peerId])
  if (!options.json) {
    note([
      `${options.dir}/member.json is what network create needs of it; or have it join a network: node join --dir ${shellWord(options.dir)}`,
    ])
  }
}

async function proveNode(options: ProveOptions): Promise<void> {
  const { readPassphrase } = await import('../../io/index.ts')
  const { proveInto } = await import('../founding.ts')
  const { nodeFiles, openNode } = await import('../node-directory.ts')
  const { networkIdText } = await import('../genesis-file.ts')
  const passphrase = await readPassphrase(passphraseSources(options.passphraseFile, 'Passphrase: '))
  const secrets = await openNode(options.dir, passphrase)
  const genesis = options.genesis ?? nodeFiles(options.dir).genesis
  const { document, possessions } = await proveInto(genesis, secrets)
  for (const secret of [passphrase, secrets.identitySeed, secrets.storageKey]) secret.wipe()
  const unproven = document.members.map(({ peerId }) => peerId).filter(peerId => !possessions.has(peerId))
  const networkId = networkIdText(document)
  print({ networkId, genesis, unproven }, options.json, () => [networkId])
  const rest = unproven.length === 0 ? 'it has all proofs' : `${unproven.length} founders have still to prove`
  if (!options.json)
    note([`${genesis} has this node’s proof; ${rest}. To join copies: ostraka network assemble`])
}

async function runNode(options: RunOptions): Promise<void> {
  const { startDaemon, stopOnSignal } = await import('../daemon.ts')
  const { readPassphrase } = await import('../../io/index.ts')
  const daemon = await startDaemon({
    dir: options.dir,
    passphrase: await readPassphrase(passphraseSources(options.passphraseFile, 'Passphrase: ')),
    ...(options.genesis === undefined ? {} : { genesisFile: options.genesis }),
    listen: options.listen ?? [DEFAULT_LISTEN],
    api: options.api,
    apiHosts: options.apiHost ?? [],
    ...(options.apiRate === undefined ? {} : { apiRate: options.apiRate }),
    hasPublicMetrics: options.metricsPublic ?? false,
    peers: options.peer ?? [],
    attest: {
      method: options.attest,
      ...(options.tpm2Tcti === undefined ? {} : { tcti: options.tpm2Tcti }),
      ...(options.tpm2Pcrs === undefined ? {} : { pcrs: options.tpm2Pcrs }),
    },
    acceptsVoteRisk: options.acceptVoteRisk ?? false,
    ...(options.notifyUrl === undefined ? {} : { notifyUrl: options.notifyUrl }),
    logLevel: options.logLevel,
    isPretty: options.pretty ?? false,
    linkMbps: options.linkMbps,
    ...(options.pskFile === undefined ? {} : { pskFile: options.pskFile }),
  })
  const { networkId, peerId, api, addresses } = daemon
  if (options.json) printJson({ networkId, peerId, api, addresses })
  else printLine(`${peerId} serves ${api}`)
  // it may be killed: what is compiled by now, its next start need not compile
  flushCompileCache()
  await stopOnSignal(daemon)
  // a socket or timer of some library must not keep a stopped daemon alive
  process.exit(0)
}

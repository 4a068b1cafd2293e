import { existsSync } from 'node:fs'
import { authorityOf, type Listening, PrincipalVault, startApi, TokenRegister } from '../api/index.ts'
import { OstrakaError, type PeerId, peerIdOf, type Secret } from '../base/index.ts'
import { readJson } from '../files/index.ts'
import {
  createLogger,
  type Io,
  type Logger,
  type LogLevel,
  readPreSharedKey,
  startIo,
  Webhook,
} from '../io/index.ts'
import { recordKeyOf } from '../keys/index.ts'
import { type RunningNode, startNode } from '../node/index.ts'
import type { Genesis } from '../wire/index.ts'
import { type AttestOptions, attestorOf } from './attestor.ts'
import { claim } from './claim.ts'
import { proveIfMissing } from './founding.ts'
import { networkIdText, readGenesis } from './genesis-file.ts'
import { measureLoad } from './load.ts'
import { followMembers, membershipOf } from './membership.ts'
import { type NodeSecrets, nodeFiles, openNode } from './node-directory.ts'
import { shellWord } from './output.ts'
import { SOFTWARE } from './software.ts'

export interface DaemonOptions {
  readonly dir: string
  readonly passphrase: Secret
  /** Defaults to the directory's genesis.json. */
  readonly genesisFile?: string
  /** Defaults to the directory's swarm.key, if there is one. */
  readonly pskFile?: string
  readonly listen: readonly string[]
  readonly api: Listening
  /** Names beside loopback and the bound address by which HTTP clients may call it. */
  readonly apiHosts?: readonly string[]
  /** Requests a second of one client with a credential. */
  readonly apiRate?: number
  /** Whether `/metrics` needs no credential. */
  readonly hasPublicMetrics?: boolean
  /** Multiaddrs with /p2p/ ids, beside those of peers.json. */
  readonly peers: readonly string[]
  /** How this node attests what runs on it. */
  readonly attest: AttestOptions
  /** After its database was lost, vote again although a forgotten vote may convict the node. */
  readonly acceptsVoteRisk?: boolean
  /** Where operators are told of exceptional acts. */
  readonly notifyUrl?: URL
  readonly logLevel: LogLevel
  readonly isPretty: boolean
  /** What the host's network link carries; undefined: what the kernel says of it. */
  readonly linkMbps?: number | undefined
}

export interface Daemon {
  readonly networkId: string
  readonly peerId: PeerId
  readonly api: string
  readonly addresses: readonly string[]
  stop(): Promise<void>
}

/** Shorter epochs, as testnets have them, get more frequent ones. */
const BEACON_INTERVAL_MS = 7500

/** A report on presence wants at least this many beacons to count: then every epoch can have its own. */
const BEACONS_PER_EPOCH = 4

/**
 * Starts one node with its HTTP interface. Errors: `not_found`, `wrong_passphrase`, `conflict`, `storage_corrupt`, `unproven`
 * for a genesis with a founder that does not prove its sealing key.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const files = nodeFiles(options.dir)
  const logger = createLogger({ level: options.logLevel, isPretty: options.isPretty })
  logger.info({ dir: options.dir, software: SOFTWARE }, 'starting')
  const secrets = await openNode(options.dir, options.passphrase)
  const path = genesisPath(options.genesisFile, options.dir)
  await proveIfMissing(path, secrets)
  const genesis = await readGenesis(path)
  const networkId = networkIdText(genesis)
  const vault = new PrincipalVault(files.principals, secrets.storageKey)
  const { io, node } = await startCore(options, genesis, networkId, secrets, logger).finally(() =>
    options.passphrase.wipe(),
  )
  const webhook = notifying(options.notifyUrl, networkId, io, node, logger)
  const authority = authorityOf(new TokenRegister(files.tokens), vault)
  const server = {
    port: node.port,
    authority,
    clock: io.clock,
    rng: io.rng,
    software: SOFTWARE,
    hostNames: options.apiHosts ?? [],
    ...(options.apiRate === undefined ? {} : { ratePerSecond: options.apiRate }),
    hasPublicMetrics: options.hasPublicMetrics ?? false,
    counters: () => ({ ...node.port.counters(), ...io.counters.snapshot() }),
    addresses: () => io.addresses(),
    onInternalError: (error: unknown) => logger.error({ err: error }, 'a request failed unforeseen'),
  }
  const api = await startApi(server, options.api).catch(async error => {
    await node.stop()
    await io.stop()
    throw error
  })
  const addresses = io.addresses()
  logger.info({ peerId: io.peerId, networkId, api: api.url, addresses }, 'started')
  return {
    networkId,
    peerId: io.peerId,
    api: api.url,
    addresses,
    async stop() {
      // clients first, then the protocols, then what they stand on
      await api.stop()
      await node.stop()
      webhook?.stop()
      await io.stop()
      logger.info({}, 'stopped')
    },
  }
}

/** Errors: `not_found` for a node that belongs to no network yet. */
function genesisPath(named: string | undefined, dir: string): string {
  const path = named ?? nodeFiles(dir).genesis
  if (named !== undefined || existsSync(path)) return path
  const ways = `network create --dir ${shellWord(dir)} founds one, node join --dir ${shellWord(dir)} joins one, --genesis names one`
  throw new OstrakaError('not_found', `${dir} belongs to no network yet: ${ways}`)
}

/** Tells operators of every step of an exceptional act, as this node learns of it. */
function notifying(
  url: URL | undefined,
  networkId: string,
  { peerId, counters }: Io,
  { port }: RunningNode,
  logger: Logger,
): Webhook | undefined {
  if (url === undefined) return undefined
  const webhook = new Webhook({ url, counters, logger })
  port.onNotice(notice => webhook.push({ networkId, node: peerId, ...notice }))
  return webhook
}

/** Errors: `not_found`, `malformed`. */
function preSharedKeyOf({ dir, pskFile }: DaemonOptions): { readonly preSharedKey?: Secret } {
  const own = nodeFiles(dir).preSharedKey
  if (pskFile === undefined && !existsSync(own)) return {}
  return { preSharedKey: readPreSharedKey(pskFile ?? own) }
}

async function startCore(
  options: DaemonOptions,
  genesis: Genesis,
  networkId: string,
  secrets: NodeSecrets,
  logger: Logger,
): Promise<{ readonly io: Io; readonly node: RunningNode }> {
  const bootstrap = addressBook([...storedPeers(options.dir), ...options.peers])
  let node: RunningNode | undefined
  const membership = membershipOf(genesis, bootstrap, peerIdOf(secrets.identity.publicKey), () => node)
  const io = await startIo({
    identitySeed: secrets.identitySeed,
    networkId,
    directory: options.dir,
    listen: options.listen,
    ...preSharedKeyOf(options),
    members: membership.members,
    isMember: membership.isMember,
    addresses: bootstrap,
    recordKey: recordKeyOf,
    recordJudge: () => node?.recordJudge,
    logger,
  })
  try {
    if (bootstrap.size === 0 && !genesis.members.some(member => member.peerId === io.peerId)) {
      const message = 'this node is no founder of that network and knows nobody there: run node join first'
      throw new OstrakaError('stranger', message, { peerId: io.peerId })
    }
    const attestor = attestorOf(options.dir, options.attest)
    const isAlone = genesis.members.length === 1
    await claim(options, io, secrets, isAlone, logger)
    node = await startNode({
      genesis,
      identity: secrets.identity,
      sealingKeys: secrets.sealingKeys,
      storageKey: secrets.storageKey,
      acceptsVoteRisk: options.acceptsVoteRisk ?? false,
      software: SOFTWARE,
      beaconIntervalMs: Math.min(BEACON_INTERVAL_MS, Math.floor(genesis.timing.epochMs / BEACONS_PER_EPOCH)),
      ports: attestor === undefined ? io : { ...io, attestor },
      logger,
      measureLoad: measureLoad(options.linkMbps),
    })
    followMembers(io, node)
  } catch (error) {
    await io.stop()
    throw error
  }
  return { io, node }
}

function storedPeers(dir: string): readonly string[] {
  const path = nodeFiles(dir).peers
  if (!existsSync(path)) return []
  const peers: unknown = readJson(path)
  if (Array.isArray(peers) && peers.every(peer => typeof peer === 'string')) return peers
  throw new OstrakaError('malformed', `${path} is no list of multiaddrs`)
}

/** Multiaddrs grouped by the peer id at their end. Errors: `malformed` for one without. */
export function addressBook(multiaddrs: readonly string[]): ReadonlyMap<PeerId, readonly string[]> {
  const book = new Map<PeerId, string[]>()
  for (const multiaddr of multiaddrs) {
    const peerId = /\/p2p\/([1-9A-HJ-NP-Za-km-z]+)$/.exec(multiaddr)?.[1]
    if (peerId === undefined)
      throw new OstrakaError('malformed', `${multiaddr} does not end in /p2p/<peer id>`)
    book.set(peerId, [...(book.get(peerId) ?? []), multiaddr])
  }
  return book
}

/** The longest that a graceful stop may take before the process ends anyway. */
const STOP_DEADLINE_MS = 10_000

/** Resolves when the process is told to end (SIGINT, SIGTERM, or its parent's channel closes), after stopping. */
export function stopOnSignal(daemon: Daemon): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false
    const stop = (): void => {
      if (isStopping) return
      isStopping = true
      setTimeout(() => process.exit(1), STOP_DEADLINE_MS).unref()
      daemon.stop().then(resolve, reject)
    }
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    if (process.channel !== undefined) process.once('disconnect', stop)
  })
}

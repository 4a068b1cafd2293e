import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { createToken, PrincipalVault, readPrincipalSeed, writePrincipal } from '../../api/index.ts'
import { OstrakaError, type Rng, Secret, toBase64, utf8 } from '../../base/index.ts'
import { proveFounders } from '../../control/index.ts'
import type { SealingKeyPair } from '../../crypto/index.ts'
import { replaceSecret } from '../../files/index.ts'
import { LOWEST_COST, SystemRng } from '../../io/index.ts'
import type { GenesisDocument, Location, Member, Timing } from '../../wire/index.ts'
import { DEFAULT_TIMING, majorityOf, networkIdText, writeGenesis } from '../genesis-file.ts'
import { initNode, nodeFiles, openNode } from '../node-directory.ts'
import { claimDirectory, noteMade } from './marker.ts'
import { placeOf } from './places.ts'
import { STATE_FILES, type TestnetNode, type TestnetState, writeState } from './state.ts'

/**
 * Short epochs come with waits that suit processes which share one machine's few and busy cores: a healthy ceremony
 * ends as soon as all have acknowledged, so only one with a dead holder waits for its deadlines. Epochs as real networks
 * have them come with those networks' waits.
 */
const WAITS: Omit<Timing, 'epochMs'> = {
  proposeMs: 600,
  voteMs: 300,
  roundDeltaMs: 300,
  dealMs: 4000,
  acknowledgeMs: 4000,
}

/** Testnets are thrown away long before. */
const TOKEN_TTL_MS = 365 * 24 * 3_600_000

const LAST_PORT = 65_535
/**
 * Where any port will do: below the range from which systems take the ports of outgoing connections. A port that is found
 * free is bound only a moment later, and again when its node is restarted: so that two processes that lay networks out at
 * the same time do not find the same, each looks in a block of its own.
 */
const ANY_PORTS = { first: 20_000, blocks: 20, blockSize: 600 }

export interface LayoutOptions {
  readonly dir: string
  readonly nodes: number
  readonly regions: number
  /** A majority of them decides on exceptional acts. */
  readonly operators: number
  /** The first HTTP port; 0 takes free ones anywhere. */
  readonly apiPort: number
  readonly epochMs: number
  /** How long a version waits for its destruction. */
  readonly destroyDelayMs: number
}

/**
 * Makes directories, identities, genesis, address books and tokens of a new testnet. All nodes lend one principal,
 * `testnet`, so that a key made through one node can be used through another. Errors: `conflict`.
 */
export async function layOut(options: LayoutOptions): Promise<TestnetState> {
  const { dir, nodes: count, regions, epochMs, destroyDelayMs } = options
  const rng = new SystemRng()
  const names = Array.from({ length: count }, (_, index) => `node-${index + 1}`)
  const operators = operatorPaths(dir, options.operators)
  const id = claimDirectory(dir, rng)
  noteMade(
    dir,
    'passphrase',
    'testnet.key',
    ...STATE_FILES,
    ...operators.map(path => basename(path)),
    ...names,
  )
  const passphraseFile = join(dir, 'passphrase')
  replaceSecret(passphraseFile, utf8(`${toBase64(rng.bytes(24))}\n`))
  const publicKeys = operators.map(path => newOperator(path, rng))
  const principal = newPrincipal(join(dir, 'testnet.key'), rng)
  const members: Member[] = []
  for (const [index, name] of names.entries()) {
    members.push(await makeNode({ dir, passphraseFile }, name, placeOf(index, regions)))
  }
  const document: GenesisDocument = {
    name: 'testnet',
    createdMs: Date.now(),
    operators: publicKeys,
    approvals: majorityOf(publicKeys.length),
    members,
    creators: [principal.publicKey],
    timing: { ...(epochMs < DEFAULT_TIMING.epochMs ? WAITS : DEFAULT_TIMING), epochMs, destroyDelayMs },
  }
  const nodes = await addressed(options, names, members)
  const sealingKeys: SealingKeyPair[] = []
  for (const node of nodes) {
    sealingKeys.push(await furnish(node, nodes, passphraseFile, join(dir, 'testnet.key'), rng))
  }
  const genesis = proveFounders(document, sealingKeys, rng)
  for (const node of nodes) writeGenesis(nodeFiles(node.dir).genesis, genesis)
  principal.seed.wipe()
  const state: TestnetState = {
    id,
    networkId: networkIdText(genesis),
    dir,
    operator: operators[0]!,
    operators,
    principal: join(dir, 'testnet.key'),
    passphraseFile,
    regions,
    epochMs,
    wasReady: false,
    nodes,
  }
  writeState(state)
  return state
}

/** The first is plain `operator.key`. */
function operatorPaths(dir: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) =>
    join(dir, index === 0 ? 'operator.key' : `operator-${index + 1}.key`),
  )
}

function newOperator(path: string, rng: Rng): Uint8Array {
  const { publicKey, seed } = newPrincipal(path, rng)
  seed.wipe()
  return publicKey
}

function newPrincipal(path: string, rng: Rng): { readonly publicKey: Uint8Array; readonly seed: Secret } {
  const seed = new Secret(rng.bytes(32))
  return { publicKey: writePrincipal(path, seed).publicKey, seed }
}

/** A node's directory with its identity. */
export async function makeNode(
  { dir, passphraseFile }: Pick<TestnetState, 'dir' | 'passphraseFile'>,
  name: string,
  place: Location,
): Promise<Member> {
  return initNode(join(dir, name), await passphraseOf(passphraseFile), place, new SystemRng(), LOWEST_COST)
}

export async function passphraseOf(file: string): Promise<Secret> {
  const { readPassphrase } = await import('../../io/index.ts')
  return readPassphrase({ file })
}

/** Gives nodes their places on this machine. */
export async function addressed(
  { dir, apiPort }: Pick<LayoutOptions, 'dir' | 'apiPort'>,
  names: readonly string[],
  members: readonly Member[],
): Promise<readonly TestnetNode[]> {
  const taken = new Set<number>()
  const nodes: TestnetNode[] = []
  for (const [index, name] of names.entries()) {
    const api = apiPort === 0 ? await anyPort(taken) : await freePort(apiPort + index, taken)
    const p2p = await anyPort(taken)
    const member = members[index]!
    nodes.push({
      name,
      pid: 0,
      peerId: member.peerId,
      region: member.location.region,
      api: `http://127.0.0.1:${api}`,
      tokenFile: join(dir, name, 'token'),
      dir: join(dir, name),
      listen: `/ip4/127.0.0.1/tcp/${p2p}`,
    })
  }
  return nodes
}

/** A free loopback port that nobody else is likely to ask for at the same time. */
export function anyPort(taken: Set<number> = new Set()): Promise<number> {
  const { first, blocks, blockSize } = ANY_PORTS
  return freePort(first + (process.pid % blocks) * blockSize + randomInt(blockSize), taken)
}

/** The first free loopback port from `first` on. */
async function freePort(first: number, taken: Set<number>): Promise<number> {
  for (let port = first; port <= LAST_PORT; port++) {
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
  throw new OstrakaError('conflict', 'no free port')
}

/** Whether a loopback port could be listened on now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Gives a node its address book and the testnet's principal; returns the sealing key with which it founds the network. */
async function furnish(
  node: TestnetNode,
  nodes: readonly TestnetNode[],
  passphraseFile: string,
  principalFile: string,
  rng: Rng,
): Promise<SealingKeyPair> {
  const files = nodeFiles(node.dir)
  const others = nodes.filter(other => other !== node).map(other => `${other.listen}/p2p/${other.peerId}`)
  writeFileSync(files.peers, `${JSON.stringify(others, null, 2)}\n`)
  const { storageKey, identitySeed, sealingKeys } = await openNode(
    node.dir,
    await passphraseOf(passphraseFile),
  )
  lend(node, principalFile, storageKey, rng)
  storageKey.wipe()
  identitySeed.wipe()
  return sealingKeys
}

/** Lets the node lend the testnet's principal, and makes a token for it. */
export function lend(node: TestnetNode, principalFile: string, storageKey: Secret, rng: Rng): void {
  const files = nodeFiles(node.dir)
  const seed = readPrincipalSeed(principalFile)
  const principal = new PrincipalVault(files.principals, storageKey).add(seed, rng)
  seed.wipe()
  const token = createToken(files.tokens, principal, TOKEN_TTL_MS, Date.now())
  replaceSecret(node.tokenFile, utf8(`${token}\n`))
}

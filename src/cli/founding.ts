import { existsSync, readdirSync } from 'node:fs'
import { OstrakaError, type Secret } from '../base/index.ts'
import type { Genesis, Member } from '../wire/index.ts'
import { readMember, writeGenesis } from './genesis-file.ts'
import { initNode, nodeFiles } from './node-directory.ts'

/** The nodes that a network begins with. */
export interface Founders {
  readonly members: readonly Member[]
  /** Directories of those that are on this machine: they get the genesis. */
  readonly dirs: readonly string[]
  /** The directory of the one that was made for want of any. */
  readonly made: string | null
}

/** Where the first node of a network is made when there is none. */
const FIRST_NODE = 'node'
const FIRST_PLACE = { region: 'local', latitude: 0, longitude: 0 }

/**
 * Those whose files or directories are named; else the nodes whose directories lie right here; else a new one. Errors:
 * `not_found`, `malformed`, `conflict` for a directory that belongs to a network.
 */
export async function findFounders(
  memberFiles: readonly string[],
  nodeDirs: readonly string[],
  passphrase: () => Promise<Secret>,
): Promise<Founders> {
  const isNamed = memberFiles.length > 0 || nodeDirs.length > 0
  const dirs = isNamed ? nodeDirs : nodesHere()
  for (const dir of dirs) requireUnbound(dir)
  const paths = [...memberFiles, ...dirs.map(dir => nodeFiles(dir).member)]
  if (paths.length > 0) return { members: paths.map(readMember), dirs, made: null }
  const { SystemRng } = await import('../io/index.ts')
  const secret = await passphrase()
  try {
    const member = await initNode(FIRST_NODE, secret, FIRST_PLACE, new SystemRng())
    return { members: [member], dirs: [FIRST_NODE], made: FIRST_NODE }
  } finally {
    secret.wipe()
  }
}

/** Directories below this one with a node that belongs to no network yet. */
function nodesHere(): readonly string[] {
  return readdirSync('.', { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .filter(dir => existsSync(nodeFiles(dir).keystore) && existsSync(nodeFiles(dir).member))
    .filter(dir => !existsSync(nodeFiles(dir).genesis))
    .sort()
}

function requireUnbound(dir: string): void {
  const path = nodeFiles(dir).genesis
  if (existsSync(path))
    throw new OstrakaError('conflict', `${dir} belongs to a network: it has a genesis.json`)
}

/** Errors: `conflict` when there is one. */
export function requireNoFile(path: string): void {
  if (existsSync(path)) throw new OstrakaError('conflict', `${path} exists: a genesis is not overwritten`)
}

/** Writes the genesis to `path` and into the founders' directories. Errors: `conflict` where there is one. */
export async function writeFounding(
  path: string,
  { dirs }: Founders,
  genesis: Genesis,
  pskFile?: string,
): Promise<void> {
  requireNoFile(path)
  writeGenesis(path, genesis)
  for (const dir of dirs) {
    writeGenesis(nodeFiles(dir).genesis, genesis)
    if (pskFile !== undefined) await giveKey(dir, pskFile)
  }
}

/** Puts the network's pre-shared key into a node's directory. Errors: `not_found`, `malformed`, `conflict`. */
export async function giveKey(dir: string, pskFile: string): Promise<void> {
  const { readPreSharedKey, writePreSharedKey } = await import('../io/index.ts')
  const path = nodeFiles(dir).preSharedKey
  const key = readPreSharedKey(pskFile)
  if (!existsSync(path)) return writePreSharedKey(path, key)
  const isSame = readPreSharedKey(path).equals(key)
  key.wipe()
  if (!isSame) throw new OstrakaError('conflict', `${path} is another key`)
}

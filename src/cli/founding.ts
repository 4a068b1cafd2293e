import { existsSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  equalBytes,
  isOstrakaError,
  OstrakaError,
  type PeerId,
  peerIdOf,
  type Secret,
} from '../base/index.ts'
import { isFounderProven, networkIdOf, proveFounder } from '../control/index.ts'
import { cryptoReady } from '../crypto/index.ts'
import type { DleqProof, Genesis, GenesisDocument, Member } from '../wire/index.ts'
import {
  completeGenesis,
  type DraftGenesis,
  networkIdText,
  readDraft,
  readMember,
  writeDraft,
  writeGenesis,
} from './genesis-file.ts'
import { initNode, type NodeSecrets, nodeFiles, openNode } from './node-directory.ts'

/** The nodes that a network begins with. */
export interface Founders {
  readonly members: readonly Member[]
  /** Directories of those that are on this machine: they get the genesis. */
  readonly dirs: readonly string[]
  /** The directories here whose nodes can prove their sealing keys: `dirs`, and those in which a named member.json lies. */
  readonly provers: readonly string[]
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
  if (paths.length > 0) {
    const provers = paths.map(path => dirname(path)).filter(dir => existsSync(nodeFiles(dir).keystore))
    return { members: paths.map(readMember), dirs, provers, made: null }
  }
  const { SystemRng } = await import('../io/index.ts')
  const member = await initNode(FIRST_NODE, await passphrase(), FIRST_PLACE, new SystemRng())
  return { members: [member], dirs: [FIRST_NODE], provers: [FIRST_NODE], made: FIRST_NODE }
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

/**
 * Proves the sealing keys of the founders on this machine, then writes the genesis to `path` and into the founders'
 * directories. It is a draft until the founders elsewhere, and those whom the passphrase does not open, have proven theirs:
 * returns who they are. Errors: `conflict` where there is a genesis, `wrong_passphrase` for all of them.
 */
export async function writeFounding(
  path: string,
  { dirs, provers }: Founders,
  document: GenesisDocument,
  passphrase: Secret | undefined,
  pskFile?: string,
): Promise<readonly PeerId[]> {
  requireNoFile(path)
  let draft: DraftGenesis = { document, possessions: new Map() }
  if (passphrase !== undefined) for (const dir of provers) draft = await provenWith(draft, dir, passphrase)
  writeDraft(path, draft)
  for (const dir of dirs) {
    writeDraft(nodeFiles(dir).genesis, draft)
    if (pskFile !== undefined) await giveKey(dir, pskFile)
  }
  return document.members.map(({ peerId }) => peerId).filter(peerId => !draft.possessions.has(peerId))
}

/** Nodes may have a passphrase each: one that this does not open proves its key by `node prove`. */
async function provenWith(draft: DraftGenesis, dir: string, passphrase: Secret): Promise<DraftGenesis> {
  try {
    const secrets = await openNode(dir, passphrase)
    const proven = await prove(draft, secrets)
    for (const secret of [secrets.identitySeed, secrets.storageKey]) secret.wipe()
    return proven
  } catch (error) {
    if (isOstrakaError(error, 'wrong_passphrase')) return draft
    throw error
  }
}

/** The draft with this node's proof. Errors: `stranger` for a node that is no founder with this sealing key. */
async function prove(
  { document, possessions }: DraftGenesis,
  { identity, sealingKeys }: Pick<NodeSecrets, 'identity' | 'sealingKeys'>,
): Promise<DraftGenesis> {
  const { SystemRng } = await import('../io/index.ts')
  const peerId = peerIdOf(identity.publicKey)
  const member = document.members.find(each => each.peerId === peerId)
  if (member === undefined || !equalBytes(member.sealingKey, sealingKeys.publicKey.bytes)) {
    throw new OstrakaError('stranger', 'the genesis does not name this node with its sealing key', { peerId })
  }
  const possession = proveFounder(document, peerId, sealingKeys, new SystemRng())
  return { document, possessions: new Map([...possessions, [peerId, possession]]) }
}

/** Writes this node's proof into a draft. Errors: `not_found`, `malformed`, `stranger`. */
export async function proveInto(
  path: string,
  secrets: Pick<NodeSecrets, 'identity' | 'sealingKeys'>,
): Promise<DraftGenesis> {
  const draft = await prove(readDraft(path), secrets)
  writeDraft(path, draft)
  return draft
}

/** A founder that starts with a draft without its proof adds it, so that a network of one needs no second command. */
export async function proveIfMissing(
  path: string,
  secrets: Pick<NodeSecrets, 'identity' | 'sealingKeys'>,
): Promise<void> {
  const { document, possessions } = readDraft(path)
  const peerId = peerIdOf(secrets.identity.publicKey)
  const isFounder = document.members.some(member => member.peerId === peerId)
  if (isFounder && !possessions.has(peerId)) await proveInto(path, secrets)
}

/**
 * Joins copies of one draft, each with some founders' proofs, into the genesis at `out`, which may be a draft of it. A
 * proof that is wrong in one copy does not hide a right one. Errors: `wrong_network` for drafts of different networks,
 * `conflict` if `out` is of another, `unproven`.
 */
export async function assemble(paths: readonly string[], out: string): Promise<Genesis> {
  await cryptoReady
  const [{ document, possessions }, ...others] = paths.map(readDraft) as [DraftGenesis, ...DraftGenesis[]]
  const networkId = networkIdText(document)
  const members = new Map(document.members.map(member => [member.peerId, member]))
  const isRight = (peerId: PeerId, proof: DleqProof | undefined): boolean => {
    const member = members.get(peerId)
    return (
      member !== undefined && proof !== undefined && isFounderProven(networkIdOf(document), member, proof)
    )
  }
  const proofs = new Map(possessions)
  for (const [at, other] of others.entries()) {
    const is = networkIdText(other.document)
    const text = `${paths[at + 1]} is a draft of another network than ${paths[0]}`
    if (is !== networkId) throw new OstrakaError('wrong_network', text, { is, wanted: networkId })
    for (const [peerId, proof] of other.possessions) {
      if (!isRight(peerId, proofs.get(peerId))) proofs.set(peerId, proof)
    }
  }
  const genesis = completeGenesis({ document, possessions: proofs }, paths.join(', '))
  if (existsSync(out) && networkIdText(readDraft(out).document) !== networkId) requireNoFile(out)
  writeGenesis(out, genesis)
  return genesis
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

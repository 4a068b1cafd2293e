import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { isOstrakaError, OstrakaError, peerIdOf, type Rng, type Secret } from '../base/index.ts'
import { cryptoReady, SigningKey } from '../crypto/index.ts'
import { makeDirectory } from '../files/index.ts'
import {
  costOf,
  createKeystore,
  createStore,
  decodeContent,
  encodeContent,
  KEYSTORE,
  openKeystore,
  openStore,
  readSealedFile,
  writeSealedFile,
} from '../io/index.ts'
import { type DatabaseMark, requireOthers, restoreDatabase, storedPosition } from '../node/index.ts'
import {
  bytesUpTo,
  type Codec,
  codec,
  type Genesis,
  hash32,
  integer,
  list,
  matching,
  nullable,
  struct,
} from '../wire/index.ts'
import { readGenesis, readMember } from './genesis-file.ts'
import { nodeFiles } from './node-directory.ts'

/**
 * What a backup holds: who the node is, what it must know to find its network, and how far the log was. Neither shares nor
 * sealing keys nor votes: what was erased or destroyed must not come back (docs/adr/0032).
 */
interface BackupContent {
  readonly createdMs: number
  readonly keystore: Uint8Array
  readonly files: readonly BackupFile[]
  /** The newest block then; the log that a restored node fetches must lead to it. */
  readonly position: { readonly height: number; readonly blockId: Uint8Array } | null
}

interface BackupFile {
  readonly name: string
  readonly bytes: Uint8Array
}

const PRINCIPALS = 'principals'
const FILE_NAMES = ['genesis.json', 'member.json', 'peers.json', 'tokens.json', 'tpm2.json'] as const
const BACKUP = { format: 'ostraka-backup/1', what: 'backup' } as const
/** Names that a backup may write: nothing outside the directory. */
const FILE_NAME = /^((genesis|member|peers|tokens|tpm2)\.json|principals\/[0-9a-f]{64}\.json)$/
const MAX_FILE_BYTES = 1024 * 1024
const MAX_FILES = 1024

const backupCodec: Codec<BackupContent> = codec(
  'backup',
  2 * MAX_FILE_BYTES,
  struct<BackupContent>({
    createdMs: integer(1),
    keystore: bytesUpTo(MAX_FILE_BYTES),
    files: list(
      struct<BackupFile>({ name: matching(FILE_NAME, 'a file of a node'), bytes: bytesUpTo(MAX_FILE_BYTES) }),
      MAX_FILES,
    ),
    position: nullable(struct({ height: integer(1), blockId: hash32 })),
  }),
)

export interface BackupSummary {
  readonly peerId: string
  readonly files: readonly string[]
  readonly height: number
}

/**
 * Writes a stopped node's backup, sealed under the keystore's passphrase at the keystore's cost. Errors: `not_found`,
 * `wrong_passphrase`, `conflict` (the file exists, or the daemon runs), `storage_corrupt`, `storage_full`.
 */
export async function backUpNode(
  dir: string,
  out: string,
  passphrase: Secret,
  nowMs: number,
): Promise<BackupSummary> {
  if (existsSync(out)) throw new OstrakaError('conflict', 'the file exists already', { path: out })
  const { keystore: path, genesis: genesisPath } = nodeFiles(dir)
  const { identitySeed, storageKey, principals, tokens = [] } = await openKeystore(path, passphrase)
  const genesis = await readGenesis(genesisPath)
  const position = await positionOf(dir, genesis)
  const files = filesOf(dir)
  // which database it ran with is not in the backup: no restored node has that one
  const keystore = encodeContent({ identitySeed, storageKey, principals, tokens })
  const plain = backupCodec.encode({ createdMs: nowMs, keystore, files, position })
  keystore.fill(0)
  await writeSealedFile(out, BACKUP, passphrase, plain, await costOf(path, KEYSTORE))
  const peerId = await peerIdIn(identitySeed)
  return { peerId, files: files.map(({ name }) => name), height: position?.height ?? 0 }
}

async function positionOf(dir: string, genesis: Genesis): Promise<BackupContent['position']> {
  if (!existsSync(join(dir, 'db'))) return null
  const store = await openStore(dir).catch(error => {
    if (!isOstrakaError(error, 'conflict')) throw error
    throw new OstrakaError('conflict', `${dir}: stop its daemon first`, error.details)
  })
  try {
    return await storedPosition(store, genesis)
  } finally {
    await store.close()
  }
}

function filesOf(dir: string): BackupFile[] {
  const lent = existsSync(join(dir, PRINCIPALS)) ? readdirSync(join(dir, PRINCIPALS)) : []
  const names = [...FILE_NAMES, ...lent.map(name => `${PRINCIPALS}/${name}`)]
  return names
    .filter(name => FILE_NAME.test(name) && existsSync(join(dir, name)))
    .map(name => ({ name, bytes: new Uint8Array(readFileSync(join(dir, name))) }))
}

async function peerIdIn(identitySeed: Secret): Promise<string> {
  await cryptoReady
  return peerIdOf(new SigningKey(identitySeed).publicKey)
}

/**
 * Makes a node's directory of its backup. All is checked before anything is written, and the directory appears whole or
 * not at all. Errors: `conflict` (it is not empty), `not_found`, `malformed`, `wrong_passphrase` (or tampered with),
 * `not_enough_nodes` (nobody else has the log), `storage_full`.
 */
export async function restoreNode(
  file: string,
  dir: string,
  passphrase: Secret,
  rng: Rng,
): Promise<BackupSummary> {
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new OstrakaError('conflict', 'the directory is not empty: a restored node needs one of its own', {
      dir,
    })
  }
  const plain = await readSealedFile(file, BACKUP, passphrase)
  const backup = backupCodec.decode(plain)
  const content = decodeContent(backup.keystore)
  plain.fill(0)
  const peerId = await peerIdIn(content.identitySeed)
  const part = `${dir}.restoring`
  makeOwn(part)
  try {
    writeFiles(part, backup.files)
    await requireWhole(part, peerId)
    const database = await newDatabase(part, backup.position, rng)
    const cost = await costOf(file, BACKUP)
    await createKeystore(nodeFiles(part).keystore, passphrase, { ...content, database }, cost)
    // fails where something has been put there meanwhile
    if (existsSync(dir)) rmdirSync(dir)
    renameSync(part, dir)
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    throw error
  }
  return { peerId, files: backup.files.map(({ name }) => name), height: backup.position?.height ?? 0 }
}

/** A directory that is ours to remove since we made it. Errors: `conflict` when something is there. */
function makeOwn(dir: string): void {
  makeDirectory(dirname(dir))
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new OstrakaError('conflict', 'a restore was cut short: remove this', { path: dir })
  }
}

function writeFiles(dir: string, files: readonly BackupFile[]): void {
  makeDirectory(dir)
  for (const { name, bytes } of files) {
    const path = join(dir, name)
    makeDirectory(dirname(path))
    writeFileSync(path, bytes, { mode: 0o600 })
  }
}

async function requireWhole(dir: string, peerId: string): Promise<void> {
  const files = nodeFiles(dir)
  requireOthers(await readGenesis(files.genesis))
  if (readMember(files.member).peerId === peerId) return
  throw new OstrakaError('malformed', 'the backup’s member.json is another node’s', { peerId })
}

/** It holds nothing but the word that all was lost: the node catches up before it votes or uses shares. */
async function newDatabase(
  dir: string,
  position: BackupContent['position'],
  rng: Rng,
): Promise<DatabaseMark> {
  const store = await createStore(dir)
  try {
    return await restoreDatabase(store, position, rng)
  } finally {
    await store.close()
  }
}

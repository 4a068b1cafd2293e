import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OstrakaError, peerIdOf, type Rng, Secret, utf8 } from '../base/index.ts'
import {
  cryptoReady,
  hkdfSha512,
  ristretto255,
  type SealingKeyPair,
  SigningKey,
  sealingKeyFromSecret,
} from '../crypto/index.ts'
import { makeDirectory } from '../files/index.ts'
import type { ScryptCost } from '../io/index.ts'
import type { DatabaseMark } from '../node/index.ts'
import type { Location, Member } from '../wire/index.ts'
import { writeMember } from './genesis-file.ts'

/** Where things lie in a node's directory. */
export interface NodeFiles {
  readonly keystore: string
  readonly member: string
  readonly genesis: string
  /** A list of multiaddrs of other members, each with its /p2p/ id. */
  readonly peers: string
  /** A libp2p private-network key, where the network has one. */
  readonly preSharedKey: string
  readonly tokens: string
  readonly principals: string
}

export function nodeFiles(dir: string): NodeFiles {
  return {
    keystore: join(dir, 'keystore.json'),
    member: join(dir, 'member.json'),
    genesis: join(dir, 'genesis.json'),
    peers: join(dir, 'peers.json'),
    preSharedKey: join(dir, 'swarm.key'),
    tokens: join(dir, 'tokens.json'),
    principals: join(dir, 'principals'),
  }
}

/** What a node is and what it keeps its secrets under. */
export interface NodeSecrets {
  readonly identitySeed: Secret
  readonly identity: SigningKey
  readonly storageKey: Secret
  readonly sealingKeys: SealingKeyPair
  /** Which database it ran with last. */
  readonly database?: DatabaseMark
}

/** Makes a node: a fresh identity in an encrypted keystore, and member.json. Errors: `conflict` when there is one. */
export async function initNode(
  dir: string,
  passphrase: Secret,
  location: Location,
  rng: Rng,
  cost?: ScryptCost,
): Promise<Member> {
  const { createKeystore } = await import('../io/index.ts')
  const files = nodeFiles(dir)
  makeDirectory(dir)
  const content = {
    identitySeed: new Secret(rng.bytes(32)),
    storageKey: new Secret(rng.bytes(32)),
    principals: [],
  }
  await createKeystore(files.keystore, passphrase, content, cost)
  const member = memberOf(await secretsOf(content.identitySeed, content.storageKey), location)
  writeMember(files.member, member)
  return member
}

/** As what a node enters a network. */
export function memberOf(
  { identity, sealingKeys }: Pick<NodeSecrets, 'identity' | 'sealingKeys'>,
  location: Location,
): Member {
  return { peerId: peerIdOf(identity.publicKey), sealingKey: sealingKeys.publicKey.bytes, location }
}

/** Errors: `not_found`, `malformed`, `wrong_passphrase`. */
export async function openNode(dir: string, passphrase: Secret): Promise<NodeSecrets> {
  const { openKeystore } = await import('../io/index.ts')
  const path = nodeFiles(dir).keystore
  if (!existsSync(path)) throw new OstrakaError('not_found', `${dir} is no node's directory: run node init`)
  const { identitySeed, storageKey, database } = await openKeystore(path, passphrase)
  const secrets = await secretsOf(identitySeed, storageKey)
  return database === undefined ? secrets : { ...secrets, database }
}

async function secretsOf(identitySeed: Secret, storageKey: Secret): Promise<NodeSecrets> {
  await cryptoReady
  const identity = new SigningKey(identitySeed)
  return { identitySeed, identity, storageKey, sealingKeys: firstSealingKey(storageKey) }
}

/**
 * The sealing key with which a node enters the genesis. It follows from the keystore, so that a node that has lost
 * all but its keystore can open its sealed shares again. Refreshed sealing keys will not: they must be erasable.
 */
function firstSealingKey(storageKey: Secret): SealingKeyPair {
  const wide = hkdfSha512(storageKey, new Uint8Array(0), utf8('ostraka/1/sealing/0'), 64)
  const scalar = new Secret(ristretto255.scalarFromWide(wide.expose()))
  wide.wipe()
  return sealingKeyFromSecret(scalar)
}

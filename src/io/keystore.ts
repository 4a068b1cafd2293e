import { existsSync } from 'node:fs'
import { decode, encode } from '@ipld/dag-cbor'
import { OstrakaError, Secret } from '../base/index.ts'
import {
  changeSealedFile,
  DEFAULT_COST,
  readSealedFile,
  type ScryptCost,
  type SealedKind,
  writeSealedFile,
} from './sealed-file.ts'

/** What a node must not lose and nobody else may read. */
export interface KeystoreContent {
  /** The Ed25519 seed of the node's libp2p identity. */
  readonly identitySeed: Secret
  /** Encrypts the shares in the node's database. */
  readonly storageKey: Secret
  /** Ed25519 seeds of principals that this host signs for (its operator, local users). */
  readonly principals: readonly { readonly name: string; readonly seed: Secret }[]
  /** Bearer tokens of the local API, each lending one principal's rights. */
  readonly tokens?: readonly { readonly name: string; readonly token: Secret }[]
  /** Which database it ran with last; absent before the first run. */
  readonly database?: { readonly id: Uint8Array; readonly epoch: number }
}

export const KEYSTORE: SealedKind = { format: 'ostraka-keystore/1', what: 'keystore' }

/** Writes a new keystore. Errors: `conflict` when the file exists already, `storage_full`. */
export async function createKeystore(
  path: string,
  passphrase: Secret,
  content: KeystoreContent,
  cost: ScryptCost = DEFAULT_COST,
): Promise<void> {
  if (existsSync(path)) throw new OstrakaError('conflict', 'the keystore exists already', { path })
  await saveKeystore(path, passphrase, content, cost)
}

/** Writes the keystore, replacing an older one in one step: a crash leaves the old file or the new one. */
export async function saveKeystore(
  path: string,
  passphrase: Secret,
  content: KeystoreContent,
  cost: ScryptCost = DEFAULT_COST,
): Promise<void> {
  await writeSealedFile(path, KEYSTORE, passphrase, encodeContent(content), cost)
}

/** Errors: `not_found`, `malformed` (not a keystore), `wrong_passphrase` (also when the file was tampered with). */
export async function openKeystore(path: string, passphrase: Secret): Promise<KeystoreContent> {
  const plain = await readSealedFile(path, KEYSTORE, passphrase)
  try {
    return decodeContent(plain)
  } finally {
    plain.fill(0)
  }
}

/** Changes what is in a keystore, in one step, at the cost that it was made with. Errors: those of open and save. */
export async function changeKeystore(
  path: string,
  passphrase: Secret,
  change: (content: KeystoreContent) => KeystoreContent,
): Promise<void> {
  await changeSealedFile(path, KEYSTORE, passphrase, plain => encodeContent(change(decodeContent(plain))))
}

/** The bytes that are sealed; the caller wipes them. */
export function encodeContent(content: KeystoreContent): Uint8Array {
  const { identitySeed, storageKey, principals, tokens = [], database } = content
  return encode({
    identitySeed: identitySeed.expose(),
    storageKey: storageKey.expose(),
    principals: principals.map(({ name, seed }) => ({ name, seed: seed.expose() })),
    tokens: tokens.map(({ name, token }) => ({ name, token: token.expose() })),
    ...(database === undefined ? {} : { database: { ...database } }),
  })
}

export function decodeContent(plain: Uint8Array): KeystoreContent {
  const content = decode<{
    identitySeed: Uint8Array
    storageKey: Uint8Array
    principals: { name: string; seed: Uint8Array }[]
    tokens: { name: string; token: Uint8Array }[]
    database?: { id: Uint8Array; epoch: number }
  }>(plain)
  // the decoder's byte strings may be views of `plain`, which is about to be wiped
  const secret = (bytes: Uint8Array): Secret => new Secret(Uint8Array.from(bytes))
  return {
    identitySeed: secret(content.identitySeed),
    storageKey: secret(content.storageKey),
    principals: content.principals.map(({ name, seed }) => ({ name, seed: secret(seed) })),
    tokens: content.tokens.map(({ name, token }) => ({ name, token: secret(token) })),
    ...(content.database === undefined
      ? {}
      : { database: { id: Uint8Array.from(content.database.id), epoch: content.database.epoch } }),
  }
}

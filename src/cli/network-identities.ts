import { ageRecipient, type Client, type KeyJson, type Verified } from '../api/index.ts'
import { fromBase64, isOstrakaError, OstrakaError } from '../base/index.ts'
import { refusalOf, type VersionState } from '../wire/index.ts'
import type { NetworkIdentity } from './age/index.ts'

/** age files do not say whose they are; beyond this many candidates the caller has to. */
const MAX_CANDIDATES = 64

/** What the caller knows of the key that a file is encrypted to. */
export interface Candidates {
  readonly key?: string
  readonly version?: number
}

/**
 * The versions of network keys that may open an age file: active ones first, then the archived from the newest on.
 * Errors: `unknown_key`, `wrong_kind`, `not_ready`, `unknown_version`, `conflict` when they are too many to try.
 */
export async function networkIdentities(
  client: Client,
  { key, version }: Candidates,
): Promise<readonly NetworkIdentity[]> {
  const keys = key === undefined ? await decryptionKeys(client) : [requireEncryption(await client.key(key))]
  const found = keys.flatMap(each => identitiesOf(client, each))
  const wanted = version === undefined ? found : found.filter(identity => identity.version === version)
  if (version !== undefined && wanted.length === 0) {
    throw new OstrakaError('unknown_version', 'no such version', { ...(key && { key }), version })
  }
  if (wanted.length > MAX_CANDIDATES) {
    const text = `${wanted.length} versions of keys might be the recipient: say which key with --key`
    throw new OstrakaError('conflict', text)
  }
  const actives = new Map(keys.map(each => [each.name, each.version]))
  const isActive = (identity: NetworkIdentity): boolean => actives.get(identity.name) === identity.version
  return wanted.toSorted((a, b) => Number(isActive(b)) - Number(isActive(a)) || b.version - a.version)
}

async function decryptionKeys(client: Client): Promise<readonly KeyJson[]> {
  const keys = await client.keys().catch(error => {
    if (!isOstrakaError(error, 'forbidden')) throw error
    throw new OstrakaError('forbidden', 'this principal may not list the keys: say which key with --key')
  })
  return keys.filter(key => key.kind === 'x25519' && key.version > 0)
}

/** Whom to encrypt to: the active version of a network key, and the certified state that says so, if one was asked. */
export interface CurrentRecipient {
  readonly name: string
  readonly version: number
  readonly recipient: string
  readonly verified: Verified | null
}

/**
 * Errors: `unknown_key`, `wrong_kind`, `not_ready`, `unproven`; for a version that is not active what `refusalOf` says, or
 * `unknown_version`: nobody could open what was encrypted to it, or soon nobody could.
 */
export function currentRecipient(
  name: string,
): (client: Client, isVerifying: boolean) => Promise<CurrentRecipient> {
  return async (client, isVerifying) => {
    const { version, publicKey, versions } = requireEncryption(await client.key(name))
    const current = versions.find(each => each.version === version)
    requireActive(name, version, current?.state ?? 'active')
    const recipient = ageRecipient(fromBase64(publicKey, 'publicKey'))
    if (!isVerifying) return { name, version, recipient, verified: null }
    const proven = await client.provenKey(name)
    const provenRecipient = ageRecipient(proven.publicKey)
    if (proven.kind !== 'x25519' || (proven.version === version && provenRecipient !== recipient)) {
      throw new OstrakaError('unproven', `the daemon gives ${name} a public key that the network has not`, {
        name,
      })
    }
    requireActive(name, proven.version, proven.state)
    return { name, version: proven.version, recipient: provenRecipient, verified: proven.verified }
  }
}

function requireActive(key: string, version: number, state: VersionState): void {
  if (state === 'active') return
  const text = `version ${version} of ${key} is ${state}: nothing is encrypted to it; key rotate makes the next`
  throw refusalOf(state, { key, version }) ?? new OstrakaError('unknown_version', text, { key, version })
}

/** A key of kind x25519 with a version. Errors: `wrong_kind`, `not_ready`. */
function requireEncryption(key: KeyJson): KeyJson {
  if (key.kind !== 'x25519') {
    throw new OstrakaError('wrong_kind', `${key.name} is a ${key.kind} key: only x25519 keys encrypt`)
  }
  if (key.version === 0) throw new OstrakaError('not_ready', `${key.name} has no version yet`)
  return key
}

/** Destroyed versions too: that one of them was meant is a better answer than that no key fits. */
function identitiesOf(client: Client, key: KeyJson): readonly NetworkIdentity[] {
  return key.versions.map(({ version, publicKey }) => ({
    name: key.name,
    version,
    recipient: ageRecipient(fromBase64(publicKey, 'publicKey')),
    async sharedSecrets(ephemerals) {
      return (await client.decrypt(key.name, ephemerals, { version })).outputs
    },
  }))
}

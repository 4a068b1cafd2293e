import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, randomBytes } from 'node:crypto'
import { bech32 } from '@scure/base'
import { ageRecipient } from '../../src/api/index.ts'
import type { NetworkIdentity } from '../../src/cli/age/index.ts'

/** A version of a key that is whole here, so that the age library, knowing its secret, is the judge. */
export interface LocalKey extends NetworkIdentity {
  readonly ageIdentity: string
}

const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')
const HUMAN_PART = 'age-secret-key-'

export function localKey(version: number, secret: Uint8Array = randomBytes(32)): LocalKey {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, secret]),
    type: 'pkcs8',
    format: 'der',
  })
  return {
    name: 'files',
    version,
    recipient: ageRecipient(rawOf(createPublicKey(privateKey))),
    ageIdentity: bech32.encodeFromBytes(HUMAN_PART, secret).toUpperCase(),
    async sharedSecrets(ephemerals) {
      return ephemerals.map(ephemeral => {
        const key = Buffer.concat([SPKI_PREFIX, ephemeral])
        const theirs = createPublicKey({ key, type: 'spki', format: 'der' })
        return diffieHellman({ privateKey, publicKey: theirs })
      })
    },
  }
}

/** The key behind an age identity of X25519. */
export function keyOfIdentity(identity: string): LocalKey {
  const { prefix, bytes } = bech32.decodeToBytes(identity.toLowerCase())
  if (prefix !== HUMAN_PART) throw new Error(`${prefix} is another kind of identity`)
  return localKey(1, bytes)
}

function rawOf(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32))
}

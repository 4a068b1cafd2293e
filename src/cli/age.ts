import { createDecipheriv, hkdfSync } from 'node:crypto'
import type { ReadableStream } from 'node:stream/web'
import { Decrypter, Encrypter, type Identity, type Stanza } from 'age-encryption'
import { publicKeyOfRecipient } from '../api/index.ts'
import { concat, OstrakaError } from '../base/index.ts'

/** age v1 (C2SP age specification): X25519 recipient stanzas. */
const STANZA = 'X25519'
const INFO = 'age-encryption.org/v1/X25519'
const FILE_KEY_BYTES = 16
const TAG_BYTES = 16

/** A network key of kind x25519, as far as unwrapping a file key needs it. */
export interface NetworkIdentity {
  readonly name: string
  readonly recipient: string
  /** The shared secret of the key with that ephemeral public key, computed by the holders together. */
  sharedSecret(ephemeral: Uint8Array): Promise<Uint8Array>
}

/** Encrypts a stream to age recipients. Errors: `malformed` for a recipient that is none. */
export async function encryptStream(
  recipients: readonly string[],
  input: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient)
    } catch {
      throw new OstrakaError('malformed', `${recipient} is no age recipient`)
    }
  }
  return (await encrypter.encrypt(input as never)) as unknown as ReadableStream<Uint8Array>
}

/** Decrypts an age file of which one recipient is a network key. Errors: `forbidden`, `malformed`, the network's. */
export async function decryptStream(
  identities: readonly NetworkIdentity[],
  input: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const decrypter = new Decrypter()
  const trials = new Trials(identities)
  decrypter.addIdentity(trials)
  try {
    return (await decrypter.decrypt(input as never)) as unknown as ReadableStream<Uint8Array>
  } catch (error) {
    throw trials.refusal ?? malformed(error)
  }
}

/** What the age library says of a broken file, in our words. */
export function malformed(error: unknown): OstrakaError {
  if (error instanceof OstrakaError) return error
  return new OstrakaError('malformed', error instanceof Error ? error.message : String(error))
}

/** X25519 stanzas name no recipient: each is tried with each network key that might be it. */
class Trials implements Identity {
  /** Why the network would not try a key; told when no other key fitted. */
  refusal: OstrakaError | undefined
  readonly #identities: readonly NetworkIdentity[]

  constructor(identities: readonly NetworkIdentity[]) {
    this.#identities = identities
  }

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const ours = stanzas.filter(stanza => stanza.args[0] === STANZA)
    for (const identity of this.#identities) {
      for (const stanza of ours) {
        const fileKey = await this.#try(identity, stanza)
        if (fileKey !== null) return fileKey
      }
    }
    return null
  }

  async #try(identity: NetworkIdentity, stanza: Stanza): Promise<Uint8Array | null> {
    const ephemeral = new Uint8Array(Buffer.from(stanza.args[1] ?? '', 'base64'))
    if (stanza.args.length !== 2 || ephemeral.length !== 32) {
      throw new OstrakaError('malformed', 'a broken X25519 stanza')
    }
    if (stanza.body.length !== FILE_KEY_BYTES + TAG_BYTES) {
      throw new OstrakaError('malformed', 'a broken X25519 stanza')
    }
    try {
      const secret = await identity.sharedSecret(ephemeral)
      return unwrap(secret, ephemeral, publicKeyOfRecipient(identity.recipient)!, stanza.body)
    } catch (error) {
      // a key that we may not use does not stop the search: the file may be for another one
      this.refusal = malformed(error)
      if (this.refusal.code === 'forbidden') return null
      throw error
    }
  }
}

/** The age specification's "X25519 recipient stanza": HKDF-SHA256, then ChaCha20-Poly1305 with a zero nonce. */
function unwrap(
  secret: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  body: Uint8Array,
): Uint8Array | null {
  const wrapKey = Buffer.from(hkdfSync('sha256', secret, concat(ephemeral, recipient), INFO, 32))
  secret.fill(0)
  const decipher = createDecipheriv('chacha20-poly1305', wrapKey, new Uint8Array(12), {
    authTagLength: TAG_BYTES,
  })
  wrapKey.fill(0)
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES))
  const fileKey = new Uint8Array(decipher.update(body.subarray(0, FILE_KEY_BYTES)))
  try {
    decipher.final()
    return fileKey
  } catch {
    return null
  }
}

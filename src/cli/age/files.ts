import type { ReadableStream } from 'node:stream/web'
import { Decrypter, Encrypter } from 'age-encryption'
import { OstrakaError } from '../../base/index.ts'
import { dearmored } from './armor.ts'
import { malformed, type NetworkIdentity, Trials } from './trials.ts'

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

/**
 * Decrypts an age file, armored or not, of which one recipient is a network key. Errors: `forbidden`,
 * `version_destroyed`, `malformed`, the network's.
 */
export async function decryptStream(
  identities: readonly NetworkIdentity[],
  input: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const decrypter = new Decrypter()
  const trials = new Trials(identities)
  decrypter.addIdentity(trials)
  try {
    return (await decrypter.decrypt(
      (await dearmored(input)) as never,
    )) as unknown as ReadableStream<Uint8Array>
  } catch (error) {
    throw trials.refusal ?? malformed(error)
  }
}

import type { ReadableStream } from 'node:stream/web'
import { Decrypter, Encrypter } from 'age-encryption'
import { OstrakaError } from '../../base/index.ts'
import { originalBytes } from './header.ts'
import { follow, openFile } from './opening.ts'
import type { NetworkIdentity } from './trials.ts'

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
 * Decrypts an age file, armored or not, of which one recipient is a network key. Errors: those of `openFile`, from the
 * stream `malformed` for a payload that is broken.
 */
export async function decryptStream(
  identities: readonly NetworkIdentity[],
  input: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const { fileKey, header, payload } = await openFile(identities, input)
  const decrypter = new Decrypter()
  decrypter.addIdentity({ unwrapFileKey: () => fileKey })
  try {
    const file = follow(originalBytes(header), payload)
    return (await decrypter.decrypt(file as never)) as unknown as ReadableStream<Uint8Array>
  } catch {
    // the header is good: the library can only miss the nonce after it
    throw new OstrakaError('malformed', 'the file ends right after its age header')
  } finally {
    fileKey.fill(0)
  }
}

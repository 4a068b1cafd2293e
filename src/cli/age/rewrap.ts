import type { ReadableStream } from 'node:stream/web'
import { publicKeyOfRecipient } from '../../api/index.ts'
import { OstrakaError } from '../../base/index.ts'
import { armored } from './armor.ts'
import { headerBytes, stanzaText } from './header.ts'
import { follow, openFile } from './opening.ts'
import { wrapFileKey } from './stanzas.ts'
import type { NetworkIdentity } from './trials.ts'

/** What a rewrapping found, and the file anew. */
export interface Rewrapped<T> {
  /** Which version of which key opened the old header. */
  readonly from: { readonly key: string; readonly version: number }
  /** Whose the file is now. */
  readonly target: T
  /** False: the stanza is the wanted recipient's already, and the file is as it was. */
  readonly isChanged: boolean
  readonly output: ReadableStream<Uint8Array>
}

/**
 * Gives an age v1 file another recipient in the place of the one that opened it: that stanza and the header's MAC are
 * made anew, the other stanzas and the payload are kept byte for byte. The payload is neither read nor checked. An
 * armored file comes out armored. Errors: those of `openFile`.
 */
export async function rewrapStream<T extends { readonly recipient: string }>(
  identities: readonly NetworkIdentity[],
  targetOf: (key: string) => Promise<T>,
  input: ReadableStream<Uint8Array>,
): Promise<Rewrapped<T>> {
  const { identity, stanza, fileKey, header, payload, isArmored } = await openFile(identities, input)
  try {
    const target = await targetOf(identity.name)
    const { recipient } = target
    const isChanged = recipient !== identity.recipient
    const wrapped = isChanged ? stanzaText(wrapFileKey(fileKey, publicKeyOf(recipient))) : stanza
    const stanzas = header.stanzas.map(other => (other === stanza ? wrapped : other))
    const from = { key: identity.name, version: identity.version }
    const binary = follow(headerBytes(stanzas, fileKey), payload)
    return { from, target, isChanged, output: isArmored ? armored(binary) : binary }
  } finally {
    fileKey.fill(0)
  }
}

function publicKeyOf(recipient: string): Uint8Array {
  const publicKey = publicKeyOfRecipient(recipient)
  if (publicKey !== undefined) return publicKey
  throw new OstrakaError('malformed', `${recipient} is no X25519 recipient`)
}

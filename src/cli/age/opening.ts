import { ReadableStream } from 'node:stream/web'
import { OstrakaError } from '../../base/index.ts'
import { dearmored } from './armor.ts'
import { type AgeHeader, type HeaderStanza, isAuthentic, readHeader } from './header.ts'
import { type NetworkIdentity, type Opened, Trials } from './trials.ts'

/** An age file whose header a network key has opened; nothing of its payload is read. */
export interface OpenedFile extends Opened<HeaderStanza> {
  readonly header: AgeHeader
  readonly payload: AsyncGenerator<Uint8Array>
  readonly isArmored: boolean
}

/**
 * Opens the header of an age v1 file, armored or not. Errors: `malformed` (no age file, a changed header, none of these
 * identities' files), `too_large`, `forbidden`, `version_destroyed`, the network's.
 */
export async function openFile(
  identities: readonly NetworkIdentity[],
  input: ReadableStream<Uint8Array>,
): Promise<OpenedFile> {
  const { isArmored, binary } = await dearmored(input)
  const { header, payload } = await readHeader(binary)
  const opened = await new Trials(identities).open(header.stanzas)
  if (isAuthentic(header, opened.fileKey)) return { ...opened, header, payload, isArmored }
  opened.fileKey.fill(0)
  throw new OstrakaError('malformed', 'the header has been changed')
}

/** A header and a payload as one file. */
export function follow(first: Uint8Array, payload: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  async function* all(): AsyncGenerator<Uint8Array> {
    yield first
    yield* payload
  }
  return ReadableStream.from(all())
}

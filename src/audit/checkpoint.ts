import {
  equalBytes,
  fromBase64,
  OstrakaError,
  type PeerId,
  publicKeyOf,
  toBase64,
  toHex,
  utf8,
} from '../base/index.ts'
import { SIGNATURE_BYTES, type SigningKey, sha256, verifyEd25519 } from '../crypto/index.ts'
import { HASH_BYTES } from './tree.ts'

/** The tree head of one node's log. Whose it is follows from where it stands. */
export interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/** A tree head with its node's Ed25519 signature over the C2SP note text. */
export interface Checkpoint extends TreeHead {
  readonly signature: Uint8Array
}

/**
 * Names one node's log: the first line of its checkpoints, and the key name of its signatures. A node begins with
 * generation 0; each reset begins another log, of which checkpoints say nothing of the others.
 */
export function originOf(networkId: Uint8Array, peerId: PeerId, generation = 0): string {
  const name = `ostraka/${toHex(networkId)}/${peerId}`
  return generation === 0 ? name : `${name}/${generation}`
}

/**
 * The signed text of a C2SP tlog-checkpoint: origin, size and root, one a line. It starts with `ostraka/` and a network
 * id, which nothing in the signing domains of wire/ does (`ostraka/1/…`): a checkpoint can be nothing else.
 */
export function noteText(origin: string, { size, root }: TreeHead): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

export function signCheckpoint(key: SigningKey, origin: string, { size, root }: TreeHead): Checkpoint {
  return { size, root, signature: key.sign(utf8(noteText(origin, { size, root }))) }
}

/** Whether `peerId` signed this checkpoint of its log on this network. Never throws. */
export function verifyCheckpoint(
  networkId: Uint8Array,
  peerId: PeerId,
  checkpoint: Checkpoint,
  generation = 0,
): boolean {
  const text = noteText(originOf(networkId, peerId, generation), checkpoint)
  return verifyEd25519(publicKeyOf(peerId), utf8(text), checkpoint.signature)
}

/** The assigned signature type of plain Ed25519 (C2SP signed-note). */
const ED25519 = new Uint8Array([0x01])
const KEY_ID_BYTES = 4

/** C2SP signed-note: SHA-256(key name || 0x0A || 0x01 || public key)[:4]. */
export function keyIdOf(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(utf8(`${name}\n`), ED25519, publicKey).slice(0, KEY_ID_BYTES)
}

/** The checkpoint as a C2SP signed note, for whoever reads such. */
export function formatNote(
  networkId: Uint8Array,
  peerId: PeerId,
  checkpoint: Checkpoint,
  generation = 0,
): string {
  const origin = originOf(networkId, peerId, generation)
  const keyId = keyIdOf(origin, publicKeyOf(peerId))
  const signature = toBase64(new Uint8Array([...keyId, ...checkpoint.signature]))
  return `${noteText(origin, checkpoint)}\n— ${origin} ${signature}\n`
}

/** Notes by this software are 4 lines and some 400 bytes; cosigners may add lines of their own. */
const MAX_NOTE_CHARS = 16 * 1024

/**
 * Reads a signed note, whose signature must be the node's own; lines of signers that are not known are ignored, as
 * C2SP signed-note asks. Errors: `malformed`, `bad_signature`.
 */
export function parseNote(networkId: Uint8Array, peerId: PeerId, note: string, generation = 0): Checkpoint {
  const origin = originOf(networkId, peerId, generation)
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || note.length > MAX_NOTE_CHARS || !note.endsWith('\n')) refuse('not a signed note')
  const lines = note.slice(0, split).split('\n')
  const [name, sizeText, rootText, ...extensions] = lines
  if (name !== origin) refuse('a checkpoint of another log')
  if (sizeText === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(sizeText)) refuse('not a tree size')
  const size = Number(sizeText)
  const root = fromBase64(rootText ?? '', 'the root')
  if (!Number.isSafeInteger(size) || root.length !== HASH_BYTES || extensions.length > 0) {
    refuse('not a checkpoint as these logs write them')
  }
  const keyId = keyIdOf(origin, publicKeyOf(peerId))
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const signature = signatureIn(line, origin, keyId)
    if (signature === undefined) continue
    const checkpoint = { size, root, signature }
    if (verifyCheckpoint(networkId, peerId, checkpoint, generation)) return checkpoint
  }
  throw new OstrakaError('bad_signature', 'the log has not signed this checkpoint', { origin })
}

/** The signature in a line `— <name> <base64 of key id and signature>`, if it is by this name and key id. */
function signatureIn(line: string, name: string, keyId: Uint8Array): Uint8Array | undefined {
  const match = /^— (\S+) (\S+)$/.exec(line)
  if (match === null) refuse('not a signature line')
  const bytes = fromBase64(match[2]!, 'the signature')
  const isOurs = match[1] === name && equalBytes(bytes.subarray(0, KEY_ID_BYTES), keyId)
  return isOurs && bytes.length === KEY_ID_BYTES + SIGNATURE_BYTES ? bytes.slice(KEY_ID_BYTES) : undefined
}

function refuse(why: string): never {
  throw new OstrakaError('malformed', why)
}

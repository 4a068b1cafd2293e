import { base58btc } from 'multiformats/bases/base58'
import { concat } from './bytes.ts'
import { OstrakaError } from './errors.ts'

/** A node's libp2p peer id in text form (`12D3KooW…`): base58btc of the identity multihash of its Ed25519 public key. */
export type PeerId = string

/** A 32-byte Ed25519 public key: a node's, an operator's or a principal's. */
export type PublicKey = Uint8Array

// identity multihash, 36 bytes long, of the protobuf { Type: Ed25519, Data: 32 bytes } (libp2p peer-ids specification)
const PREFIX = new Uint8Array([0x00, 0x24, 0x08, 0x01, 0x12, 0x20])

// multiformats' decoder maps characters beyond its alphabet's table to anything: one peer id would have many spellings
const BASE58 = /^[1-9A-HJ-NP-Za-km-z]+$/

export function peerIdOf(publicKey: PublicKey): PeerId {
  return base58btc.baseEncode(concat(PREFIX, publicKey))
}

/** The public key inside an Ed25519 peer id; `malformed` for any other text. */
export function publicKeyOf(peerId: PeerId): PublicKey {
  if (!BASE58.test(peerId)) throw new OstrakaError('malformed', 'not a peer id', { peerId })
  let bytes: Uint8Array
  try {
    bytes = base58btc.baseDecode(peerId)
  } catch {
    throw new OstrakaError('malformed', 'not a peer id', { peerId })
  }
  if (bytes.length !== PREFIX.length + 32 || !PREFIX.every((byte, index) => bytes[index] === byte)) {
    throw new OstrakaError('malformed', 'not an Ed25519 peer id', { peerId })
  }
  return bytes.slice(PREFIX.length)
}

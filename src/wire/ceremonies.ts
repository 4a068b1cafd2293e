import { elementBytes, hash32, MAX_SLOTS, publicKey32, slotNumber } from './common.ts'
import { commitmentsSchema, type DleqProof, dleqProofSchema, MAX_RECORD_BYTES } from './dealing.ts'
import { bytesUpTo, integer, list, literal, type Schema, struct } from './schema.ts'

/** A node's next sealing key; the ledger's revision of the current one makes it single-use. Signed by the node. */
export interface AnnounceSealingKey {
  readonly type: 'announce-sealing-key'
  readonly sealingKey: Uint8Array
  readonly revision: number
}

/** One dealer's public half of a dealing. Signed by the dealing node, or by the importing principal. */
export interface Deal {
  readonly type: 'deal'
  readonly ceremony: Uint8Array
  /** The slot whose share is dealt on; 0 when the dealt secret is new or imported. */
  readonly fromSlot: number
  readonly commitments: readonly Uint8Array[]
  /** Schnorr proof that the dealer knows its constant term: challenge, response. */
  readonly possession: DleqProof
  /** SHA-256 of the sealed dealing, which is its DHT key. */
  readonly recordHash: Uint8Array
}

/** A node's word that it holds, durably, valid shares of its slots from these dealers. */
export interface Acknowledge {
  readonly type: 'acknowledge'
  readonly ceremony: Uint8Array
  /** Which of the ceremony's dealings, by their place in its list, ascending. */
  readonly dealings: readonly number[]
}

/** Opens a share that does not fit its dealer's commitments, so that anyone can see who lied. */
export interface Complain {
  readonly type: 'complain'
  readonly ceremony: Uint8Array
  /** The dealing's place in the ceremony's list. */
  readonly dealing: number
  readonly slot: number
  /** The whole sealed dealing, whose hash the dealer's transaction pins. */
  readonly record: Uint8Array
  /** The KEM's shared point and the proof that it belongs to the complainer's sealing key. */
  readonly sharedPoint: Uint8Array
  readonly proof: DleqProof
}

/** What holders and dealers say in a ceremony, and what they announce for the next. */
export type CeremonyTransaction = AnnounceSealingKey | Deal | Acknowledge | Complain

const announceSealingKey: Schema<AnnounceSealingKey> = struct<AnnounceSealingKey>({
  type: literal('announce-sealing-key'),
  sealingKey: publicKey32,
  revision: integer(0),
})

export const dealSchema: Schema<Deal> = struct<Deal>({
  type: literal('deal'),
  ceremony: hash32,
  fromSlot: integer(0, MAX_SLOTS),
  commitments: commitmentsSchema,
  possession: dleqProofSchema,
  recordHash: hash32,
})

/** A ceremony has at most one dealing per slot. */
const dealingIndex: Schema<number> = integer(0, MAX_SLOTS - 1)

const acknowledge: Schema<Acknowledge> = struct<Acknowledge>({
  type: literal('acknowledge'),
  ceremony: hash32,
  dealings: list(dealingIndex, MAX_SLOTS),
})

const complain: Schema<Complain> = struct<Complain>({
  type: literal('complain'),
  ceremony: hash32,
  dealing: dealingIndex,
  slot: slotNumber,
  record: bytesUpTo(MAX_RECORD_BYTES),
  sharedPoint: elementBytes,
  proof: dleqProofSchema,
})

export const ceremonySchemas: {
  readonly [K in CeremonyTransaction['type']]: Schema<Extract<CeremonyTransaction, { readonly type: K }>>
} = {
  'announce-sealing-key': announceSealingKey,
  deal: dealSchema,
  acknowledge,
  complain,
}

import { elementBytes, hash32, MAX_SLOTS, publicKey32, slotNumber } from './common.ts'
import {
  commitmentsSchema,
  type DleqProof,
  dleqProofSchema,
  type Encapsulation,
  encapsulationSchema,
  sealedBytes,
} from './dealing.ts'
import { integer, list, literal, optional, type Schema, struct } from './schema.ts'

/** A node's next sealing key; the ledger's revision of the current one makes it single-use. Signed by the node. */
export interface AnnounceSealingKey {
  readonly type: 'announce-sealing-key'
  readonly sealingKey: Uint8Array
  readonly revision: number
  /** That the node knows the key's secret half; bound to network, node and the key's own revision, which is the next. */
  readonly possession: DleqProof
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
  /** Of the one ephemeral key under which all shares of this dealing are sealed, proven to be this dealer's. */
  readonly encapsulation: Encapsulation
  /** Merkle root over (slot, ciphertext) in the order of the ceremony's slots. */
  readonly root: Uint8Array
}

/** A node's word that it holds, durably, valid shares of its slots from these dealers. */
export interface Acknowledge {
  readonly type: 'acknowledge'
  readonly ceremony: Uint8Array
  /** Which of the ceremony's dealings, by their place in its list, ascending. */
  readonly dealings: readonly number[]
}

/** The KEM's shared point of one ciphertext and the proof that it belongs to the opener's sealing key. */
export interface ShareOpening {
  readonly sharedPoint: Uint8Array
  readonly proof: DleqProof
}

/** Opens a share that does not fit its dealer's commitments, so that anyone can see who lied. */
export interface Complain {
  readonly type: 'complain'
  readonly ceremony: Uint8Array
  /** The dealing's place in the ceremony's list. */
  readonly dealing: number
  readonly slot: number
  /** The slot's ciphertext, and its path to the Merkle root that the dealer's transaction pins. */
  readonly sealed: Uint8Array
  readonly path: readonly Uint8Array[]
  /** Absent when the ciphertext is not well-formed: it convicts its dealer by itself. */
  readonly opening?: ShareOpening
}

/** What holders and dealers say in a ceremony, and what they announce for the next. */
export type CeremonyTransaction = AnnounceSealingKey | Deal | Acknowledge | Complain

const announceSealingKey: Schema<AnnounceSealingKey> = struct<AnnounceSealingKey>({
  type: literal('announce-sealing-key'),
  sealingKey: publicKey32,
  revision: integer(0),
  possession: dleqProofSchema,
})

export const dealSchema: Schema<Deal> = struct<Deal>({
  type: literal('deal'),
  ceremony: hash32,
  fromSlot: integer(0, MAX_SLOTS),
  commitments: commitmentsSchema,
  possession: dleqProofSchema,
  encapsulation: encapsulationSchema,
  root: hash32,
})

/** A ceremony has at most one dealing per slot. */
const dealingIndex: Schema<number> = integer(0, MAX_SLOTS - 1)

const acknowledge: Schema<Acknowledge> = struct<Acknowledge>({
  type: literal('acknowledge'),
  ceremony: hash32,
  dealings: list(dealingIndex, MAX_SLOTS),
})

/** A tree over `MAX_SLOTS` leaves is so high. */
const MAX_PATH_LENGTH = 6

export const complainSchema: Schema<Complain> = struct<Complain>({
  type: literal('complain'),
  ceremony: hash32,
  dealing: dealingIndex,
  slot: slotNumber,
  sealed: sealedBytes,
  path: list(hash32, MAX_PATH_LENGTH),
  opening: optional(struct<ShareOpening>({ sharedPoint: elementBytes, proof: dleqProofSchema })),
})

export const ceremonySchemas: {
  readonly [K in CeremonyTransaction['type']]: Schema<Extract<CeremonyTransaction, { readonly type: K }>>
} = {
  'announce-sealing-key': announceSealingKey,
  deal: dealSchema,
  acknowledge,
  complain: complainSchema,
}

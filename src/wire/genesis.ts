import type { PeerId } from '../base/index.ts'
import { type AttestationPolicy, attestationPolicySchema } from './attestation.ts'
import { peerId, publicKey32, regionName, timeMs } from './common.ts'
import { type DleqProof, dleqProofSchema } from './dealing.ts'
import { type Quota, quotaSchema } from './quota.ts'
import { type Codec, codec, integer, list, optional, real, type Schema, struct, textUpTo } from './schema.ts'

/** Where a node says it stands. Latitude and longitude in degrees. */
export interface Location {
  readonly region: string
  readonly latitude: number
  readonly longitude: number
}

export interface Member {
  readonly peerId: PeerId
  /** ristretto255 element to which shares for this node are sealed. */
  readonly sealingKey: Uint8Array
  readonly location: Location
}

/** The agreed time limits, in milliseconds of block time or of waiting. */
export interface Timing {
  readonly epochMs: number
  /** Tendermint's timeoutPropose, and timeoutPrevote = timeoutPrecommit, in round 0; each round adds `roundDeltaMs`. */
  readonly proposeMs: number
  readonly voteMs: number
  readonly roundDeltaMs: number
  /** How long dealers have to deal, and holders then to acknowledge, before a ceremony is settled without them. */
  readonly dealMs: number
  readonly acknowledgeMs: number
  /** How old the shares of a key, and a node's sealing key, may grow before they are renewed; a day by default. */
  readonly refreshMs?: number
  /** How far apart validators' clocks may be; `DEFAULT_PRECISION_MS` by default. */
  readonly precisionMs?: number
  /** How long a version waits for its destruction, which its owner can call off; `DEFAULT_DESTROY_DELAY_MS` by default. */
  readonly destroyDelayMs?: number
}

export const DEFAULT_REFRESH_MS: number = 24 * 3_600_000
/** NTP keeps hosts within tens of milliseconds. */
export const DEFAULT_PRECISION_MS = 500
/** A week: whoever still needs the version is refused on a working day, and its owner can cancel. */
export const DEFAULT_DESTROY_DELAY_MS: number = 7 * 24 * 3_600_000

/** The part of a genesis whose hash is the network's id. Founders prove their sealing keys for that id, so it has no proofs. */
export interface GenesisDocument {
  readonly name: string
  readonly createdMs: number
  readonly operators: readonly Uint8Array[]
  /** How many operators must approve an exceptional act. */
  readonly approvals: number
  readonly members: readonly Member[]
  /** Principals that may create keys from the start. */
  readonly creators: readonly Uint8Array[]
  readonly timing: Timing
  /** What each principal may have that operators gave no quota of its own; DEFAULT_QUOTA without it. */
  readonly quota?: Quota
  /** Whom slots may go to from the start; without it, to any member. */
  readonly attestation?: AttestationPolicy
}

/** What a network begins with. Whoever reads one calls `checkFounders` before using it. */
export interface Genesis extends GenesisDocument {
  /** For each member, in order: that it knows its sealing key's secret half; bound to network, node and revision 0. */
  readonly possessions: readonly DleqProof[]
}

/** More members than this come later, through invites; the cap bounds the genesis document. */
export const MAX_GENESIS_MEMBERS = 256

export const locationSchema: Schema<Location> = struct<Location>({
  region: regionName,
  latitude: real(-90, 90),
  longitude: real(-180, 180),
})

export const memberSchema: Schema<Member> = struct<Member>({
  peerId,
  sealingKey: publicKey32,
  location: locationSchema,
})

const HOUR_MS = 3_600_000
const waitMs: Schema<number> = integer(10, HOUR_MS)

const MAX_GENESIS_BYTES = 128 * 1024

const documentFields = {
  name: textUpTo(64),
  createdMs: timeMs,
  operators: list(publicKey32, 32),
  approvals: integer(1, 32),
  members: list(memberSchema, MAX_GENESIS_MEMBERS),
  creators: list(publicKey32, 256),
  timing: struct<Timing>({
    epochMs: integer(100, 24 * HOUR_MS),
    proposeMs: waitMs,
    voteMs: waitMs,
    roundDeltaMs: waitMs,
    dealMs: waitMs,
    acknowledgeMs: waitMs,
    refreshMs: optional(integer(1_000, 3_660 * 24 * HOUR_MS)),
    precisionMs: optional(integer(10, 60_000)),
    destroyDelayMs: optional(integer(0, 3_660 * 24 * HOUR_MS)),
  }),
  quota: optional(quotaSchema),
  attestation: optional(attestationPolicySchema),
}

export const genesisDocumentCodec: Codec<GenesisDocument> = codec(
  'genesis-document',
  MAX_GENESIS_BYTES,
  struct<GenesisDocument>(documentFields),
)

export const genesisCodec: Codec<Genesis> = codec(
  'genesis',
  MAX_GENESIS_BYTES,
  struct<Genesis>({ ...documentFields, possessions: list(dleqProofSchema, MAX_GENESIS_MEMBERS) }),
)

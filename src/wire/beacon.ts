import { publicKey32, type Signed, signedCodec, timeMs } from './common.ts'
import { type Location, locationSchema } from './genesis.ts'
import { type Codec, integer, real, struct, textUpTo } from './schema.ts'

/** A node's load, for whoever chooses holders. */
export interface Load {
  /** Share of one core used since the last beacon, 0 to 1024. */
  readonly cpu: number
  readonly memoryBytes: number
  /** Operations served since the last beacon. */
  readonly operations: number
}

/** What a node says of itself every interval (DESIGN section 7). The signer is the node. */
export interface Beacon {
  /** Strictly increasing for one node, over restarts too (it starts at the clock). */
  readonly sequence: number
  readonly timeMs: number
  readonly location: Location
  readonly sealingKey: Uint8Array
  /** Software name and version. */
  readonly software: string
  /** The control-log height that the node has applied. */
  readonly height: number
  readonly load: Load
}

export const beaconCodec: Codec<Signed<Beacon>> = signedCodec(
  'beacon',
  2048,
  struct<Beacon>({
    sequence: integer(1),
    timeMs,
    location: locationSchema,
    sealingKey: publicKey32,
    software: textUpTo(64),
    height: integer(0),
    load: struct({ cpu: real(0, 1024), memoryBytes: integer(0), operations: integer(0) }),
  }),
)

import { OstrakaError } from '../base/index.ts'
import { hash32, publicKey32, type Signed, signedCodec, timeMs } from './common.ts'
import { type Location, locationSchema } from './genesis.ts'
import {
  type Codec,
  canonicalBytes,
  integer,
  list,
  optional,
  real,
  type Schema,
  struct,
  textUpTo,
} from './schema.ts'

/** A node's load, for whoever chooses holders. */
export interface Load {
  /** Share of one core used since the last beacon, 0 to 1024. */
  readonly cpu: number
  readonly memoryBytes: number
  /** Operations served since the last beacon. */
  readonly operations: number
  /** What the host's link carries, as its operator says, in megabits a second; 0: nobody said. */
  readonly linkMbps: number
  /** What went through the host's network interfaces since the last beacon, the fuller direction of the two. */
  readonly trafficMbps: number
}

/** What a node measures of itself; the operations it counts. */
export type MeasuredLoad = Omit<Load, 'operations'>

/** A terabit a second: no link is faster, and what would be is a mistake. */
const MAX_MBPS = 1_000_000

/** A Vivaldi network coordinate with height, in whole microseconds to be small (`trust/vivaldi.ts`). */
export interface BeaconCoordinate {
  /** Exactly COORDINATE_DIMENSIONS numbers. */
  readonly positionUs: readonly number[]
  readonly heightUs: number
  /** The node's own estimate of its predictions' relative error. */
  readonly errorPermille: number
}

/** More than three gain nothing on PlanetLab (`npm run bench -- --only vivaldi`). */
export const COORDINATE_DIMENSIONS = 3

/** No round trip that counts is longer than this. */
const MAX_COORDINATE_US = 10_000_000

/** What a node says of itself every interval. The signer is the node. */
export interface Beacon {
  /** Strictly increasing for one node, over restarts too (it starts at the clock). */
  readonly sequence: number
  readonly timeMs: number
  readonly location: Location
  readonly sealingKey: Uint8Array
  /** Software name and version. */
  readonly software: string
  /** The measurements that the node attests, the program's first; absent while it attests nothing. */
  readonly measurements?: readonly Uint8Array[]
  /** The control-log height that the node has applied. */
  readonly height: number
  readonly load: Load
  readonly coordinate: BeaconCoordinate
}

/** A program and the platform under it. */
const MAX_BEACON_MEASUREMENTS = 2

const axis: Schema<number> = integer(-MAX_COORDINATE_US, MAX_COORDINATE_US)
const axes: Schema<readonly number[]> = list(axis, COORDINATE_DIMENSIONS)

const coordinate: Schema<BeaconCoordinate> = struct<BeaconCoordinate>({
  positionUs: {
    check(value, path) {
      const checked = axes.check(value, path)
      if (checked.length === COORDINATE_DIMENSIONS) return checked
      throw new OstrakaError('malformed', `${path}: not ${COORDINATE_DIMENSIONS} numbers`)
    },
  },
  heightUs: integer(0, MAX_COORDINATE_US),
  errorPermille: integer(1, 1000),
})

export const beaconCodec: Codec<Signed<Beacon>> = signedCodec(
  'beacon',
  2048,
  struct<Beacon>({
    sequence: integer(1),
    timeMs,
    location: locationSchema,
    sealingKey: publicKey32,
    software: textUpTo(64),
    measurements: optional(list(hash32, MAX_BEACON_MEASUREMENTS)),
    height: integer(0),
    load: struct({
      cpu: real(0, 1024),
      memoryBytes: integer(0),
      operations: integer(0),
      linkMbps: real(0, MAX_MBPS),
      trafficMbps: real(0, MAX_MBPS),
    }),
    coordinate,
  }),
)

const skeleton: Signed<Beacon> = {
  value: {
    sequence: 1_800_000_000_000_000,
    timeMs: 1_800_000_000_000,
    location: { region: 'eu-west', latitude: 0.5, longitude: 0.5 },
    sealingKey: new Uint8Array(32),
    software: 'ostraka/0.1.0',
    measurements: [new Uint8Array(32)],
    height: 70_000,
    load: { cpu: 0.001, memoryBytes: 180_000_000, operations: 0, linkMbps: 1000, trafficMbps: 0.001 },
    coordinate: { positionUs: [256, 256, 256], heightUs: 256, errorPermille: 256 },
  },
  signer: new Uint8Array(32),
  signature: new Uint8Array(64),
}

/**
 * A beacon's canonical bytes with nothing particular in them: the dictionary by which gossip travels small
 * (`io/deflation.ts`). Both ends need the same one, so it is part of the protocol, and its bytes are a snapshot.
 */
export const beaconSkeleton: Uint8Array = canonicalBytes(skeleton)

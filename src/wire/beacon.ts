import { OstrakaError } from '../base/index.ts'
import { type Signed, signedCodec } from './common.ts'
import {
  type Codec,
  canonicalBytes,
  fixedBytes,
  integer,
  list,
  optional,
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

/** A load as beacons carry it: in whole numbers, to be small. */
export interface BeaconLoad {
  /** `cpu` in thousandths of a core. */
  readonly cpuPermille: number
  readonly memoryMiB: number
  readonly operations: number
  readonly linkKbps: number
  readonly trafficKbps: number
}

/** A terabit a second: no link is faster, and what would be is a mistake. */
const MAX_KBPS = 1_000_000_000
const MAX_CPU_PERMILLE = 1_024_000
/** A pebibyte. */
const MAX_MEMORY_MIB = 2 ** 30

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

/**
 * What a beacon has of what the control log has in full: the first bytes of its hash. They say that the signer stands by it;
 * what it is, is read in the log. Only the signer itself gains or loses by another record of the same digest.
 */
export const BEACON_DIGEST_BYTES = 8

/** What a node says of itself every interval. The signer is the node. */
export interface Beacon {
  /**
   * Strictly increasing for one node, over restarts too: its clock's milliseconds times SEQUENCES_PER_MS, and a salt of the
   * process below that.
   */
  readonly sequence: number
  /** Of location and sealing key, as the control log has them (`trust/beacons.ts`). */
  readonly member: Uint8Array
  /** Software name and version. */
  readonly software: string
  /** The beginnings of the measurements that the node attests, the program's first; absent while it attests nothing. */
  readonly measurements?: readonly Uint8Array[]
  /** The control-log height that the node has applied. */
  readonly height: number
  readonly load: BeaconLoad
  readonly coordinate: BeaconCoordinate
}

/** The salt keeps a node whose clock was set back from repeating a sequence by chance, which would be taken for a lie. */
export const SEQUENCES_PER_MS = 1000

/** A program and the platform under it. */
const MAX_BEACON_MEASUREMENTS = 2

const digest: Schema<Uint8Array> = fixedBytes(BEACON_DIGEST_BYTES)

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

/** The cap for a signed beacon. */
export const MAX_BEACON_BYTES = 2048

export const beaconCodec: Codec<Signed<Beacon>> = signedCodec(
  'beacon',
  MAX_BEACON_BYTES,
  struct<Beacon>({
    sequence: integer(1),
    member: digest,
    software: textUpTo(64),
    measurements: optional(list(digest, MAX_BEACON_MEASUREMENTS)),
    height: integer(0),
    load: struct<BeaconLoad>({
      cpuPermille: integer(0, MAX_CPU_PERMILLE),
      memoryMiB: integer(0, MAX_MEMORY_MIB),
      operations: integer(0),
      linkKbps: integer(0, MAX_KBPS),
      trafficKbps: integer(0, MAX_KBPS),
    }),
    coordinate,
  }),
)

const skeleton: Signed<Beacon> = {
  value: {
    sequence: 1_800_000_000_000_000,
    member: new Uint8Array(BEACON_DIGEST_BYTES),
    software: 'ostraka/0.1.0',
    measurements: [new Uint8Array(BEACON_DIGEST_BYTES)],
    height: 70_000,
    load: { cpuPermille: 24, memoryMiB: 180, operations: 0, linkKbps: 1_000_000, trafficKbps: 256 },
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

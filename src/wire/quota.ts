import { integer, type Schema, struct } from './schema.ts'

/** How much one principal that may create keys can have, and have done. */
export interface Quota {
  /** Versions of its keys that are not destroyed, those that are being made included. */
  readonly versions: number
  /** Ceremonies that run at once by its wish. */
  readonly ceremonies: number
  /** Creations that wait in the log until one of those ends. */
  readonly queued: number
  /** Bytes of control log: its own transactions, and what dealers and holders say in its ceremonies. */
  readonly logBytesPerHour: number
}

/**
 * A version is some kilobytes at every node. Sixteen ceremonies keep a network of five busy, and leave room for others'.
 * 64 MiB an hour are about ten thousand creations.
 */
export const DEFAULT_QUOTA: Quota = {
  versions: 10_000,
  ceremonies: 16,
  queued: 256,
  logBytesPerHour: 64 * 1024 * 1024,
}

export const quotaSchema: Schema<Quota> = struct<Quota>({
  versions: integer(0, 10_000_000),
  ceremonies: integer(1, 64),
  queued: integer(0, 1024),
  logBytesPerHour: integer(0, 2 ** 40),
})

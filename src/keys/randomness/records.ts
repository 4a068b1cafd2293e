import type { LedgerReader } from '../../control/index.ts'
import { type Element, type RandomnessPartial, ristretto255 } from '../../crypto/index.ts'
import type { RandomnessDraw } from '../../wire/index.ts'
import { NETWORK_KEY } from '../network-key.ts'
import { paths } from '../paths.ts'
import type { KeyRecord, VersionRecord } from '../records.ts'
import { versionOf } from '../version-rules.ts'

/** What holders have said of one epoch, and what each was checked against: enough for anyone to check it again. */
export interface Draws {
  readonly version: number
  readonly generation: number
  /** Feldman commitments of that share set: as many as partials are needed. The first is the public key. */
  readonly commitments: readonly Uint8Array[]
  /** Each found right when it was taken; ascending by slot. */
  readonly partials: readonly RandomnessDraw[]
}

/** Of an epoch that has yet to open. */
export interface CollectingRecord {
  readonly stage: 'collecting'
  readonly epoch: number
  readonly draws: Draws
}

/**
 * r_epoch: made by the network's key; or, when too few partials came in time, from the one before; or, while there is no
 * key yet, the hash of the certificate in the block that opened the epoch.
 */
export type SettledRecord = {
  readonly stage: 'settled'
  readonly epoch: number
  readonly value: Uint8Array
  /** The block that opened the epoch. */
  readonly height: number
} & (
  | { readonly source: 'key'; readonly draws: Draws }
  | { readonly source: 'fallback'; readonly previous: Uint8Array }
  | { readonly source: 'certificate' }
)

export type RandomnessRecord = CollectingRecord | SettledRecord

export function randomnessOf(ledger: LedgerReader, epoch: number): RandomnessRecord | undefined {
  return ledger.get<RandomnessRecord>(paths.randomness(epoch))
}

/** What the ledger keeps of past epochs and the present one, ascending. */
export function settledRandomness(ledger: LedgerReader): SettledRecord[] {
  return ledger
    .list<RandomnessRecord>(paths.randomnesses)
    .flatMap(({ value }) => (value.stage === 'settled' ? [value] : []))
}

/** The version of the network's key that serves; undefined until it has one. */
export function networkVersion(ledger: LedgerReader): VersionRecord | undefined {
  const key = ledger.get<KeyRecord>(paths.key(NETWORK_KEY))
  return key && versionOf(ledger, key.keyId, key.activeVersion)
}

/** The ledger's records do not change: those of a share set are decoded once, for all parts that are looked at. */
const decoded = new WeakMap<readonly Uint8Array[], readonly Element[]>()

export function decodeCommitments(commitments: readonly Uint8Array[]): readonly Element[] {
  let elements = decoded.get(commitments)
  if (elements === undefined) {
    elements = commitments.map(bytes => ristretto255.decode(bytes))
    decoded.set(commitments, elements)
  }
  return elements
}

/** Errors: `malformed` for an element that is none. */
export function decodeDraw({ slot, element, proof }: RandomnessDraw): RandomnessPartial {
  return { slot, element: ristretto255.decode(element), proof }
}

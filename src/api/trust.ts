import type { Checkpoint } from '../control/index.ts'
import type { VersionState } from '../wire/index.ts'

/** What a client goes by, so that it need not take the word of the daemon that it asks. */
export interface Trust {
  /** From the genesis, or from an earlier visit: a later one also bounds how far back a daemon can lie. */
  readonly checkpoint: Checkpoint
  /** The network's epoch: an idle network certifies its state once in so long. */
  readonly epochMs: number
  /** Hears of each newer checkpoint. */
  onCheckpoint?(checkpoint: Checkpoint): void
}

/** Of which certified state a result is. */
export interface Verified {
  readonly networkId: string
  /** The block whose header carries the state's root. */
  readonly height: number
  /** That block's time, ISO 8601. */
  readonly time: string
}

/** A version of a key as the certified state has it. */
export interface ProvenKey {
  readonly name: string
  readonly keyId: Uint8Array
  readonly kind: string
  readonly version: number
  readonly state: VersionState
  readonly generation: number
  readonly threshold: number
  readonly publicKey: Uint8Array
  /** Feldman commitments A_0 … A_{t-1}. */
  readonly commitments: readonly Uint8Array[]
  readonly verified: Verified
}

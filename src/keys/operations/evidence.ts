import type { PeerId } from '../../base/index.ts'
import type { KeyKind } from '../../wire/index.ts'
import type { VersionRecord } from '../records.ts'

/** A claim that `holder` sent a wrong partial. `version` must be the named version of the key that the request names. */
export interface BadPartialClaim {
  readonly networkId: Uint8Array
  readonly version: VersionRecord
  readonly kind: KeyKind
  readonly holder: PeerId
  /** Canonical `partial-request` and `partial` bytes. */
  readonly request: Uint8Array
  readonly partial: Uint8Array
}

/** True when the holder is guilty. Never throws. */
export function judgeBadPartial(_claim: BadPartialClaim): boolean {
  return false
}

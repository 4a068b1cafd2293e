import { concat, utf8 } from '../../base/index.ts'
import { canonicalBytes } from '../../wire/index.ts'

/** What an exported share is bound to, beside its slot. */
export interface ExportContext {
  readonly networkId: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly generation: number
  readonly proposal: Uint8Array
}

/** Nothing is authenticated beside the info string, which holds all that a share is bound to. */
export const NO_AAD: Uint8Array = new Uint8Array(0)

/** The info string (RFC 9180 section 5.1) under which one slot's share is sealed to the one-time key. */
export function exportInfo(context: ExportContext, slot: number): Uint8Array {
  const { networkId, keyId, version, generation, proposal } = context
  const bound = canonicalBytes({ networkId, keyId, version, generation, proposal, slot })
  return concat(utf8('ostraka/1/export\0'), bound)
}

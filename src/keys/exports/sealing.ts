import { canonicalBytes } from '../../wire/index.ts'

/** What an exported share is bound to, beside its slot. */
export interface ExportContext {
  readonly networkId: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly generation: number
  readonly proposal: Uint8Array
}

/** The occasion on which one holder seals all its shares to the one-time key: its encapsulation's proof is bound to it. */
export function exportOccasion(
  { networkId, proposal }: Pick<ExportContext, 'networkId' | 'proposal'>,
  holder: Uint8Array,
): Uint8Array {
  return canonicalBytes({ purpose: 'export', networkId, proposal, holder })
}

/** What the key of one slot's share is bound to beside that. */
export function exportInfo({ keyId, version, generation }: ExportContext, slot: number): Uint8Array {
  return canonicalBytes({ keyId, version, generation, slot })
}

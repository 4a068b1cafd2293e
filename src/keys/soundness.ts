import { toHex } from '../base/index.ts'
import type { LedgerReader } from '../control/index.ts'
import { groupByName, sha256, verifyDealing, verifyingShare } from '../crypto/index.ts'
import { canonicalBytes, type Deal } from '../wire/index.ts'
import { dealingContext } from './context.ts'
import { provenEncapsulation } from './encapsulations.ts'
import { suiteOf } from './kinds.ts'
import type { CeremonyRecord } from './records.ts'
import { activeVersionOf } from './version-rules.ts'

/**
 * Whether the public half of a dealing is what it must be: its encapsulation proven to be this dealer's here, its constant
 * proven to be known; a handed-on share must be the one the dealer holds.
 */
export function isSoundDealing(
  ledger: LedgerReader & { readonly networkId: Uint8Array },
  ceremony: CeremonyRecord,
  { commitments, possession, encapsulation, fromSlot }: Deal,
  dealer: Uint8Array,
): boolean {
  const { kind, threshold } = ceremony
  const context = dealingContext(ledger.networkId, ceremony, { dealer, fromSlot })
  const base = fromSlot === 0 ? null : activeVersionOf(ledger, ceremony).commitments
  if (provenEncapsulation(context, encapsulation) === undefined) return false
  const name = nameOf({ kind, threshold, context, base, commitments, possession })
  if (sound.has(name)) return true
  const group = groupByName(suiteOf(kind).group)
  try {
    const constant =
      base === null
        ? undefined
        : verifyingShare(
            group,
            base.map(bytes => group.decode(bytes)),
            fromSlot,
          )
    verifyDealing(group, threshold, commitments, context, possession, constant)
  } catch {
    return false
  }
  remember(name)
  return true
}

/**
 * Dealings that were found sound lately: each is looked at when it comes, in the block that is proposed, and when that block
 * is applied, and to look takes milliseconds.
 */
const sound = new Set<string>()

/** Four ceremonies of as many dealers as there may be. */
const MAX_SOUND = 256

/** All that the verdict depends on. */
function nameOf(claim: unknown): string {
  return toHex(sha256(canonicalBytes(claim)))
}

function remember(name: string): void {
  sound.add(name)
  if (sound.size > MAX_SOUND) sound.delete(sound.keys().next().value!)
}

import type { PeerId, Rng, Secret } from '../../base/index.ts'
import type { LedgerReader } from '../../control/index.ts'
import { drawPartial } from '../../crypto/index.ts'
import type { Randomness, RandomnessDraw } from '../../wire/index.ts'
import type { VersionRecord } from '../records.ts'
import { slotsOf } from '../slots.ts'
import { vaultPaths } from '../vault.ts'
import { decodeCommitments, randomnessOf } from './records.ts'

/** What a node draws with. */
export interface Drawer {
  readonly peerId: PeerId
  /** Its shares, by their path in the vault. */
  readonly shares: ReadonlyMap<string, Secret>
  readonly ledger: LedgerReader
}

/**
 * What this node owes to `epoch`'s randomness under `version` of the network's key; undefined when it holds nothing of it,
 * has not recovered its shares, or has been heard.
 */
export function draw(
  { peerId, shares, ledger }: Drawer,
  epoch: number,
  version: VersionRecord,
  rng: Rng,
): Randomness | undefined {
  const record = randomnessOf(ledger, epoch)
  const heard = record?.stage === 'collecting' ? record.draws : undefined
  const { keyId, generation } = version
  const commitments = decodeCommitments(version.commitments)
  const partials: RandomnessDraw[] = []
  for (const { slot } of slotsOf(version.slots, peerId).sort((a, b) => a.slot - b.slot)) {
    const isHeard = heard?.generation === generation && heard.partials.some(known => known.slot === slot)
    const share = shares.get(vaultPaths.share(keyId, version.version, generation, slot))
    if (isHeard || share === undefined) continue
    const partial = drawPartial(epoch, slot, share, commitments, rng)
    if (partial === undefined) continue
    partials.push({ slot, element: partial.element.bytes, proof: partial.proof })
  }
  if (partials.length === 0) return undefined
  return { type: 'randomness', epoch, version: version.version, generation, partials }
}

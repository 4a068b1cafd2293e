import { equalBytes, peerIdOf, toHex } from '../base/index.ts'
import type { LedgerReader } from '../control/index.ts'
import { verifySigned } from '../crypto/index.ts'
import { type SealedDealing, type Signed, sealedDealingCodec } from '../wire/index.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, DealRecord } from './records.ts'
import { hashOfDealing } from './sealed-records.ts'
import { versionOf } from './version-rules.ts'

/** What a record says of itself. */
export interface RecordClaim {
  readonly hash: Uint8Array
  /** The place that it takes: a dealer deals once in a ceremony for each slot. */
  readonly place: string
  readonly dealing: Signed<SealedDealing>
}

/** Undefined when the bytes are no sealed dealing. Its signature is not looked at. */
export function claimOf(record: Uint8Array): RecordClaim | undefined {
  try {
    return claimOfDealing(sealedDealingCodec.decode(record))
  } catch {
    return undefined
  }
}

export function claimOfDealing(dealing: Signed<SealedDealing>): RecordClaim {
  const { value, signer } = dealing
  const place = `${toHex(value.ceremony)}/${peerIdOf(signer)}/${value.fromSlot}`
  return { hash: hashOfDealing(dealing), place, dealing }
}

export function isSigned(networkId: Uint8Array, { dealing }: RecordClaim): boolean {
  return verifySigned('sealed-dealing', networkId, dealing)
}

/**
 * What the log has to do with a record. `pinned`: an open ceremony's `deal` or a version names its hash. `expected`: an open
 * ceremony waits for this dealer's `deal`. `unknown`: this ledger has not got the ceremony; it may be behind. `over`: nothing
 * will ever need it.
 */
export type RecordStanding = 'pinned' | 'expected' | 'unknown' | 'over'

export function recordStanding(ledger: LedgerReader, { hash, dealing }: RecordClaim): RecordStanding {
  const { ceremony: id, keyId, version: number, fromSlot } = dealing.value
  const ceremony = ledger.get<CeremonyRecord>(paths.ceremony(id))
  if (ceremony !== undefined) {
    // the hash does not cover them, and the version's records are found by them once the ceremony is over
    if (!equalBytes(ceremony.keyId, keyId) || ceremony.version !== number) return 'over'
    const place = ceremony.dealers.findIndex(
      each => each.fromSlot === fromSlot && equalBytes(each.dealer, dealing.signer),
    )
    if (place < 0) return 'over'
    if (!ceremony.dealt.includes(place)) return ceremony.stage === 'dealing' ? 'expected' : 'over'
    const deal = ledger.get<DealRecord>(paths.deal(id, place))
    return deal !== undefined && equalBytes(deal.recordHash, hash) ? 'pinned' : 'over'
  }
  const version = versionOf(ledger, keyId, number)
  if (version === undefined) return 'unknown'
  if (version.state === 'destroyed') return 'over'
  if (version.dealings.some(({ recordHash }) => equalBytes(recordHash, hash))) return 'pinned'
  return equalBytes(version.ceremony, id) ? 'over' : 'unknown'
}

/** What a keeper of records asks of its node. */
export interface RecordJudge {
  /** Undefined when the bytes are no sealed dealing, or its signature is false. */
  read(record: Uint8Array): RecordClaim | undefined
  /** The same of a record whose signature was checked before. */
  claim(record: Uint8Array): RecordClaim | undefined
  standing(claim: RecordClaim): RecordStanding
  /** True while this ledger comes a second time, and has not yet got what it once had. */
  isBehind(): boolean
}

export function recordJudge(
  networkId: Uint8Array,
  ledger: () => LedgerReader,
  isBehind: () => boolean,
): RecordJudge {
  return {
    read(record) {
      const claim = claimOf(record)
      return claim !== undefined && isSigned(networkId, claim) ? claim : undefined
    },
    claim: claimOf,
    standing: claim => recordStanding(ledger(), claim),
    isBehind,
  }
}

import { type PeerId, type Rng, toHex } from '../base/index.ts'
import type { LedgerReader } from '../control/index.ts'
import { type SealingKeyPair, type SigningKey, sealingKeyFromSecret } from '../crypto/index.ts'
import type { ClosedCeremony, Complain, Effect, Token } from '../wire/index.ts'
import { type MadeDealing, ownDealingCodec } from './dealer.ts'
import { EarlyRecords } from './early-records.ts'
import type { Need, Shelf } from './receiving.ts'
import type { CeremonyRecord, DealRecord } from './records.ts'
import { REPUBLISHED_KEY, type RecordWalk, republishedCodec } from './republishing.ts'
import { SecretMap } from './secret-map.ts'
import { SeenDeals } from './seen-deals.ts'
import type { Vault } from './vault.ts'

/** What a node brings to its ceremonies; constant while it runs. */
export interface CeremonyWorld {
  readonly networkId: Uint8Array
  readonly identity: SigningKey
  readonly peerId: PeerId
  /** The sealing keys that the node was made with; later ones live in the vault. */
  readonly sealingKeys: SealingKeyPair
  readonly vault: Vault
  /** The ledger as of the last applied block. */
  ledger(): LedgerReader
  /**
   * Up to this height a ceremony that the ledger has as open may be over, and what this node dealt in it forgotten: after a
   * loss, blocks come a second time.
   */
  replayedHeight(): number
  /** The agreed time for acknowledging, and the age at which shares and sealing keys are renewed. */
  readonly acknowledgeMs: number
  readonly refreshMs: number
  /** When the network was made. */
  readonly createdMs: number
}

export interface CeremonyState extends Shelf {
  readonly world: CeremonyWorld
  /** Ceremonies that were open when we last looked, by id. */
  readonly tracked: Map<string, CeremonyRecord>
  /** This node's own dealings of open ceremonies, by ceremony and slot: never dealt anew, only sent again. */
  readonly dealings: Map<string, MadeDealing>
  /** The deals that the ledger had of each tracked ceremony: it drops them when the ceremony ends. */
  readonly agreedDeals: Map<string, readonly DealRecord[]>
  /** What dealers have said, taken by the ledger or not. */
  readonly seenDeals: SeenDeals
  /** Own dealings that were submitted since the start. */
  readonly submitted: Set<string>
  /** This node's complaints in open ceremonies, by ceremony: what no block takes in time becomes evidence. */
  readonly complaints: Map<string, Complain[]>
  /** What the digests of ceremonies that closed lately hash, by ceremony. */
  readonly closed: Map<string, ClosedCeremony>
  /** The dealings that our last acknowledgement of a ceremony named, as text. */
  readonly acknowledged: Map<string, string>
  /** Records that are wanted, by hash. */
  readonly needs: Map<string, Need & { attempts: number }>
  /** Records that came before the ledger said that they are needed. */
  readonly early: EarlyRecords
  /** Requests of peers that wait for our disk. */
  readonly serving: Map<Token, Token>
  /** This node's sealing key pairs, by public key. */
  readonly sealing: Map<string, SealingKeyPair>
  /** Versions of which this node should hold shares and does not (yet): how many, by the version's path. */
  readonly lacking: Map<string, number>
  /** The look at all versions that goes on: where it is, and the dealings whose shares no version has claimed so far. */
  scan: { after: string; readonly unclaimed: Set<string> } | undefined
  /** The search for unused sealing keys that goes on: where it is, and the keys that no version has used so far. */
  erasure: { after: string; readonly unused: Set<string> } | undefined
  /** The one that is announced and not yet in the ledger, and what it is announced as. */
  pendingSealing: { readonly publicKey: string; readonly revision: number } | undefined
  /** When all records were last put into the DHT again; undefined for a new node. */
  republishedMs: number | undefined
  walk: RecordWalk | undefined
}

/** One step's work: what it reads, and where its effects go. */
export interface Work {
  readonly state: CeremonyState
  readonly nowMs: number
  readonly rng: Rng
  readonly effects: Effect[]
  readonly ledger: LedgerReader
}

export function dealingName(ceremony: Uint8Array, fromSlot: number): string {
  return `${toHex(ceremony)}/${fromSlot}`
}

/** Restores what this node had on its disk under `keys/`. Errors: `storage_corrupt`. */
export function recoverCeremonies(
  world: CeremonyWorld,
  entries: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>,
): CeremonyState {
  const { vault } = world
  const state: CeremonyState = {
    world,
    shares: new SecretMap(),
    subshares: new SecretMap(),
    lacking: new Map(),
    scan: undefined,
    erasure: undefined,
    complained: new Set(),
    tracked: new Map(),
    dealings: new Map(),
    agreedDeals: new Map(),
    seenDeals: new SeenDeals(),
    submitted: new Set(),
    complaints: new Map(),
    closed: new Map(),
    acknowledged: new Map(),
    needs: new Map(),
    early: new EarlyRecords(),
    serving: new Map(),
    sealing: new Map([[toHex(world.sealingKeys.publicKey.bytes), world.sealingKeys]]),
    pendingSealing: undefined,
    republishedMs: undefined,
    walk: undefined,
  }
  for (const { key, value } of entries) {
    if (key.startsWith('keys/share/')) state.shares.set(key, vault.unlock(key, value))
    else if (key.startsWith('keys/subshare/')) state.subshares.set(key, vault.unlock(key, value))
    else if (key.startsWith('keys/sealing/')) {
      const pair = sealingKeyFromSecret(vault.unlock(key, value))
      state.sealing.set(toHex(pair.publicKey.bytes), pair)
    } else if (key.startsWith('keys/dealing/')) {
      const made = ownDealingCodec.decode(value)
      state.dealings.set(dealingName(made.deal.ceremony, made.deal.fromSlot), made)
    } else if (key === REPUBLISHED_KEY) state.republishedMs = republishedCodec.decode(value)
  }
  return state
}

import type { AuditLog } from '../audit/index.ts'
import { type PeerId, peerIdOf, type Secret } from '../base/index.ts'
import {
  approvalHandlers,
  attestationRule,
  expireProposal,
  type LedgerReader,
  type LedgerState,
  type LogOptions,
  type LogState,
  type MemberRecord,
  memberPath,
  type Reducer,
  recoverLog,
  removalRule,
  viewLog,
} from '../control/index.ts'
import type { SealingKeyPair, SigningKey } from '../crypto/index.ts'
import {
  type AnsweredExports,
  acknowledge,
  announceSealingKey,
  auditResetRule,
  type CeremonyState,
  changeKey,
  complain,
  createExports,
  createGateway,
  createHolder,
  createKey,
  deal,
  destroyRule,
  type ExportAuthority,
  type ExportState,
  endDestruction,
  endRetention,
  exportRule,
  forgetClosed,
  forgetReplaced,
  forgetRetired,
  type GatewayState,
  type HolderState,
  type KeyDirectory,
  type KeyRecord,
  keepNetworkKey,
  keyPaths,
  openCreations,
  openHandoffs,
  queueRefresh,
  recordCheckpoint,
  recoverCeremonies,
  refreshExported,
  reportEvidence,
  requeueHandoff,
  requireExportable,
  requireInUse,
  resetAudit,
  retireVersion,
  setPolicy,
  settleCeremony,
  settleRandomness,
  sweepVersions,
  takeRandomness,
  Vault,
  type VersionRecord,
  vaultPaths,
} from '../keys/index.ts'
import {
  type Attestor,
  agreedTrust,
  atSendersRisk,
  type BeaconState,
  beaconCoordinate,
  beaconLoad,
  type Coordinate,
  createBeacons,
  createObservations,
  createPlans,
  memberDigest,
  type ObservationState,
  ORIGIN,
  type PlanState,
  type RoundTrips,
  removeConvicted,
  rollNonces,
  settleTrust,
  takeAttestation,
  takeReport,
} from '../trust/index.ts'
import {
  BEACON_DIGEST_BYTES,
  type Beacon,
  DEFAULT_REFRESH_MS,
  type Genesis,
  type MeasuredLoad,
  type OperationRequest,
  type Signed,
  type Token,
} from '../wire/index.ts'
import { type Attesting, createAttesting } from './attesting.ts'
import { type Auditing, createAuditing } from './auditing.ts'
import { Budgets } from './budgets.ts'
import { plannedFor } from './planning.ts'
import { WorkQueue } from './work.ts'
import type { Job } from './working.ts'

/** What one node is made of, besides the ports. */
export interface NodeOptions {
  readonly genesis: Genesis
  readonly identity: SigningKey
  readonly sealingKeys: SealingKeyPair
  /** 32 bytes under which shares lie on this node's disk. */
  readonly storageKey: Secret
  /** Name and version for the beacons. */
  readonly software: string
  /** How this node attests what runs on it; absent, not at all. */
  readonly attestationMethod?: Attestor['method']
  /** How often a beacon is published and some peers are pinged; 5 s where epochs are not shorter. */
  readonly beaconIntervalMs: number
  /** An operator's word: after its database was lost, vote again although a forgotten vote may convict it. */
  readonly acceptsVoteRisk?: boolean
}

/** The whole node between two events. `stepNode` consumes it. */
export interface NodeState {
  readonly options: NodeOptions
  readonly networkId: Uint8Array
  readonly peerId: PeerId
  log: LogState
  ledger: LedgerState
  ceremonies: CeremonyState
  gateway: GatewayState
  readonly holder: HolderState
  /** Exports that clients are collecting here, and how often this node has answered others'. */
  exports: ExportState
  readonly answeredExports: AnsweredExports
  /** Steps of exceptional acts seen since the start, by type. */
  readonly notices: Map<string, number>
  readonly beacons: BeaconState
  readonly roundTrips: RoundTrips
  readonly observations: ObservationState
  readonly plans: PlanState
  /** This node's own network coordinate. */
  coordinate: Coordinate
  readonly auditing: Auditing
  readonly attesting: Attesting
  /** Clients' operations under way, for the audit log. */
  readonly operations: Map<Token, Signed<OperationRequest>>
  readonly connected: Set<PeerId>
  /** What peers cost, and may. */
  readonly budgets: Budgets
  /** What peers have asked for and that waits for its turn. */
  readonly work: WorkQueue<Job>
  /** Whose turn it is to be pinged: it grows with every beat. */
  pingTurn: number
  /** Operations answered as holder since the last beacon. */
  served: number
  /** For which epoch, and with which share set, this node has last said its parts of the network's randomness. */
  drawn: string
  /** Transactions this node has submitted for itself, for unique tokens. */
  submissions: number
}

/** Every control decision there is, and who decides it. */
export const REDUCER: Reducer = {
  transactions: {
    'create-key': createKey,
    'change-key': changeKey,
    'retire-version': retireVersion,
    'announce-sealing-key': announceSealingKey,
    deal,
    acknowledge,
    complain,
    'set-policy': setPolicy,
    'report-evidence': atSendersRisk(reportEvidence),
    report: takeReport,
    attest: takeAttestation,
    'audit-checkpoint': recordCheckpoint,
    ...approvalHandlers({
      'export-key': exportRule,
      'remove-member': removalRule,
      'set-attestation': attestationRule,
      'reset-audit': auditResetRule,
      'destroy-version': destroyRule,
    }),
    'reset-audit': resetAudit,
    randomness: takeRandomness,
  },
  deadlines: {
    ceremony: settleCeremony,
    retention: endRetention,
    destruction: endDestruction,
    replaced: forgetReplaced,
    closed: forgetClosed,
    proposal: expireProposal,
    refresh: queueRefresh,
    exported: refreshExported,
    queued: requeueHandoff,
  },
  atBlock: [rollNonces, forgetRetired, keepNetworkKey],
  atEnd: [removeConvicted, settleTrust, settleRandomness, openCreations, sweepVersions, openHandoffs],
}

/** The store's entries that a node wants to see when it starts. */
export type Entries = ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>

/** The control log from the store's entries under LOG_PREFIXES. Errors: `storage_corrupt`. */
export function recoverControl(options: NodeOptions, entries: Entries): LogState {
  return recoverLog(optionsOfLog(options), entries)
}

export function optionsOfLog({ genesis, identity, acceptsVoteRisk = false }: NodeOptions): LogOptions {
  return { genesis, key: identity, reducer: REDUCER, acceptsVoteRisk }
}

/**
 * Restores a node from what its disk held: its control log, the entries under `keys/`, and its audit log.
 * Errors: `storage_corrupt`.
 */
export function recoverNode(
  options: NodeOptions & { readonly startCounter: number },
  log: LogState,
  keyEntries: Entries,
  audit: AuditLog,
  nowMs: number,
): NodeState {
  const { genesis, identity, sealingKeys, startCounter } = options
  const ledger = viewLog(log, nowMs).state
  const { networkId } = ledger
  const peerId = peerIdOf(identity.publicKey)
  // the worlds below read the ledger through the state that is being made
  const reader = (): LedgerReader => reading(state.ledger)
  const directory = keyDirectory(reader)
  const ceremonies = recoverCeremonies(
    {
      networkId,
      identity,
      peerId,
      sealingKeys,
      vault: new Vault(options.storageKey),
      replayedHeight: () => viewLog(state.log, nowMs).replayedHeight,
      acknowledgeMs: genesis.timing.acknowledgeMs,
      refreshMs: genesis.timing.refreshMs ?? DEFAULT_REFRESH_MS,
      createdMs: genesis.createdMs,
      ledger: reader,
    },
    keyEntries,
  )
  const share = (keyId: Uint8Array, version: number, generation: number, slot: number): Secret | undefined =>
    ceremonies.shares.get(vaultPaths.share(keyId, version, generation, slot))
  const plans = createPlans(networkId)
  const trust = (peer: PeerId): number => agreedTrust(reader(), peer)
  const plannedMs = (holder: PeerId): number | undefined =>
    plannedFor({ plans, peerId }, state.ledger, holder)
  const state: NodeState = {
    options,
    networkId,
    peerId,
    log,
    ledger,
    ceremonies,
    holder: createHolder({ ...directory, networkId, peerId, identity, startCounter, share }),
    gateway: createGateway({ ...directory, networkId, peerId, trust, plannedMs }),
    exports: createExports({ networkId, inUse: (id, nowMs) => exportInUse(state, id, nowMs) }),
    answeredExports: new Map(),
    notices: new Map(),
    beacons: createBeacons(networkId, options.beaconIntervalMs),
    roundTrips: new Map(),
    observations: createObservations(options.beaconIntervalMs),
    plans,
    coordinate: ORIGIN,
    auditing: createAuditing(audit),
    attesting: createAttesting(options.attestationMethod),
    operations: new Map(),
    connected: new Set(),
    budgets: new Budgets(),
    work: new WorkQueue(trust),
    pingTurn: 0,
    served: 0,
    drawn: '',
    submissions: 0,
  }
  return state
}

/** What this node gives shares away on: its own ledger, and the operators that its genesis names. */
export function exportAuthority({ options, ledger }: NodeState): ExportAuthority {
  return { genesis: options.genesis, ledger: reading(ledger), blockTimeMs: ledger.chain.timeMs }
}

function exportInUse(
  state: NodeState,
  id: Uint8Array,
  nowMs: number,
): ReturnType<ExportState['world']['inUse']> {
  const authority = exportAuthority(state)
  const inUse = requireInUse(authority, state.networkId, id, nowMs)
  const { act, proposer } = inUse
  const version = requireExportable(authority.ledger, act, proposer, authority.blockTimeMs)
  return { export: inUse, version }
}

/** The records of a state, as keys/ reads them. */
export function reading(ledger: LedgerState): LedgerReader {
  return {
    get: path => ledger.records.get(path),
    list: prefix => [...ledger.records.entries(prefix)] as never,
    page: (prefix, after, limit) => ledger.records.page(prefix, after, limit),
  }
}

function keyDirectory(reader: () => LedgerReader): KeyDirectory {
  const keyByName = (name: string): KeyRecord | undefined => reader().get<KeyRecord>(keyPaths.key(name))
  return {
    keyByName,
    keyById(keyId) {
      const found = reader().get<{ readonly name: string }>(keyPaths.keyName(keyId))
      return found && keyByName(found.name)
    },
    version: (keyId, version) => reader().get<VersionRecord>(keyPaths.version(keyId, version)),
  }
}

export function memberOf(state: NodeState, peerId: PeerId): MemberRecord | undefined {
  return state.ledger.records.get<MemberRecord>(memberPath(peerId))
}

/** Whom this node speaks with, as far as its log tells: all that have been admitted and not removed. */
export function standingMembers(state: NodeState): MemberRecord[] {
  return [...state.ledger.records.entries<MemberRecord>('member/')]
    .map(entry => entry.value)
    .filter(member => member.state !== 'removed')
}

/** The body of this node's next beacon; undefined while it is no member, so that nobody would forward it. */
export function beaconBody(state: NodeState, load: MeasuredLoad): Omit<Beacon, 'sequence'> | undefined {
  const self = memberOf(state, state.peerId)
  if (self === undefined || self.state === 'removed') return undefined
  const { software } = state.options
  const height = state.ledger.chain.height
  const coordinate = beaconCoordinate(state.coordinate)
  const measurements = state.attesting.measurements.map(each => each.subarray(0, BEACON_DIGEST_BYTES))
  const measured = measurements.length === 0 ? {} : { measurements }
  return {
    ...measured,
    member: memberDigest(self),
    software,
    height,
    load: beaconLoad({ ...load, operations: state.served }),
    coordinate,
  }
}

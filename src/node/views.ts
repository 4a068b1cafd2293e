import { formatNote } from '../audit/index.ts'
import { equalBytes, fromHex, peerIdOf, toHex } from '../base/index.ts'
import {
  attestationStanding,
  type CreatorRecord,
  coordinatorOf,
  isOperator,
  type MemberRecord,
  mayCreate,
  quotaOf,
  usageOf,
  viewLog,
} from '../control/index.ts'
import {
  type AuditLosses,
  type AuditRecord,
  type CeremonyRecord,
  type ConvictionRecord,
  type FailuresRecord,
  type KeyRecord,
  keyPaths,
  type VersionRecord,
} from '../keys/index.ts'
import { loadOf, medianRoundTrip, NOTABLE_OFFSET_MS, othersOffsetMs, peerOffsetMs } from '../trust/index.ts'
import { pendingApprovals } from './approvals.ts'
import { attestationWarnings } from './attesting.ts'
import type {
  AuditCheckpointView,
  AuditLossView,
  ConvictionView,
  CreatorView,
  ImportPlan,
  KeyView,
  MembershipView,
  MemberView,
  PeerView,
  StatusView,
} from './port.ts'
import { memberOf, type NodeState, reading, standingMembers } from './state.ts'

function members(state: NodeState): MemberRecord[] {
  return reading(state.ledger)
    .list<MemberRecord>('member/')
    .map(entry => entry.value)
}

function memberView(state: NodeState, member: MemberRecord): MemberView {
  const { peerId, location, weight, state: standing } = member
  const isConvicted = reading(state.ledger).get(keyPaths.conviction(peerId)) !== undefined
  const link = peerId === state.peerId ? 'self' : state.connected.has(peerId) ? 'connected' : 'unreachable'
  return {
    peerId,
    region: location.region,
    state: isConvicted ? 'convicted' : standing === 'active' ? link : standing,
    trust: isConvicted ? 0 : weight,
    roundTripMs: medianRoundTrip(state.roundTrips, peerId),
    attestation: attestationStanding(reading(state.ledger), peerId),
  }
}

export function membershipViews(state: NodeState): MembershipView[] {
  const voting = new Set(state.ledger.validators.map(({ peerId }) => peerId))
  return members(state).map(
    ({ peerId, location, state: standing, weight, joinedHeight, addresses = [] }) => ({
      peerId,
      region: location.region,
      state: standing,
      isValidator: voting.has(peerId),
      trust: weight,
      joinedHeight,
      addresses,
      attestation: attestationStanding(reading(state.ledger), peerId),
    }),
  )
}

function convictions(state: NodeState): ConvictionView[] {
  return reading(state.ledger)
    .list<ConvictionRecord>('conviction/')
    .map(({ value: { peerId, reason, height } }) => ({ peerId, reason, height }))
}

export function auditCheckpoints(state: NodeState): AuditCheckpointView[] {
  return reading(state.ledger)
    .list<AuditRecord>('audit/')
    .map(({ value }) => {
      const { peerId, generation } = value
      return { ...value, note: formatNote(state.networkId, peerId, value, generation) }
    })
}

export function auditLossViews(state: NodeState): AuditLossView[] {
  return reading(state.ledger)
    .list<AuditLosses>('audit-losses/')
    .flatMap(({ value: { peerId, losses } }) =>
      losses.map((loss, generation) => ({ peerId, generation, ...loss })),
    )
}

export function statusView(state: NodeState): StatusView {
  const { chain, validators, genesis } = state.ledger
  return {
    networkId: toHex(state.networkId),
    name: genesis.name,
    peerId: state.peerId,
    software: state.options.software,
    height: chain.height,
    lowest: viewLog(state.log, 0).lowest,
    epoch: chain.epoch,
    coordinator: coordinatorOf(state.ledger).peerId,
    validators: validators.map(validator => validator.peerId),
    members: members(state).map(member => memberView(state, member)),
    convictions: convictions(state),
    clockOffsetMs: othersOffsetMs(state.beacons.clocks),
    warnings: [...attestationWarnings(state), ...clockWarnings(state)],
    approvals: pendingApprovals(state),
  }
}

export function peerViews(state: NodeState, nowMs: number): PeerView[] {
  return members(state).map(member => {
    const heard = state.beacons.heard.get(member.peerId)
    return {
      ...memberView(state, member),
      location: member.location,
      software: heard?.beacon.software ?? null,
      height: heard?.beacon.height ?? null,
      load: heard === undefined ? null : loadOf(heard.beacon.load),
      measurements: heard?.beacon.measurements?.map(toHex) ?? [],
      beaconAgeMs: heard === undefined ? null : nowMs - heard.heardMs,
      clockOffsetMs: peerOffsetMs(state.beacons.clocks, member.peerId),
    }
  })
}

const CREATOR = 'creator/'

export function creatorViews(state: NodeState): CreatorView[] {
  return reading(state.ledger)
    .list<CreatorRecord>(CREATOR)
    .map(({ path, value: { isAllowed, revision } }) => {
      const principal = fromHex(path.slice(CREATOR.length))
      const ledger = { ...reading(state.ledger), genesis: state.options.genesis }
      const { versions, queued } = usageOf(ledger, principal)
      return {
        principal,
        isAllowed,
        revision,
        quota: quotaOf(ledger, principal),
        usage: { versions, queued },
      }
    })
}

function stateOf(key: KeyRecord, active: VersionRecord | undefined): string {
  if (active === undefined) return 'creating'
  if (active.state !== 'active') return active.state
  return active.slots.length < key.shares ? 'degraded' : 'active'
}

function keyView(state: NodeState, key: KeyRecord): KeyView {
  const ledger = reading(state.ledger)
  const versions = ledger
    .list<VersionRecord>(`${keyPaths.version(key.keyId, 0).slice(0, -1)}`)
    .map(entry => entry.value)
    .sort((a, b) => a.version - b.version)
  const active = versions.find(version => version.version === key.activeVersion)
  return {
    name: key.name,
    kind: key.kind,
    keyId: toHex(key.keyId),
    version: key.activeVersion,
    publicKey: active?.publicKey ?? new Uint8Array(0),
    threshold: key.threshold,
    shares: key.shares,
    holders: active?.slots.map(({ slot, peerId }) => ({ slot, peerId })) ?? [],
    generation: active?.generation ?? 0,
    state: stateOf(key, active),
    isExportable: key.isExportable,
    entropy: key.entropy,
    owner: key.owner,
    rules: key.rules,
    isPublic: key.isPublic,
    policyRevision: key.policyRevision,
    versions: versions.map(version => ({
      version: version.version,
      state: version.state,
      revision: version.revision,
      retainUntilMs: version.retainUntilMs,
      destroyAtMs: version.destruction?.atMs ?? null,
      publicKey: version.publicKey,
      height: version.height,
      generation: version.generation,
      dealers: version.dealings.map(entry => peerIdOf(entry.dealer)),
      commitments: version.commitments,
    })),
  }
}

export function keyViewOf(state: NodeState, name: string): KeyView | undefined {
  const key = reading(state.ledger).get<KeyRecord>(keyPaths.key(name))
  return key && keyView(state, key)
}

/** At most `limit` keys by name, those after the name `after`. */
export function keyViews(state: NodeState, after: string, limit: number): KeyView[] {
  return reading(state.ledger)
    .page<KeyRecord>(keyPaths.allKeys, after === '' ? '' : keyPaths.key(after), limit)
    .map(entry => keyView(state, entry.value))
}

export function keyCount(state: NodeState): number {
  return state.ledger.records.count(keyPaths.allKeys)
}

function keyRecord(state: NodeState, name: string): KeyRecord | undefined {
  return reading(state.ledger).get<KeyRecord>(keyPaths.key(name))
}

export function isPublicKey(state: NodeState, name: string): boolean {
  return keyRecord(state, name)?.isPublic ?? false
}

/** A few look-ups, however many keys there are: every signed read asks this. */
export function mayRead(state: NodeState, principal: Uint8Array, keyName: string | undefined): boolean {
  const ledger = reading(state.ledger)
  if (isOperator(state.options.genesis, principal) || mayCreate(ledger, principal)) return true
  const member = memberOf(state, peerIdOf(principal))
  if (member !== undefined && member.state !== 'removed') return true
  const key = keyName === undefined ? undefined : keyRecord(state, keyName)
  if (key === undefined) return false
  return equalBytes(key.owner, principal) || key.rules.some(rule => equalBytes(rule.principal, principal))
}

/** Why a key's last ceremony failed; also of a creation, of which nothing else is left. */
export function failureOf(state: NodeState, name: string): string | undefined {
  const ledger = reading(state.ledger)
  const key = ledger.get<KeyRecord>(keyPaths.key(name))
  if (key === undefined) {
    const failures = ledger.get<FailuresRecord>(keyPaths.failures)
    return failures?.creations.find(creation => creation.name === name)?.reason
  }
  return key.ceremony.length === 0 && key.lastFailure !== '' ? key.lastFailure : undefined
}

/** True while a ceremony of this key is open. */
export function isInCeremony(state: NodeState, name: string): boolean {
  const key = reading(state.ledger).get<KeyRecord>(keyPaths.key(name))
  return key !== undefined && key.ceremony.length > 0
}

/** True while a creation waits in the log for others to end: its ceremony has an id, and is not open yet. */
export function isQueuedCreation(state: NodeState, name: string): boolean {
  const ledger = reading(state.ledger)
  const key = ledger.get<KeyRecord>(keyPaths.key(name))
  return (
    key !== undefined && key.ceremony.length > 0 && ledger.get(keyPaths.ceremony(key.ceremony)) === undefined
  )
}

export function importPlanOf(state: NodeState, name: string): ImportPlan | undefined {
  const ledger = reading(state.ledger)
  const key = ledger.get<KeyRecord>(keyPaths.key(name))
  const ceremony = key && ledger.get<CeremonyRecord>(keyPaths.ceremony(key.ceremony))
  if (ceremony === undefined || ceremony.purpose !== 'import' || ceremony.stage !== 'dealing')
    return undefined
  const { keyId, id, version, threshold, slots } = ceremony
  return { keyId, ceremony: id, version, threshold, recipients: slots }
}

/** Subjects whose deadline this program failed to handle, and that are tried again. */
export function failingDeadlines(state: NodeState): number {
  return reading(state.ledger).list('retry/').length
}

/** Slots of which this node should hold the share and does not (yet), of the versions that it has looked at since its start. */
export function missingShares({ ceremonies }: NodeState): number {
  return [...ceremonies.lacking.values()].reduce((sum, lacking) => sum + lacking, 0)
}

/** An idle log makes a block an epoch; several missing ones mean that something is wrong, though peers still answer. */
const EPOCHS_WITHOUT_BLOCK = 4
const GRACE_MS = 10_000

function secondsText(offsetMs: number): string {
  return `${(Math.abs(offsetMs) / 1000).toFixed(1)} s`
}

function ownClockText(offsetMs: number): string {
  const where = offsetMs > 0 ? 'behind' : 'ahead of'
  return `this node’s clock is ${secondsText(offsetMs)} ${where} the other members’: set it, and keep it by NTP`
}

/** Clocks that are wrong: this node's, by most of the others', else those of single others. */
function clockWarnings(state: NodeState): string[] {
  const { clocks } = state.beacons
  const own = othersOffsetMs(clocks) ?? 0
  if (Math.abs(own) >= NOTABLE_OFFSET_MS) return [ownClockText(own)]
  return members(state).flatMap(({ peerId }) => {
    const offsetMs = peerOffsetMs(clocks, peerId) ?? 0
    if (Math.abs(offsetMs) < NOTABLE_OFFSET_MS) return []
    return [`the clock of ${peerId} is ${secondsText(offsetMs)} ${offsetMs > 0 ? 'ahead' : 'behind'}`]
  })
}

/** Why this node cannot take control changes, although it may serve operations; empty when it can. */
export function shortcomingsOf(state: NodeState, nowMs: number): string[] {
  const { answering, needed, recovery, forgottenHeight } = viewLog(state.log, nowMs)
  const reasons: string[] = []
  if (recovery === 'abstaining') {
    reasons.push(`its database was lost: it does not vote before height ${forgottenHeight + 1}`)
  }
  if (answering < needed) {
    reasons.push(`no_quorum: ${answering} of ${needed} validators needed are heard of`)
  }
  const { chain, genesis } = state.ledger
  const offsetMs = othersOffsetMs(state.beacons.clocks) ?? 0
  if (Math.abs(offsetMs) >= NOTABLE_OFFSET_MS) reasons.push(ownClockText(offsetMs))
  // by the clock that most have: this node's own might make the log seem to stand still, or to go on
  const stillMs = nowMs + offsetMs - chain.timeMs
  if (stillMs > genesis.timing.epochMs * EPOCHS_WITHOUT_BLOCK + GRACE_MS) {
    reasons.push(`the control log has stood still for ${Math.round(stillMs / 1000)} s`)
  }
  return reasons
}

/** Why this node cannot serve operations; empty when it can. */
export function complaintsOf(state: NodeState, nowMs: number): string[] {
  const reasons: string[] = []
  const { isSyncing, recovery } = viewLog(state.log, nowMs)
  if (isSyncing) reasons.push('catching up with the control log')
  if (recovery === 'catching-up') {
    reasons.push('its database was lost: catching up before it votes or uses shares')
  }
  const others = standingMembers(state).filter(({ peerId }) => peerId !== state.peerId)
  if (others.length > 0 && state.connected.size === 0) reasons.push('no other member is connected')
  const standing = memberOf(state, state.peerId)?.state
  if (standing === undefined) reasons.push('this node is not a member of the network')
  else if (standing === 'joining') reasons.push('this node has been admitted and is joining')
  else if (standing === 'removed') reasons.push('this node has been removed from the network')
  const { damage } = state.auditing.log
  if (damage !== undefined) reasons.push(`no secret is used: ${damage.message}`)
  return reasons
}

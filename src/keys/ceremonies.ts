import {
  compareBytes,
  equalBytes,
  OstrakaError,
  type Outcome,
  type PeerId,
  peerIdOf,
  type Rng,
  toHex,
} from '../base/index.ts'
import type { LedgerReader } from '../control/index.ts'
import { type SealingKeyPair, type SigningKey, sha256, verifySigned } from '../crypto/index.ts'
import {
  type CommonEvent,
  canonicalBytes,
  type Deal,
  type Effect,
  type PeerAnswer,
  type Step,
  sealedDealingCodec,
  type Token,
} from '../wire/index.ts'
import { standingDealers } from './ceremony-rules.ts'
import { type DealingPlan, makeDealing, ownDealingCodec } from './dealer.ts'
import { suiteOf } from './kinds.ts'
import { paths } from './paths.ts'
import { forget, hasShares, type Need, receive, type Shelf, sharesOf } from './receiving.ts'
import type { CeremonyRecord, DealRecord, KeyRecord, OpenCeremonies, VersionRecord } from './records.ts'
import { nodesOf, slotsOf } from './slots.ts'
import { type Vault, vaultPaths } from './vault.ts'

/** What a node brings to its ceremonies; constant while it runs. */
export interface CeremonyWorld {
  readonly networkId: Uint8Array
  readonly identity: SigningKey
  readonly peerId: PeerId
  readonly sealingKeys: SealingKeyPair
  readonly vault: Vault
  /** The ledger as of the last applied block. */
  ledger(): LedgerReader
  /** The agreed time for acknowledging, from the genesis. */
  readonly acknowledgeMs: number
}

export interface CeremonyState extends Shelf {
  readonly world: CeremonyWorld
  /** Ceremonies that were open when we last looked, by id. */
  readonly tracked: Map<string, CeremonyRecord>
  /** This node's own dealings of open ceremonies: never dealt anew, only sent again. */
  readonly dealings: Map<string, { readonly deal: Deal; readonly record: Uint8Array }>
  /** Ceremonies whose own deal was submitted since the start. */
  readonly submitted: Set<string>
  /** The dealers that our last acknowledgement of a ceremony named, as text. */
  readonly acknowledged: Map<string, string>
  /** Records that are wanted, by hash. */
  readonly needs: Map<string, Need & { attempts: number }>
  /** Records that came before anybody needed them, oldest first. */
  readonly early: Map<string, Uint8Array>
  /** Requests of peers that wait for our disk. */
  readonly serving: Map<Token, Token>
}

export type CeremonyEvent =
  | CommonEvent
  /** The ledger moved on; `isJump` when it did so by a snapshot. */
  | { readonly type: 'applied'; readonly isJump: boolean }
  /** A client's own dealing, to be stored and passed on. */
  | { readonly type: 'offered'; readonly record: Uint8Array }

/** A pushed record usually outruns the search for it. */
const FIRST_FETCH_MS = 250
const FETCH_EVERY_MS = 700

/** Pushed records wait for their transaction; a block or two is enough, so few are kept. */
const MAX_EARLY_RECORDS = 256

/** js-libp2p's kad-dht drops records after 48 hours unless they are put again. */
const REPUBLISH_MS = 6 * 3_600_000
const FIRST_REPUBLISH_MS = 60_000
const REPUBLISH_BATCH = 32

/** An incomplete acknowledgement is given when this share of the time is left, so that it can still count. */
const PARTIAL_ACKNOWLEDGE_REST = 0.5

/** Restores what this node had on its disk under `keys/`. Errors: `storage_corrupt`. */
export function recoverCeremonies(
  world: CeremonyWorld,
  entries: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>,
): CeremonyState {
  const state: CeremonyState = {
    world,
    shares: new Map(),
    subshares: new Map(),
    complained: new Set(),
    tracked: new Map(),
    dealings: new Map(),
    submitted: new Set(),
    acknowledged: new Map(),
    needs: new Map(),
    early: new Map(),
    serving: new Map(),
  }
  for (const { key, value } of entries) {
    if (key.startsWith('keys/share/')) state.shares.set(key, world.vault.unlock(key, value))
    else if (key.startsWith('keys/subshare/')) state.subshares.set(key, world.vault.unlock(key, value))
    else if (key.startsWith('keys/dealing/')) {
      const { deal, record } = decodeOwnDealing(value)
      state.dealings.set(toHex(deal.ceremony), { deal, record })
    }
  }
  return state
}

export function step(
  state: CeremonyState,
  event: CeremonyEvent,
  nowMs: number,
  rng: Rng,
): Step<CeremonyState> {
  const effects: Effect[] = []
  const work: Work = { state, nowMs, rng, effects, ledger: state.world.ledger() }
  switch (event.type) {
    case 'applied':
      if (event.isJump) scanVersions(work)
      lookAtCeremonies(work)
      break
    case 'offered':
      shareRecord(work, event.record)
      break
    case 'message':
      if (event.message.type === 'record') takeRecord(work, event.message.record)
      break
    case 'record':
      if (event.record !== null) takeRecord(work, event.record)
      break
    case 'answered':
      if (event.answer.ok && event.answer.value.type === 'record' && event.answer.value.record !== null) {
        takeRecord(work, event.answer.value.record)
      }
      break
    case 'requested':
      if (event.request.type === 'record') serveRecord(work, event.token, event.request.hash)
      break
    case 'loaded':
      onLoaded(work, event.token, event.entries)
      break
    case 'failed':
      onLoaded(work, event.token, [])
      break
    case 'timer':
      onTimer(work, event.id)
  }
  return { state, effects }
}

/** Runs once after recovery, when the ledger has been replayed. */
export function begin(state: CeremonyState, nowMs: number, rng: Rng): Step<CeremonyState> {
  const work: Work = { state, nowMs, rng, effects: [], ledger: state.world.ledger() }
  scanVersions(work)
  lookAtCeremonies(work)
  work.effects.push({ type: 'timer', id: 'ceremony/republish', atMs: nowMs + FIRST_REPUBLISH_MS })
  return { state, effects: work.effects }
}

interface Work {
  readonly state: CeremonyState
  readonly nowMs: number
  readonly rng: Rng
  readonly effects: Effect[]
  readonly ledger: LedgerReader
}

function track(work: Work, ceremony: CeremonyRecord): void {
  work.state.tracked.set(toHex(ceremony.id), ceremony)
}

/** Does what every open ceremony wants of this node, and finishes those that have ended since. */
function lookAtCeremonies(work: Work): void {
  const { state, ledger } = work
  const ids = ledger.get<OpenCeremonies>(paths.openCeremonies)?.ids ?? []
  const open = new Set(ids.map(toHex))
  for (const id of ids) {
    const ceremony = ledger.get<CeremonyRecord>(paths.ceremony(id))!
    track(work, ceremony)
    dealIfDue(work, ceremony)
    receiveDealings(work, ceremony)
    acknowledgeIfDue(work, ceremony)
  }
  for (const [id, ceremony] of state.tracked) {
    if (open.has(id)) continue
    state.tracked.delete(id)
    end(work, ceremony)
  }
}

function end(work: Work, ceremony: CeremonyRecord): void {
  const { state } = work
  const id = toHex(ceremony.id)
  state.submitted.delete(id)
  state.acknowledged.delete(id)
  state.dealings.delete(id)
  const version = work.ledger.get<VersionRecord>(paths.version(ceremony.keyId, ceremony.version))
  if (version !== undefined && equalBytes(version.ceremony, ceremony.id)) {
    completeVersion(work, version, ceremony.kind)
    return
  }
  for (const [hash, need] of state.needs) {
    if (equalBytes(need.ceremony.id, ceremony.id)) dropNeed(work, hash)
  }
  work.effects.push({ type: 'persist', writes: forget(state, ceremony.id) })
}

function plan(work: Work, ceremony: CeremonyRecord): DealingPlan {
  const { id, keyId, version, kind, threshold, slots } = ceremony
  const { networkId } = work.state.world
  return { networkId, id, keyId, version, group: suiteOf(kind).group, threshold, recipients: slots }
}

/** Deals once per ceremony: what was dealt is on disk before anyone hears of it, and is only ever sent again. */
function dealIfDue(work: Work, ceremony: CeremonyRecord): void {
  const { state, effects, rng } = work
  const { identity } = state.world
  const id = toHex(ceremony.id)
  if (ceremony.stage !== 'dealing' || state.submitted.has(id)) return
  if (!ceremony.dealers.some(dealer => equalBytes(dealer, identity.publicKey))) return
  if (ceremony.dealt.some(dealer => equalBytes(dealer, identity.publicKey))) return
  let dealing = state.dealings.get(id)
  if (dealing === undefined) {
    dealing = makeDealing(plan(work, ceremony), identity, undefined, rng)
    state.dealings.set(id, dealing)
    const value = canonicalBytes(dealing)
    effects.push({
      type: 'persist',
      writes: [
        { key: vaultPaths.dealing(ceremony.id), value },
        { key: vaultPaths.record(dealing.deal.recordHash), value: dealing.record },
      ],
    })
  }
  state.submitted.add(id)
  effects.push({ type: 'submit', transaction: dealing.deal })
  shareRecord(work, dealing.record)
}

function decodeOwnDealing(value: Uint8Array): { deal: Deal; record: Uint8Array } {
  return ownDealingCodec.decode(value)
}

/** Pushes a record to those whose slots it fills, and puts it into the DHT for whoever comes later. */
function shareRecord(work: Work, record: Uint8Array): void {
  const { state, effects } = work
  const dealing = sealedDealingCodec.decode(record)
  const ceremony = work.ledger.get<CeremonyRecord>(paths.ceremony(dealing.value.ceremony))
  if (ceremony === undefined) throw new OstrakaError('not_found', 'no such ceremony is open')
  const isDealers = ceremony.dealers.some(dealer => equalBytes(dealer, dealing.signer))
  if (!isDealers) throw new OstrakaError('forbidden', 'not a dealer of this ceremony')
  if (!verifySigned('sealed-dealing', state.world.networkId, dealing)) {
    throw new OstrakaError('bad_signature', 'the dealer did not sign this dealing')
  }
  effects.push({ type: 'persist', writes: [{ key: vaultPaths.record(sha256(record)), value: record }] })
  for (const peerId of nodesOf(ceremony.slots)) {
    if (peerId === state.world.peerId) takeRecord(work, record)
    else effects.push({ type: 'send', to: peerId, message: { type: 'record', record } })
  }
  effects.push({ type: 'dht-put', record })
}

function receiveDealings(work: Work, ceremony: CeremonyRecord): void {
  const { state, ledger } = work
  const slots = slotsOf(ceremony.slots, state.world.peerId).map(entry => entry.slot)
  if (slots.length === 0) return
  for (const dealer of standingDealers(ceremony)) {
    if (hasShares(state, ceremony.id, dealer, slots)) continue
    const { commitments, recordHash } = ledger.get<DealRecord>(paths.deal(ceremony.id, dealer))!
    need(work, { ceremony, dealer, commitments, recordHash, slots })
  }
}

/** Wants a record: it may be here already, it may be on its way, or it must be searched for. */
function need(work: Work, wanted: Need): void {
  const { state, effects, nowMs } = work
  const hash = toHex(wanted.recordHash)
  if (state.needs.has(hash) || state.complained.has(hash)) return
  state.needs.set(hash, { ...wanted, attempts: 0 })
  const early = state.early.get(hash)
  if (early !== undefined) takeRecord(work, early)
  else effects.push({ type: 'timer', id: `ceremony/fetch/${hash}`, atMs: nowMs + FIRST_FETCH_MS })
}

function dropNeed(work: Work, hash: string): void {
  work.state.needs.delete(hash)
  work.effects.push({ type: 'timer', id: `ceremony/fetch/${hash}`, atMs: null })
}

function takeRecord(work: Work, record: Uint8Array): void {
  const { state, effects, rng } = work
  const hash = toHex(sha256(record))
  const wanted = state.needs.get(hash)
  if (wanted === undefined) {
    if (state.early.size >= MAX_EARLY_RECORDS) state.early.delete(state.early.keys().next().value!)
    state.early.set(hash, record)
    return
  }
  state.early.delete(hash)
  dropNeed(work, hash)
  const { writes, complaint } = receive(state, state.world, wanted, record, rng)
  effects.push({ type: 'persist', writes })
  const open = work.ledger.get<CeremonyRecord>(paths.ceremony(wanted.ceremony.id))
  if (open !== undefined) {
    if (complaint !== undefined) effects.push({ type: 'submit', transaction: complaint })
    else acknowledgeIfDue(work, open)
    return
  }
  if (complaint !== undefined) {
    const details = { dealer: peerIdOf(wanted.dealer), record: hash }
    effects.push({ type: 'note', level: 'error', text: 'a share of an active version is bad', details })
    return
  }
  const { keyId, version, kind } = wanted.ceremony
  const active = work.ledger.get<VersionRecord>(paths.version(keyId, version))
  if (active !== undefined) completeVersion(work, active, kind)
}

/** Asks in turn the dealer, the DHT and the other holders, until the record is here or no longer needed. */
function fetchRecord(work: Work, hash: string): void {
  const { state, effects, nowMs } = work
  const wanted = state.needs.get(hash)
  if (wanted === undefined) return
  const token = `ceremony/record/${hash}`
  const holders = recordHolders(work, wanted)
  const turn = wanted.attempts++
  if (turn % 2 === 1 || holders.length === 0) {
    effects.push({ type: 'dht-get', token, hash: wanted.recordHash })
  } else {
    const to = holders[(turn / 2) % holders.length]!
    const request = { type: 'record', hash: wanted.recordHash } as const
    effects.push({ type: 'request', token, to, request, deadlineMs: FETCH_EVERY_MS })
  }
  effects.push({ type: 'timer', id: `ceremony/fetch/${hash}`, atMs: nowMs + FETCH_EVERY_MS })
}

/** Who may have a record: its dealer, where that is a node, then the other holders. */
function recordHolders(work: Work, wanted: Need): PeerId[] {
  const { ceremony, dealer } = wanted
  const slots =
    work.ledger.get<CeremonyRecord>(paths.ceremony(ceremony.id))?.slots ??
    work.ledger.get<VersionRecord>(paths.version(ceremony.keyId, ceremony.version))?.slots ??
    []
  const holders = nodesOf(slots)
  const first = peerIdOf(dealer)
  const ordered = holders.includes(first) ? [first, ...holders.filter(peerId => peerId !== first)] : holders
  return ordered.filter(peerId => peerId !== work.state.world.peerId)
}

/** Acknowledges all dealings at once when their shares are here; late in the stage, those that are. */
function acknowledgeIfDue(work: Work, ceremony: CeremonyRecord): void {
  const { state, effects, nowMs } = work
  const slots = slotsOf(ceremony.slots, state.world.peerId).map(entry => entry.slot)
  if (slots.length === 0 || ceremony.stage !== 'acknowledging') return
  const standing = standingDealers(ceremony)
  const held = standing.filter(dealer => hasShares(state, ceremony.id, dealer, slots))
  const lateMs = ceremony.deadlineMs - state.world.acknowledgeMs * PARTIAL_ACKNOWLEDGE_REST
  if (held.length < standing.length && nowMs < lateMs) {
    effects.push({ type: 'timer', id: `ceremony/late/${toHex(ceremony.id)}`, atMs: lateMs })
    return
  }
  const word = held.map(toHex).join()
  if (held.length === 0 || state.acknowledged.get(toHex(ceremony.id)) === word) return
  state.acknowledged.set(toHex(ceremony.id), word)
  effects.push({
    type: 'submit',
    transaction: { type: 'acknowledge', ceremony: ceremony.id, dealers: held.sort(compareBytes) },
  })
}

/** Sums up the shares of an active version, or searches for what is missing. */
function completeVersion(work: Work, version: VersionRecord, kind: CeremonyRecord['kind']): void {
  const { state, effects, rng } = work
  const slots = slotsOf(version.slots, state.world.peerId).map(entry => entry.slot)
  const missing = slots.filter(
    slot => !state.shares.has(vaultPaths.share(version.keyId, version.version, slot)),
  )
  if (missing.length === 0) {
    effects.push({ type: 'persist', writes: forget(state, version.ceremony) })
    return
  }
  const writes = sharesOf(state, state.world.vault, version, kind, slots, rng)
  if (writes !== undefined) {
    effects.push({ type: 'persist', writes })
    return
  }
  const ceremony = { id: version.ceremony, keyId: version.keyId, version: version.version, kind }
  for (const { dealer, commitments, recordHash } of version.dealers) {
    if (hasShares(state, version.ceremony, dealer, slots)) continue
    need(work, { ceremony, dealer, commitments, recordHash, slots })
  }
}

/** Looks at every version in the ledger for shares that should be here and are not. */
function scanVersions(work: Work): void {
  const { ledger } = work
  for (const { value: version } of ledger.list<VersionRecord>('version/')) {
    if (version.state === 'destroyed') continue
    const name = ledger.get<{ name: string }>(paths.keyName(version.keyId))!.name
    completeVersion(work, version, ledger.get<KeyRecord>(paths.key(name))!.kind)
  }
}

function serveRecord(work: Work, token: Token, hash: Uint8Array): void {
  const { state, effects } = work
  const early = state.early.get(toHex(hash))
  if (early !== undefined) {
    effects.push({ type: 'reply', token, answer: recordAnswer(early) })
    return
  }
  const load: Token = `ceremony/serve/${token}`
  state.serving.set(load, token)
  const path = vaultPaths.record(hash)
  effects.push({ type: 'load', token: load, prefix: path, from: path, limit: 1 })
}

function recordAnswer(record: Uint8Array | null): Outcome<PeerAnswer> {
  return { ok: true, value: { type: 'record', record } }
}

function onLoaded(
  work: Work,
  token: Token,
  entries: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>,
): void {
  const { state, effects, nowMs } = work
  const asker = state.serving.get(token)
  if (asker !== undefined) {
    state.serving.delete(token)
    effects.push({ type: 'reply', token: asker, answer: recordAnswer(entries[0]?.value ?? null) })
    return
  }
  if (token !== 'ceremony/republish') return
  for (const { value } of entries) effects.push({ type: 'dht-put', record: value })
  const last = entries.at(-1)
  if (last !== undefined && entries.length === REPUBLISH_BATCH) loadRecords(work, `${last.key}\u0000`)
  else effects.push({ type: 'timer', id: 'ceremony/republish', atMs: nowMs + REPUBLISH_MS })
}

function loadRecords(work: Work, from: string): void {
  const prefix = 'keys/record/'
  work.effects.push({ type: 'load', token: 'ceremony/republish', prefix, from, limit: REPUBLISH_BATCH })
}

function onTimer(work: Work, id: Token): void {
  if (id === 'ceremony/republish') loadRecords(work, 'keys/record/')
  else if (id.startsWith('ceremony/fetch/')) fetchRecord(work, id.slice('ceremony/fetch/'.length))
  else if (id.startsWith('ceremony/late/')) {
    const ceremony = work.state.tracked.get(id.slice('ceremony/late/'.length))
    if (ceremony !== undefined) acknowledgeIfDue(work, ceremony)
  }
}

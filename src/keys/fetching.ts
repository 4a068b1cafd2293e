import { equalBytes, OstrakaError, type Outcome, type PeerId, peerIdOf, toHex } from '../base/index.ts'
import type { PeerAnswer, Token } from '../wire/index.ts'
import type { Work } from './ceremony-state.ts'
import { complainLate } from './late-evidence.ts'
import { paths } from './paths.ts'
import { type Need, receive } from './receiving.ts'
import { claimOfDealing, recordStanding } from './record-pins.ts'
import type { CeremonyRecord } from './records.ts'
import { openRecord, type SealedRecord } from './sealed-records.ts'
import { nodesOf } from './slots.ts'
import { vaultPaths } from './vault.ts'
import { versionOf } from './version-rules.ts'

/** A pushed record usually outruns the search for it. */
const FIRST_FETCH_MS = 250
const FETCH_EVERY_MS = 700

/**
 * Wants a record: it may be here already, it may be on its way, or it must be searched for. What is sealed under a key that
 * was lost with the database can never be opened here: those shares come with the next refresh.
 */
export function need(work: Work, wanted: Need): void {
  const { state, effects, nowMs } = work
  const hash = toHex(wanted.dealing.recordHash)
  if (state.needs.has(hash) || state.complained.has(hash)) return
  if (wanted.slots.some(({ sealingKey }) => !state.sealing.has(toHex(sealingKey)))) return
  state.needs.set(hash, { ...wanted, attempts: 0 })
  effects.push({ type: 'timer', id: `ceremony/fetch/${hash}`, atMs: nowMs + FIRST_FETCH_MS })
}

export function dropNeed({ state, effects }: Work, hash: string): void {
  state.needs.delete(hash)
  effects.push({ type: 'timer', id: `ceremony/fetch/${hash}`, atMs: null })
}

/**
 * Takes a record that `from` sent, whatever the way; one that its signer did not sign is dropped unread. Returns what it was
 * needed for, now received; undefined if nothing was. A record that comes before its transaction waits for it, if there is room.
 */
export function takeRecord(work: Work, bytes: Uint8Array, from: PeerId): Need | undefined {
  try {
    return takeSigned(work, openRecord(work.state.world.networkId, bytes), from)
  } catch (error) {
    if (error instanceof OstrakaError) return undefined
    throw error
  }
}

function takeSigned(work: Work, record: SealedRecord, from: PeerId): Need | undefined {
  const { state, effects, rng } = work
  const hash = toHex(record.hash)
  const wanted = state.needs.get(hash)
  if (wanted === undefined) {
    keepEarly(work, record, from)
    return undefined
  }
  state.early.delete(hash)
  const keys = { ...state.world, sealingKeys: (key: Uint8Array) => state.sealing.get(toHex(key)) }
  const receipt = receive(state, keys, wanted, record, rng)
  // the search goes on
  if (receipt === undefined) return undefined
  dropNeed(work, hash)
  const { writes, complaint } = receipt
  effects.push({ type: 'persist', writes })
  if (complaint === undefined) return wanted
  if (wanted.place >= 0) {
    const name = toHex(complaint.ceremony)
    state.complaints.set(name, [...(state.complaints.get(name) ?? []), complaint])
    effects.push({ type: 'submit', transaction: complaint })
  } else if (!complainLate(work, complaint, wanted.dealing.recordHash)) {
    const details = { dealer: peerIdOf(wanted.dealing.dealer), record: hash }
    effects.push({ type: 'note', level: 'error', text: 'a share of an active version is bad', details })
  }
  return undefined
}

/** Takes the early record of that hash, if it came before it was needed. */
export function takeEarlyRecord(work: Work, hash: Uint8Array): void {
  const early = work.state.early.get(toHex(hash))
  if (early !== undefined) takeRecord(work, early, work.state.world.peerId)
}

function keepEarly({ state, ledger, nowMs }: Work, { bytes, signed }: SealedRecord, from: PeerId): void {
  const claim = claimOfDealing(signed)
  const standing = recordStanding(ledger, claim)
  if (standing === 'expected' || standing === 'unknown') state.early.add(bytes, claim, standing, from, nowMs)
}

/** The ledger moved on: forgets the early records that nothing waits for any more. */
export function reviewEarlyRecords({ state, ledger, nowMs }: Work): void {
  if (state.early.size > 0) state.early.review(claim => recordStanding(ledger, claim), nowMs)
}

/** Asks in turn the dealer, the DHT and the other holders, until the record is here or no longer needed. */
export function fetchRecord(work: Work, hash: string): void {
  const { state, effects, nowMs } = work
  const wanted = state.needs.get(hash)
  if (wanted === undefined) return
  const token = `ceremony/record/${hash}`
  const holders = recordHolders(work, wanted)
  const turn = wanted.attempts++
  const { recordHash } = wanted.dealing
  if (turn % 2 === 1 || holders.length === 0) effects.push({ type: 'dht-get', token, hash: recordHash })
  else {
    const to = holders[(turn / 2) % holders.length]!
    const request = { type: 'record', hash: recordHash } as const
    effects.push({ type: 'request', token, to, request, deadlineMs: FETCH_EVERY_MS })
  }
  effects.push({ type: 'timer', id: `ceremony/fetch/${hash}`, atMs: nowMs + FETCH_EVERY_MS })
}

/** Who may have a record: its dealer, where that is a node, then the other holders. */
function recordHolders({ state, ledger }: Work, { ceremony, dealing }: Need): PeerId[] {
  const slots =
    ledger.get<CeremonyRecord>(paths.ceremony(ceremony.id))?.slots ??
    versionOf(ledger, ceremony.keyId, ceremony.version)?.slots ??
    []
  const dealer = peerIdOf(dealing.dealer)
  const isNode = ledger.get(`member/${dealer}`) !== undefined
  const holders = nodesOf(slots).filter(peerId => peerId !== dealer)
  return [...(isNode ? [dealer] : []), ...holders].filter(peerId => peerId !== state.world.peerId)
}

/**
 * Pushes a record to those whose slots it fills, and puts it into the DHT for whoever comes later. Returns what this
 * node itself received by it. Errors: `malformed`, `bad_signature`, `not_found`, `forbidden`.
 */
export function shareRecord(work: Work, record: Uint8Array): Need | undefined {
  const { state, effects, ledger } = work
  const opened = openRecord(state.world.networkId, record)
  const { value, signer } = opened.signed
  const ceremony = ledger.get<CeremonyRecord>(paths.ceremony(value.ceremony))
  if (ceremony === undefined) throw new OstrakaError('not_found', 'no such ceremony is open')
  const isDealers = ceremony.dealers.some(({ dealer }) => equalBytes(dealer, signer))
  if (!isDealers) throw new OstrakaError('forbidden', 'not a dealer of this ceremony')
  effects.push({ type: 'persist', writes: [{ key: vaultPaths.record(opened.hash), value: record }] })
  let received: Need | undefined
  for (const peerId of nodesOf(ceremony.slots)) {
    if (peerId === state.world.peerId) received = takeSigned(work, opened, peerId)
    else effects.push({ type: 'send', to: peerId, message: { type: 'record', record } })
  }
  effects.push({ type: 'dht-put', key: opened.hash, record })
  return received
}

export function serveRecord(work: Work, token: Token, hash: Uint8Array): void {
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

/** What the disk had, for a peer that asked: nothing, when it could not be read. */
export function onServed(
  work: Work,
  token: Token,
  entries: ReadonlyArray<{ readonly value: Uint8Array }>,
): void {
  const asker = work.state.serving.get(token)
  if (asker === undefined) return
  work.state.serving.delete(token)
  work.effects.push({ type: 'reply', token: asker, answer: recordAnswer(entries[0]?.value ?? null) })
}

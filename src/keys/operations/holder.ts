import { OstrakaError, type PeerId, type Rng, type Secret } from '../../base/index.ts'
import {
  checkShare,
  type Element,
  multiplyByShare,
  proveDecrypted,
  proveEvaluated,
  sha256,
  signValue,
} from '../../crypto/index.ts'
import {
  COSTS,
  canonicalBytes,
  type NonceCommitment,
  type NoncesAnswer,
  type NoncesCall,
  type Partial,
  type PartialAnswer,
  type PartialCall,
  type PartialRequest,
  type SlotNonces,
  type SlotPartial,
} from '../../wire/index.ts'
import { requireOperation } from '../kinds.ts'
import { MAX_ATTEMPTS, RequestLimits } from './limits.ts'
import { MaterialCache, type VersionMaterial } from './material.ts'
import { NoncePools, type SecretNonces } from './nonces.ts'
import { checkPartialRequest } from './partial-request.ts'
import { type CheckedRequest, checkRequest } from './request.ts'
import type { HolderWorld } from './world.ts'

/** Nonce pairs made in one answer over all slots: bounds how long one peer's request keeps the others waiting. */
const MAX_NONCES_PER_ANSWER = 1024

/** Signature shares, multiplications, or pairs of nonces in one slice of work: at most five milliseconds. */
const SLICE_ITEMS = 8

/**
 * Work that may be put aside: yields what each slice has cost, in the units of COSTS, and returns its result. No secret
 * is in hand between slices. One that is dropped halfway has spent what it took.
 */
export type Slices<T> = Generator<number, T, undefined>

/** A holder's memory: what it has served, and the nonces it has handed out commitments to. Changed in place. */
export interface HolderState {
  readonly world: HolderWorld
  readonly limits: RequestLimits
  readonly materials: MaterialCache
  readonly nonces: NoncePools
  /** How many nonce pairs this process has made: with the start counter, the origin of the next. */
  noncesMade: number
  /** Slots whose share has been checked against the version's commitments. */
  readonly checkedSlots: WeakMap<VersionMaterial, Set<number>>
}

export function createHolder(world: HolderWorld): HolderState {
  return {
    world,
    limits: new RequestLimits(MAX_ATTEMPTS),
    materials: new MaterialCache(),
    nonces: new NoncePools(),
    noncesMade: 0,
    checkedSlots: new WeakMap(),
  }
}

/**
 * Computes this holder's partials of one request, after checking for itself the client's signature, the policy, the
 * limits and the gateway's part. Changes `state` in place; also a refusal may have spent an attempt or nonces. Once it
 * has yielded, the client's principal pays. `isBusy`: whether others wait for what the principal would use beyond its
 * budget. Errors: those of `checkRequest` and `RequestLimits.admit`; `malformed` for the gateway's part, `not_found`
 * for nonces that are spent or forgotten, `conflict` for commitments that are not ours, `not_ready` while a share is
 * missing, `storage_corrupt` for a share that does not fit its version.
 */
export function* answerPartial(
  state: HolderState,
  from: PeerId,
  call: PartialCall,
  nowMs: number,
  rng: Rng,
  isBusy: boolean,
): Slices<PartialAnswer> {
  const { world } = state
  const asked = call.call
  const checked = checkRequest(world, world.networkId, asked.request, nowMs, asked)
  checkPartialRequest(asked, checked.version, world.peerId)
  const material = state.materials.of(checked.key.kind, checked.version)
  for (const slot of asked.slots) shareOf(state, material, slot)
  const { operation, inputs } = checked.request
  const isSign = operation === 'sign'
  // what the signature spends, and a little growth; more than that no gateway needs for it
  const refill = isSign ? Math.min(call.refill, inputs.length + 1) : 0
  const proof = isSign ? 0 : COSTS.prove
  const each = inputs.length * (COSTS[operation] + proof) + refill * COSTS.nonce
  state.limits.admit(checked, { from, units: COSTS.check + asked.slots.length * each, isBusy }, nowMs)
  yield COSTS.check
  const partials = isSign
    ? yield* signSlots(state, from, asked, material)
    : yield* multiplySlots(state, checked, asked.slots, material, rng)
  const value: Partial = { requestHash: sha256(canonicalBytes(asked)), partials }
  const nonces = yield* makeNonces(state, from, material, asked.slots, refill, nowMs, rng)
  return { type: 'partial', partial: signValue(world.identity, 'partial', world.networkId, value), nonces }
}

/**
 * Makes nonces ahead for all of this holder's slots of a version (RFC 9591 section 5.1), at most as many as asked.
 * Changes `state` in place. Errors: `unknown_key`, `unknown_version`, `wrong_kind`, `not_ready`, `storage_corrupt`;
 * `overloaded` while the gateway has as many that it has not used as it can make use of.
 */
export function* answerNonces(
  state: HolderState,
  from: PeerId,
  call: NoncesCall,
  nowMs: number,
  rng: Rng,
): Slices<NoncesAnswer> {
  const material = signingMaterial(state, call)
  const slots = material.holders.get(state.world.peerId) ?? []
  for (const slot of slots) shareOf(state, material, slot)
  const room = Math.min(...slots.map(slot => state.nonces.room(from, poolName(material, slot), nowMs)))
  if (room < 1) throw new OstrakaError('overloaded', 'the asker has nonces of this key that it has not used')
  const count = Math.min(call.count, room)
  return { type: 'nonces', nonces: yield* makeNonces(state, from, material, slots, count, nowMs, rng) }
}

/** How many nonces a request asks for that this node would make, over all of its slots. Errors as `answerNonces`. */
export function noncesAsked(state: HolderState, call: NoncesCall): number {
  const slots = signingMaterial(state, call).holders.get(state.world.peerId)?.length ?? 0
  return Math.min(MAX_NONCES_PER_ANSWER, call.count * slots)
}

function signingMaterial({ world, materials }: HolderState, call: NoncesCall): VersionMaterial {
  const key = world.keyById(call.keyId)
  if (key === undefined) throw new OstrakaError('unknown_key', 'no such key')
  requireOperation(key.kind, 'sign')
  const version = world.version(call.keyId, call.version)
  if (version?.state !== 'active' || version.generation !== call.generation) {
    throw new OstrakaError('unknown_version', 'no such version that can sign', { version: call.version })
  }
  return materials.of(key.kind, version)
}

/** The share, which has been checked once: an honest holder with a rotten disk must not sign its own conviction. */
export function shareOf(state: HolderState, material: VersionMaterial, slot: number): Secret {
  const { keyId, version, generation } = material.record
  const share = state.world.share(keyId, version, generation, slot)
  if (share === undefined) {
    throw new OstrakaError('not_ready', 'the share has not arrived yet', { slot, version })
  }
  const checked = state.checkedSlots.get(material) ?? new Set()
  if (checked.has(slot)) return share
  if (!checkShare(material.group, material.commitments, slot, share)) {
    throw new OstrakaError('storage_corrupt', 'the stored share does not fit its version', { slot, version })
  }
  state.checkedSlots.set(material, checked.add(slot))
  return share
}

function* makeNonces(
  state: HolderState,
  gateway: PeerId,
  material: VersionMaterial,
  slots: readonly number[],
  count: number,
  nowMs: number,
  rng: Rng,
): Slices<SlotNonces[]> {
  const each = Math.min(count, Math.floor(MAX_NONCES_PER_ANSWER / Math.max(1, slots.length)))
  const answer: SlotNonces[] = []
  for (const slot of each === 0 ? [] : slots) {
    const commitments: NonceCommitment[] = []
    while (commitments.length < each) {
      const share = shareOf(state, material, slot)
      const length = Math.min(SLICE_ITEMS, each - commitments.length)
      const made = Array.from({ length }, () => {
        const origin = { start: state.world.startCounter, index: state.noncesMade++ }
        return material.suite.commitNonces(share, origin, rng).nonces
      })
      state.nonces.add(gateway, poolName(material, slot), made, nowMs)
      commitments.push(...made.map(nonces => nonces.commitments))
      yield length * COSTS.nonce
    }
    answer.push({ slot, commitments })
  }
  return answer
}

/** Signature shares of all inputs for each slot. Every nonce named leaves its pool before anything else happens. */
function* signSlots(
  state: HolderState,
  gateway: PeerId,
  asked: PartialRequest,
  material: VersionMaterial,
): Slices<SlotPartial[]> {
  const packages = asked.packages!
  const taken = asked.slots.map(slot =>
    packages.map(signers => {
      const { hiding } = signers.find(line => line.slot === slot)!
      return state.nonces.take(gateway, poolName(material, slot), hiding)
    }),
  )
  requireAll(taken)
  const { inputs } = asked.request.value
  try {
    const partials: SlotPartial[] = []
    for (const [at, slot] of asked.slots.entries()) {
      const items = inputs.map((message, index) => ({
        nonces: taken[at]![index]!,
        commitments: packages[index]!,
        message,
      }))
      const values: Uint8Array[] = []
      for (const some of slicesOf(items)) {
        const share = shareOf(state, material, slot)
        values.push(...material.suite.signShares({ slot, share, publicKey: material.publicKey }, some))
        yield some.length * COSTS.sign
      }
      partials.push({ slot, values })
    }
    return partials
  } finally {
    discard(taken)
  }
}

function requireAll(
  taken: ReadonlyArray<ReadonlyArray<SecretNonces | undefined>>,
): asserts taken is ReadonlyArray<readonly SecretNonces[]> {
  if (taken.every(row => row.every(nonces => nonces !== undefined))) return
  discard(taken)
  throw new OstrakaError('not_found', 'these nonces are spent or forgotten: ask for new ones')
}

function discard(taken: ReadonlyArray<ReadonlyArray<SecretNonces | undefined>>): void {
  for (const row of taken) for (const nonces of row) nonces?.discard()
}

function* multiplySlots(
  state: HolderState,
  { request, elements }: CheckedRequest,
  slots: readonly number[],
  material: VersionMaterial,
  rng: Rng,
): Slices<SlotPartial[]> {
  const { group } = material
  const cost = COSTS[request.operation]
  const prove = request.operation === 'derive' ? proveEvaluated : proveDecrypted
  const partials: SlotPartial[] = []
  for (const slot of slots) {
    const evaluated: Element[] = []
    for (const some of slicesOf(elements)) {
      evaluated.push(...multiplyByShare(group, shareOf(state, material, slot), some))
      yield some.length * cost
    }
    const share = shareOf(state, material, slot)
    const proof = prove(group, share, elements, evaluated, material.verifyingShare(slot), rng)
    partials.push({ slot, values: evaluated.map(element => element.bytes), proof })
    yield elements.length * COSTS.prove
  }
  return partials
}

function* slicesOf<T>(items: readonly T[]): Generator<readonly T[], void, undefined> {
  for (let at = 0; at < items.length; at += SLICE_ITEMS) yield items.slice(at, at + SLICE_ITEMS)
}

function poolName(material: VersionMaterial, slot: number): string {
  return `${material.name}/${slot}`
}

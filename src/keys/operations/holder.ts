import { OstrakaError, type PeerId, type Rng, type Secret } from '../../base/index.ts'
import { checkShare, decryptPartial, evaluatePartial, sha256, signValue } from '../../crypto/index.ts'
import {
  canonicalBytes,
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

/** One of the holder's slots with its share. */
interface HeldSlot {
  readonly slot: number
  readonly share: Secret
}

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
 * limits and the gateway's part. Changes `state` in place; also a refusal may have spent an attempt or nonces.
 * Errors: those of `checkRequest` and `RequestLimits.admit`; `malformed` for the gateway's part, `not_found` for nonces
 * that are spent or forgotten, `conflict` for commitments that are not ours, `not_ready` while a share is missing,
 * `storage_corrupt` for a share that does not fit its version.
 */
export function answerPartial(
  state: HolderState,
  from: PeerId,
  call: PartialCall,
  nowMs: number,
  rng: Rng,
): PartialAnswer {
  const { world } = state
  const asked = call.call
  const checked = checkRequest(world, world.networkId, asked.request, nowMs, asked)
  checkPartialRequest(asked, checked.version, world.peerId)
  const material = state.materials.of(checked.key.kind, checked.version)
  const held = asked.slots.map(slot => ({ slot, share: shareOf(state, material, slot) }))
  state.limits.admit(checked, nowMs)
  const isSign = checked.request.operation === 'sign'
  const partials = isSign
    ? signSlots(state, from, asked, material, held)
    : held.map(one => multiplySlot(checked, material, one, rng))
  const value: Partial = { requestHash: sha256(canonicalBytes(asked)), partials }
  const nonces = isSign && call.refill > 0 ? makeNonces(state, from, material, held, call.refill, rng) : []
  return { type: 'partial', partial: signValue(world.identity, 'partial', world.networkId, value), nonces }
}

/**
 * Makes nonces ahead for all of this holder's slots of a version (RFC 9591 section 5.1), at most as many as asked.
 * Changes `state` in place. Errors: `unknown_key`, `unknown_version`, `wrong_kind`, `not_ready`, `storage_corrupt`.
 */
export function answerNonces(
  state: HolderState,
  from: PeerId,
  call: NoncesCall,
  _nowMs: number,
  rng: Rng,
): NoncesAnswer {
  const { world } = state
  const key = world.keyById(call.keyId)
  if (key === undefined) throw new OstrakaError('unknown_key', 'no such key')
  requireOperation(key.kind, 'sign')
  const version = world.version(call.keyId, call.version)
  if (version?.state !== 'active' || version.generation !== call.generation) {
    throw new OstrakaError('unknown_version', 'no such version that can sign', { version: call.version })
  }
  const material = state.materials.of(key.kind, version)
  const slots = material.holders.get(world.peerId) ?? []
  const held = slots.map(slot => ({ slot, share: shareOf(state, material, slot) }))
  return { type: 'nonces', nonces: makeNonces(state, from, material, held, call.count, rng) }
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

function makeNonces(
  state: HolderState,
  gateway: PeerId,
  material: VersionMaterial,
  held: readonly HeldSlot[],
  count: number,
  rng: Rng,
): SlotNonces[] {
  const each = Math.min(count, Math.floor(MAX_NONCES_PER_ANSWER / Math.max(1, held.length)))
  return held.map(({ slot, share }) => {
    const made = Array.from({ length: each }, () => {
      const origin = { start: state.world.startCounter, index: state.noncesMade++ }
      return material.suite.commitNonces(share, origin, rng).nonces
    })
    state.nonces.add(gateway, poolName(material, slot), made)
    return { slot, commitments: made.map(nonces => nonces.commitments) }
  })
}

/** Signature shares of all inputs for each slot. Every nonce named leaves its pool before anything else happens. */
function signSlots(
  state: HolderState,
  gateway: PeerId,
  asked: PartialRequest,
  material: VersionMaterial,
  held: readonly HeldSlot[],
): SlotPartial[] {
  const packages = asked.packages!
  const taken = held.map(({ slot }) =>
    packages.map(signers => {
      const { hiding } = signers.find(line => line.slot === slot)!
      return state.nonces.take(gateway, poolName(material, slot), hiding)
    }),
  )
  requireAll(taken)
  const { inputs } = asked.request.value
  try {
    return held.map(({ slot, share }, at) => {
      const items = inputs.map((message, index) => ({
        nonces: taken[at]![index]!,
        commitments: packages[index]!,
        message,
      }))
      return {
        slot,
        values: material.suite.signShares({ slot, share, publicKey: material.publicKey }, items),
      }
    })
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

function multiplySlot(
  { request, elements }: CheckedRequest,
  material: VersionMaterial,
  { slot, share }: HeldSlot,
  rng: Rng,
): SlotPartial {
  const multiply = request.operation === 'derive' ? evaluatePartial : decryptPartial
  const verifyingShare = material.verifyingShare(slot)
  const evaluated = multiply(material.group, share, elements, verifyingShare, rng)
  return { slot, values: evaluated.elements.map(element => element.bytes), proof: evaluated.proof }
}

function poolName(material: VersionMaterial, slot: number): string {
  return `${material.name}/${slot}`
}

import { concat, isOstrakaError, OstrakaError, type PeerId, type Rng, toHex, utf8 } from '../base/index.ts'
import { provePossession, ristretto255, type SealingKeyPair, verifyPossession } from '../crypto/index.ts'
import {
  canonicalBytes,
  type DleqProof,
  type Genesis,
  type GenesisDocument,
  type Member,
} from '../wire/index.ts'
import { networkIdOf } from './ids.ts'
import type { Ledger } from './ledger.ts'
import { type SealingKeyRecord, sealingKeyPath } from './records.ts'

/** Whose sealing key a proof of possession is for: the node's `revision`th on that network, 0 being the one that it comes with. */
export interface SealingKeyOwner {
  readonly networkId: Uint8Array
  readonly peerId: PeerId
  readonly revision: number
}

function contextOf({ networkId, peerId, revision }: SealingKeyOwner, sealingKey: Uint8Array): Uint8Array {
  const claim = canonicalBytes({ networkId, node: peerId, revision, sealingKey })
  return concat(utf8('ostraka/1/sealing-key\0'), claim)
}

/** Proves that the node knows its sealing key's secret half: nobody registers a key that it derived from another's. */
export function proveSealingKey(owner: SealingKeyOwner, keys: SealingKeyPair, rng: Rng): DleqProof {
  const context = contextOf(owner, keys.publicKey.bytes)
  return provePossession(ristretto255, keys.secretKey, keys.publicKey, context, rng)
}

/** Whether the owner knows the secret half of its sealing key. Errors: `malformed` for no group element. */
function isProven(owner: SealingKeyOwner, sealingKey: Uint8Array, possession: DleqProof): boolean {
  const element = ristretto255.decode(sealingKey)
  return verifyPossession(ristretto255, element, contextOf(owner, sealingKey), possession)
}

/** A founder's proof for the network that begins with `document`. */
export function proveFounder(
  document: GenesisDocument,
  peerId: PeerId,
  keys: SealingKeyPair,
  rng: Rng,
): DleqProof {
  return proveSealingKey({ networkId: networkIdOf(document), peerId, revision: 0 }, keys, rng)
}

/** A genesis of founders whose sealing keys are all here, in the members' order. */
export function proveFounders(
  document: GenesisDocument,
  founders: readonly SealingKeyPair[],
  rng: Rng,
): Genesis {
  const possessions = document.members.map(({ peerId }, at) =>
    proveFounder(document, peerId, founders[at]!, rng),
  )
  return { ...document, possessions }
}

/**
 * Refuses a genesis with a founder that does not prove its sealing key for this network. The network id does not cover the
 * proofs, so every reader checks them, whatever id it expects. Errors: `malformed` for no members, not one proof a member, or
 * two members with one peer id or sealing key; `unproven`, with the founder's `peerId`.
 */
export function checkFounders(genesis: Genesis): void {
  const { members, possessions } = genesis
  if (members.length === 0) throw new OstrakaError('malformed', 'a network needs a member')
  if (possessions.length !== members.length) {
    const details = { members: members.length, proofs: possessions.length }
    throw new OstrakaError('malformed', 'a genesis has one proof of possession for each member', details)
  }
  requireDistinct(genesis)
  const networkId = networkIdOf(genesis)
  for (const [at, member] of members.entries()) {
    if (isFounderProven(networkId, member, possessions[at]!)) continue
    const { peerId } = member
    const text = `founder ${peerId} does not prove for this network that its sealing key is its own`
    throw new OstrakaError('unproven', text, { peerId })
  }
}

function requireDistinct({ members }: Genesis): void {
  const [peers, keys] = [new Set<PeerId>(), new Set<string>()]
  for (const { peerId, sealingKey } of members) {
    const key = toHex(sealingKey)
    if (peers.has(peerId)) throw new OstrakaError('malformed', 'one member is named twice', { peerId })
    if (keys.has(key)) throw new OstrakaError('malformed', 'two members have one sealing key', { peerId })
    peers.add(peerId)
    keys.add(key)
  }
}

/** Whether a founder proves for this network that its sealing key is its own. */
export function isFounderProven(
  networkId: Uint8Array,
  { peerId, sealingKey }: Member,
  possession: DleqProof,
): boolean {
  try {
    return isProven({ networkId, peerId, revision: 0 }, sealingKey, possession)
  } catch (error) {
    if (!isOstrakaError(error)) throw error
    return false
  }
}

/**
 * Registers a sealing key for good. Errors: `malformed` for no group element or a proof that does not verify, `conflict` for
 * a key that was ever registered, by whomever.
 */
export function registerSealingKey(
  ledger: Pick<Ledger, 'get' | 'put'>,
  owner: SealingKeyOwner,
  sealingKey: Uint8Array,
  possession: DleqProof,
): void {
  const { peerId } = owner
  if (!isProven(owner, sealingKey, possession)) {
    throw new OstrakaError('malformed', 'the node does not prove that the sealing key is its own', { peerId })
  }
  const known = ledger.get<SealingKeyRecord>(sealingKeyPath(sealingKey))
  if (known !== undefined) {
    const details = { sealingKey: toHex(sealingKey), by: known.peerId }
    throw new OstrakaError('conflict', 'this sealing key has been registered before', details)
  }
  ledger.put(sealingKeyPath(sealingKey), { peerId } satisfies SealingKeyRecord)
}

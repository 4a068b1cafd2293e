import { concat, OstrakaError, type PeerId, type Rng, toHex, utf8 } from '../base/index.ts'
import { provePossession, ristretto255, type SealingKeyPair, verifyPossession } from '../crypto/index.ts'
import { canonicalBytes, type DleqProof } from '../wire/index.ts'
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
  const element = ristretto255.decode(sealingKey)
  if (!verifyPossession(ristretto255, element, contextOf(owner, sealingKey), possession)) {
    throw new OstrakaError('malformed', 'the node does not prove that the sealing key is its own', { peerId })
  }
  const known = ledger.get<SealingKeyRecord>(sealingKeyPath(sealingKey))
  if (known !== undefined) {
    const details = { sealingKey: toHex(sealingKey), by: known.peerId }
    throw new OstrakaError('conflict', 'this sealing key has been registered before', details)
  }
  ledger.put(sealingKeyPath(sealingKey), { peerId } satisfies SealingKeyRecord)
}

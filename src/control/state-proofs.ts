import { OstrakaError, publicKeyOf } from '../base/index.ts'
import type { CertifiedHeader, Genesis, ProvenRecord, StateProof } from '../wire/index.ts'
import { checkCertifiedHeader, vouchedFor } from './blocks.ts'
import { initialState, type LedgerState } from './ledger.ts'
import { decodeRecord } from './merkle-leaf.ts'
import type { MerkleMap } from './merkle-map.ts'
import { verifyAbsence, verifyInclusion } from './merkle-trie.ts'
import { VALIDATORS_PATH, type ValidatorsRecord } from './records.ts'
import type { Validator } from './rotation.ts'

/** Records and the certified header that carries their root: the state before the newest block. */
export interface ProvableState {
  readonly tip: CertifiedHeader
  readonly records: MerkleMap
}

/** Proves what is at these paths, be it a record or nothing, and who votes, in the state before `tip`'s block. */
export function proveState({ tip, records }: ProvableState, paths: readonly string[]): StateProof {
  const proven = [VALIDATORS_PATH, ...paths].map(
    (path): ProvenRecord => ({ path, bytes: records.bytesOf(path) ?? null, ...records.prove(path) }),
  )
  return { ...tip, records: proven }
}

/** Whether the set that votes on the next block is another one than that which voted on the last. */
export function isHandover({ validators, previousValidators }: LedgerState): boolean {
  const before = new Set(previousValidators.map(({ peerId }) => peerId))
  return validators.length !== before.size || validators.some(({ peerId }) => !before.has(peerId))
}

/** What a client of the network knows for certain: which nodes voted on the block at `height`. */
export interface Checkpoint {
  readonly networkId: Uint8Array
  /** 0: the set of the genesis, which votes on the first block. */
  readonly height: number
  readonly validators: readonly Validator[]
}

/** What follows from the genesis alone. Errors: `malformed`, `unproven`. */
export function genesisCheckpoint(genesis: Genesis): Checkpoint {
  const { networkId, validators } = initialState(genesis)
  return { networkId, height: 0, validators }
}

/** What a proof shows: records by path, decoded; null where the state holds nothing. */
export interface VerifiedState {
  readonly checkpoint: Checkpoint
  readonly timeMs: number
  readonly records: ReadonlyMap<string, unknown>
}

/**
 * Checks a proof from anyone. Enough of the validators that the caller knows have precommitted the block that one of
 * them is honest; an honest node precommits only on top of the state whose root the header carries; that state names
 * the set that votes on the block; and a quorum of it has decided on the block. So validators may come and go between
 * the checkpoint and the proof, as long as enough of the known ones still vote (skipping verification, as Tendermint's
 * light clients do it); else proofs of the changes in between lead there, one after the other. Errors: `unproven`.
 */
export function verifyState(known: Checkpoint, proof: StateProof): VerifiedState {
  const { header, certificate } = proof
  if (header.height < known.height) {
    const details = { height: header.height, known: known.height }
    throw new OstrakaError('unproven', 'the proof is older than what is known already', details)
  }
  const { networkId } = known
  const records = new Map(
    proof.records.map(record => [record.path, verifiedRecord(header.stateRoot, record)]),
  )
  const validators = votersOf(records.get(VALIDATORS_PATH))
  unprovenUnless(() => {
    vouchedFor(networkId, known.validators, { header, certificate })
    checkCertifiedHeader(networkId, validators, { header, certificate })
  })
  return { checkpoint: { networkId, height: header.height, validators }, timeMs: header.timeMs, records }
}

function verifiedRecord(root: Uint8Array, { path, bytes, siblings, other }: ProvenRecord): unknown {
  const isProven =
    bytes === null
      ? verifyAbsence(root, path, { siblings, other })
      : verifyInclusion(root, path, bytes, { siblings, other })
  if (!isProven) throw new OstrakaError('unproven', 'the record is not in the certified state', { path })
  return bytes === null ? null : unprovenUnless(() => decodeRecord(bytes))
}

function votersOf(record: unknown): readonly Validator[] {
  if (record === undefined || record === null) {
    throw new OstrakaError('unproven', 'the proof does not say who votes')
  }
  // a record under a certified root has the shape that the reducer gave it; before that is checked, errors are caught
  return unprovenUnless(() =>
    (record as ValidatorsRecord).current.map(member => ({
      ...member,
      publicKey: publicKeyOf(member.peerId),
    })),
  )
}

function unprovenUnless<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const details = error instanceof OstrakaError ? error.details : {}
    throw new OstrakaError('unproven', `no certificate shows it: ${why}`, details)
  }
}

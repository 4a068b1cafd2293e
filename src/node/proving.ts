import { OstrakaError } from '../base/index.ts'
import { type ProvableState, proveState } from '../control/index.ts'
import { type KeyRecord, keyPaths } from '../keys/index.ts'
import type { StateProof } from '../wire/index.ts'

/** Which record, or which version of which key with all that clients ask of it; version 0 is the active one. */
export type ProofSubject = { readonly record: string } | { readonly key: string; readonly version: number }

/**
 * Proves it in the state before the newest block on disk: that block's certificate is the newest that clients are shown. Errors:
 * `not_ready` until this node has applied a block.
 */
export function proofOf(provable: ProvableState | null, subject: ProofSubject): StateProof {
  if (provable === null) throw new OstrakaError('not_ready', 'no block has been applied here yet')
  if ('record' in subject) return proveState(provable, [subject.record])
  const path = keyPaths.key(subject.key)
  const key = provable.records.get<KeyRecord>(path)
  if (key === undefined) return proveState(provable, [path])
  const version = subject.version === 0 ? key.activeVersion : subject.version
  const paths = [path, keyPaths.version(key.keyId, version)]
  if (key.ceremony.length > 0) paths.push(keyPaths.ceremony(key.ceremony))
  return proveState(provable, paths)
}

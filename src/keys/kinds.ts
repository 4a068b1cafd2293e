import { OstrakaError } from '../base/index.ts'
import type { GroupName } from '../crypto/index.ts'
import type { KeyKind, Operation } from '../wire/index.ts'

/** Each kind is a suite over one prime-order group with one operation. */
export interface KindSuite {
  readonly group: GroupName
  readonly operation: Operation
}

const SUITES: Readonly<Record<KeyKind, KindSuite>> = {
  ed25519: { group: 'edwards25519', operation: 'sign' },
  secp256k1: { group: 'secp256k1', operation: 'sign' },
  ristretto255: { group: 'ristretto255', operation: 'derive' },
  x25519: { group: 'edwards25519', operation: 'decrypt' },
  toy: { group: 'toy', operation: 'sign' },
}

export function suiteOf(kind: KeyKind): KindSuite {
  return SUITES[kind]
}

/** Errors: `wrong_kind` when keys of this kind have no such operation. */
export function requireOperation(kind: KeyKind, operation: Operation): void {
  if (SUITES[kind].operation !== operation) {
    throw new OstrakaError('wrong_kind', `a ${kind} key cannot ${operation}`, { kind, operation })
  }
}

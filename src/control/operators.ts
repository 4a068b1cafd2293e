import { equalBytes, OstrakaError, toHex } from '../base/index.ts'
import { verifySigned } from '../crypto/index.ts'
import type { Approval, Genesis, SigningType } from '../wire/index.ts'
import type { Ledger } from './ledger.ts'

export function isOperator(genesis: Genesis, publicKey: Uint8Array): boolean {
  return genesis.operators.some(operator => equalBytes(operator, publicKey))
}

/** Errors: `unauthorized`. */
export function requireOperator({ genesis }: Pick<Ledger, 'genesis'>, publicKey: Uint8Array): void {
  if (!isOperator(genesis, publicKey)) throw new OstrakaError('unauthorized', 'only operators decide this')
}

/**
 * Requires as many operators as the genesis asks for: the transaction's signer, and those whose `approvals` sign `value`
 * in the domain `type`. Errors: `unauthorized` (no operator, or too few { needed, given }), `bad_signature`.
 */
export function requireOperators(
  ledger: Ledger,
  signer: Uint8Array,
  approvals: readonly Approval[],
  type: SigningType,
  value: object,
): void {
  const given = new Set<string>()
  const approve = (operator: Uint8Array): void => {
    requireOperator(ledger, operator)
    given.add(toHex(operator))
  }
  approve(signer)
  for (const approval of approvals) {
    approve(approval.signer)
    if (!verifySigned(type, ledger.networkId, { value, ...approval })) {
      const details = { signer: toHex(approval.signer) }
      throw new OstrakaError('bad_signature', 'an approval does not verify', details)
    }
  }
  const needed = ledger.genesis.approvals
  if (given.size < needed) {
    throw new OstrakaError('unauthorized', 'too few operators approve', { needed, given: given.size })
  }
}

import { OstrakaError } from '../base/index.ts'
import type { GrantCreate } from '../wire/index.ts'
import type { TransactionHandler } from './apply.ts'
import type { LedgerReader } from './ledger.ts'
import { requireOperator } from './operators.ts'
import { type CreatorRecord, creatorPath } from './records.ts'

/**
 * An operator grants or withdraws the right to create keys. `revision` is that of the record it replaces, 0 where there
 * is none, so that a replayed grant is void. Errors: `unauthorized`, `conflict` { revision }.
 */
export const grantCreate: TransactionHandler<GrantCreate> = (ledger, transaction, context) => {
  requireOperator(ledger, context.signer)
  const path = creatorPath(transaction.principal)
  const current = ledger.get<CreatorRecord>(path)
  const revision = current?.revision ?? 0
  if (transaction.revision !== revision) {
    throw new OstrakaError('conflict', 'the grant has changed meanwhile', { revision })
  }
  const { isAllowed, quota } = transaction
  const own = quota === undefined ? {} : { quota }
  ledger.put(path, { isAllowed, revision: revision + 1, ...own } satisfies CreatorRecord)
}

/** Whether `principal` may create keys. */
export function mayCreate(ledger: LedgerReader, principal: Uint8Array): boolean {
  return ledger.get<CreatorRecord>(creatorPath(principal))?.isAllowed ?? false
}

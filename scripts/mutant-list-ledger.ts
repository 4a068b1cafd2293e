import type { Mutant } from './mutant-list.ts'

/** Deadlines, quotas and bounded work in the ledger. */
export const LEDGER_MUTANTS: readonly Mutant[] = [
  {
    name: 'deadlines: one is consumed though its handler failed',
    file: 'src/control/deadlines.ts',
    find: '    retryLater(ledger, subject, failures, at)\n',
    replace: '    ledger.cancelWake(subject)\n',
    specs: ['test/control/deadlines.spec.ts'],
  },
  {
    name: 'deadlines: one that fails is tried in every block',
    file: 'src/control/deadlines.ts',
    find: 'Math.min(MAX_RETRY_BLOCKS, 2 ** Math.min(failures, 30))',
    replace: '1',
    specs: ['test/control/deadlines.spec.ts'],
  },
  {
    name: 'deadlines: a subject keeps those it had before',
    file: 'src/control/ledger.ts',
    find: '    this.cancelWake(record.subject)\n',
    replace: '',
    specs: ['test/control/deadlines.spec.ts'],
  },
  {
    name: 'quotas: a creator may run as many ceremonies as it likes',
    file: 'src/keys/creations.ts',
    find: 'ceremonies.length < MAX_RUNNING && own.length < quotaOf(ledger, principal).ceremonies',
    replace: 'ceremonies.length < MAX_RUNNING && own.length < 1e6 * quotaOf(ledger, principal).ceremonies',
    specs: ['test/keys/quotas.spec.ts'],
  },
  {
    name: 'quotas: a creator may have as many versions as it likes',
    file: 'src/control/quotas.ts',
    find: '  if (usage.versions >= limit) {',
    replace: '  if (usage.versions > 1e6 * limit) {',
    specs: ['test/keys/quotas.spec.ts'],
  },
  {
    name: 'quotas: what fails costs nothing',
    file: 'src/control/apply.ts',
    find: 'ledger.attempt(() => chargeTransaction(ledger, signed))',
    replace: 'ledger.attempt(() => signed.value.type === "leave" && chargeTransaction(ledger, signed))',
    specs: ['test/keys/quotas.spec.ts'],
  },
  {
    name: 'quotas: a creation that failed keeps its place',
    file: 'src/keys/ceremony-rules.ts',
    find: '  if (!isHandoff(ceremony)) giveVersionBack(ledger, ceremony.creator)\n',
    replace: '',
    specs: ['test/keys/quotas.spec.ts'],
  },
  {
    name: 'sweep: one block looks at every version',
    file: 'src/keys/repairs.ts',
    find: 'paths.allVersions, from, SWEPT_PER_BLOCK)',
    replace: 'paths.allVersions, from, 1e9 + SWEPT_PER_BLOCK)',
    specs: ['test/keys/scale.spec.ts'],
  },
  {
    name: 'creations: one that was aborted keeps its name',
    file: 'src/keys/ceremony-rules.ts',
    find: '  ledger.delete(paths.keyName(keyId))\n',
    replace: '',
    specs: ['test/keys/bounded.spec.ts'],
  },
]

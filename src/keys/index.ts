export {
  begin as beginCeremonies,
  type CeremonyEvent,
  type CeremonyState,
  type CeremonyWorld,
  recoverCeremonies,
  step as stepCeremonies,
} from './ceremonies.ts'
export { dealingContext } from './context.ts'
export { type DealingPlan, type MadeDealing, makeDealing } from './dealer.ts'
export { reportEvidence } from './evidence-handler.ts'
export {
  acknowledge,
  complain,
  createKey,
  deal,
  setPolicy,
  settleDeadlines,
} from './handlers.ts'
export { suiteOf } from './kinds.ts'
export * from './operations/index.ts'
export { paths as keyPaths } from './paths.ts'
export type * from './records.ts'
export { Vault, vaultPaths } from './vault.ts'

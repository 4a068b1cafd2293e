export { auditLosses, auditResetRule, recordCheckpoint, resetAudit } from './audit-handler.ts'
export { begin as beginCeremonies, type CeremonyEvent, step as stepCeremonies } from './ceremonies.ts'
export { type CeremonyState, type CeremonyWorld, recoverCeremonies } from './ceremony-state.ts'
export { changeKey, endRetention, retireVersion } from './change-handlers.ts'
export { forgetClosed } from './closed-ceremonies.ts'
export { dealingContext } from './context.ts'
export { type DealingPlan, type MadeDealing, makeDealing } from './dealer.ts'
export { reportEvidence } from './evidence-handler.ts'
export * from './exports/index.ts'
export {
  acceptedMembers,
  acknowledge,
  complain,
  createKey,
  deal,
  eligibleMembers,
  setPolicy,
  settleDeadlines,
} from './handlers.ts'
export { suiteOf } from './kinds.ts'
export { NETWORK_KEY } from './network-key.ts'
export { keepNetworkKey } from './network-schedule.ts'
export * from './operations/index.ts'
export { paths as keyPaths } from './paths.ts'
export * from './randomness/index.ts'
export type * from './records.ts'
export { movesUnaccepted, openRefreshes, scheduleRepairs } from './repairs.ts'
export { forgetReplaced } from './replaced.ts'
export { recordHashOf, recordKeyOf, sharePath, shareTreeRoot } from './sealed-records.ts'
export { announceSealingKey } from './sealing-keys.ts'
export { Vault, vaultPaths } from './vault.ts'
export { encodePublicKey } from './version-rules.ts'

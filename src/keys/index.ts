export { auditLosses, auditResetRule, recordCheckpoint, resetAudit } from './audit-handler.ts'
export { begin as beginCeremonies, type CeremonyEvent, step as stepCeremonies } from './ceremonies.ts'
export { type CeremonyState, type CeremonyWorld, recoverCeremonies } from './ceremony-state.ts'
export { changeKey } from './change-handlers.ts'
export { forgetClosed } from './closed-ceremonies.ts'
export { dealingContext } from './context.ts'
export { openCreations } from './creations.ts'
export { type DealingPlan, type MadeDealing, makeDealing } from './dealer.ts'
export { EarlyRecords } from './early-records.ts'
export { acceptedMembers, eligibleMembers } from './eligible.ts'
export { reportEvidence } from './evidence-handler.ts'
export * from './exports/index.ts'
export {
  acknowledge,
  complain,
  createKey,
  deal,
  requireRulesComing,
  setPolicy,
  settleCeremony,
} from './handlers.ts'
export { requeueHandoff } from './handoff-queue.ts'
export { openHandoffs, queueRefresh } from './handoffs.ts'
export { suiteOf } from './kinds.ts'
export { NETWORK_KEY } from './network-key.ts'
export { keepNetworkKey } from './network-schedule.ts'
export * from './operations/index.ts'
export { paths as keyPaths } from './paths.ts'
export * from './randomness/index.ts'
export {
  type RecordClaim,
  type RecordJudge,
  type RecordStanding,
  recordJudge,
} from './record-pins.ts'
export type * from './records.ts'
export { movesUnaccepted, sweepVersions } from './repairs.ts'
export { forgetReplaced } from './replaced.ts'
export { destroyRule, endDestruction, endRetention, retireVersion } from './retire-handlers.ts'
export { forgetRetired } from './retiring.ts'
export { recordHashOf, recordKeyOf, sharePath, shareTreeRoot } from './sealed-records.ts'
export { announceSealingKey } from './sealing-keys.ts'
export { Vault, vaultPaths } from './vault.ts'
export { encodePublicKey } from './version-rules.ts'

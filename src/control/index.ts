export { type Anchor, forgetWrite } from './abstention.ts'
export {
  type Applied,
  applyBlock,
  type BlockHook,
  type Reducer,
  type TransactionContext,
  type TransactionHandler,
  type TransactionHandlers,
  type TransactionResult,
  tryTransaction,
} from './apply.ts'
export {
  type ActRule,
  approvalHandlers,
  consentTo,
  expireProposal,
  isApproved,
  liveProposals,
  operatorsRule,
  proposalIdOf,
  proposals,
} from './approvals.ts'
export {
  type AttestationPolicyRecord,
  type AttestationRecord,
  type AttestationStanding,
  attestationOf,
  attestationPath,
  attestationPolicy,
  attestationRule,
  attestationStanding,
  isAttested,
  isListed,
} from './attestation.ts'

export { quorumOf, verifyCertificate } from './certificates.ts'
export { type DeadlineHandler, MAX_DUE_PER_BLOCK } from './deadlines.ts'
export { mayCreate } from './grants.ts'
export { blockIdOf, networkIdOf, transactionIdOf } from './ids.ts'
export {
  type BlockContext,
  coordinatorOf,
  epochStartMs,
  initialState,
  type Ledger,
  LedgerDraft,
  type LedgerReader,
  type LedgerState,
  MAX_VOTING,
  setSeed,
} from './ledger.ts'
export { judgeBlock, stepLog } from './log.ts'
export { type LogState, noteAnnounced, viewLog } from './log-state.ts'
export type {
  AppliedEffect,
  IncludedEffect,
  LogEffect,
  LogEvent,
  LogLimits,
  LogOptions,
  LogView,
  NotIncludedEffect,
  RestoredEffect,
  SubmitEvent,
} from './log-types.ts'
export { removalRule } from './membership.ts'
export { type Mended, mendLog } from './mending.ts'
export { type MapEntry, MerkleMap } from './merkle-map.ts'
export { type MerkleProof, verifyAbsence, verifyInclusion } from './merkle-trie.ts'
export { isOperator, requireOperators } from './operators.ts'
export {
  chargeBytes,
  countQueued,
  giveVersionBack,
  quotaOf,
  takeVersion,
  usageOf,
} from './quotas.ts'
export {
  type ChainRecord,
  type CreatorRecord,
  type DeadlineRecord,
  type MemberRecord,
  memberPath,
  type ProposalRecord,
  proposalPath,
  sealingKeyPath,
  type UsageRecord,
} from './records.ts'
export { LOG_PREFIXES, recoverLog } from './recovery.ts'
export { type Ranking, rank, type Validator } from './rotation.ts'
export {
  checkFounders,
  isFounderProven,
  proveFounder,
  proveFounders,
  proveSealingKey,
  registerSealingKey,
  type SealingKeyOwner,
} from './sealing-keys.ts'
export {
  type Checkpoint,
  genesisCheckpoint,
  type ProvableState,
  proveState,
  type VerifiedState,
  verifyState,
} from './state-proofs.ts'
export { BLOCK_PREFIX, blockKey, HANDOVER_PREFIX, handoverKey } from './store-keys.ts'
export { beginStage, endStage, hasHonestProposer, passLead } from './turns.ts'

export type { ExportResult, OperationResult, PartialProof } from '../keys/index.ts'
export { claimedHeads, forksOf, inspectDirectory, type Witnessed } from './audit-offline.ts'
export type { AuditPage } from './audit-store.ts'
export { type Claim, claimDatabase, type DatabaseMark, restoreDatabase } from './database.ts'
export type {
  ActView,
  ApprovalsView,
  AttestationPolicyView,
  AttestationView,
  AuditCheckpointView,
  AuditLossView,
  AuditView,
  ConvictionView,
  CreatorView,
  ImportPlan,
  KeyView,
  MembershipView,
  MemberView,
  NodePort,
  Notice,
  PeerView,
  ProposalView,
  StatusView,
  TrustView,
} from './port.ts'
export type { Logger, Ports } from './ports.ts'
export { requireOthers, storedPosition } from './position.ts'
export type { ProofSubject } from './proving.ts'
export { type NodeAddress, type RunningNode, type StartOptions, startNode } from './start.ts'
export { REDUCER, reading } from './state.ts'

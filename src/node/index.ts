export type { OperationResult, PartialProof } from '../keys/index.ts'
export { claimedHeads, inspectDirectory, type Witnessed } from './audit-offline.ts'
export type { AuditPage } from './audit-store.ts'
export type { Logger, Ports } from './driver.ts'
export type {
  AttestationView,
  AuditCheckpointView,
  AuditView,
  ConvictionView,
  ImportPlan,
  KeyView,
  MembershipView,
  MemberView,
  NodePort,
  PeerView,
  StatusView,
  TrustView,
} from './port.ts'
export type { ProofSubject } from './proving.ts'
export { type NodeAddress, type RunningNode, type StartOptions, startNode } from './start.ts'

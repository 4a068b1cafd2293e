export {
  type Checkpoint,
  formatNote,
  noteText,
  originOf,
  parseNote,
  signCheckpoint,
  type TreeHead,
  verifyCheckpoint,
} from './checkpoint.ts'
export { type AuditAct, type AuditEntry, type AuditKind, auditEntryCodec } from './entry.ts'
export {
  AUDIT_FAULTS,
  type AuditFault,
  type AuditFinding,
  type ClaimedHead,
  Inspection,
} from './inspection.ts'
export {
  type Appended,
  type AuditLog,
  type AuditWorld,
  append as appendAudit,
  decodeHead,
  emptyLog,
  type Issued,
  look as lookAtRecord,
  openLog,
  requireWritable,
  type SignedCheckpoint,
  signedCheckpointCodec,
  written as auditWritten,
} from './log.ts'
export {
  nodesOfPlan,
  type ProofPlan,
  planConsistency,
  planInclusion,
  proofOf,
  verifyConsistency,
  verifyInclusion,
} from './proofs.ts'
export { type AuditKeys, auditKeys, generationOfHead, LATER_HEADS } from './store-keys.ts'
export {
  CompactRange,
  EMPTY_ROOT,
  foldRight,
  type HashedNode,
  interiorHash,
  leafHash,
  nodeName,
  subtreesOf,
  type TreeNode,
} from './tree.ts'

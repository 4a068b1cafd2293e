export type {
  AttestationView,
  ConvictionView,
  ImportPlan,
  KeyView,
  MembershipView,
  MemberView,
  NodePort,
  OperationResult,
  PartialProof,
  PeerView,
  StatusView,
  TrustView,
} from '../node/index.ts'

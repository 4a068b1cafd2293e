export type {
  ConvictionView,
  ImportPlan,
  KeyView,
  MemberView,
  NodePort,
  OperationResult,
  PartialProof,
  PeerView,
  StatusView,
  TrustView,
} from '../node/index.ts'

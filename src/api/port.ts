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
} from '../node/index.ts'

export type { OperationResult, PartialProof } from '../keys/index.ts'
export type { Logger, Ports } from './driver.ts'
export type {
  ConvictionView,
  ImportPlan,
  KeyView,
  MemberView,
  NodePort,
  PeerView,
  StatusView,
  TrustView,
} from './port.ts'
export { type RunningNode, type StartOptions, startNode } from './start.ts'

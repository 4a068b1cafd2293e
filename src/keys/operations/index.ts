export { type BadPartialClaim, judgeBadPartial } from './evidence.ts'
export {
  createGateway,
  type GatewayEffect,
  type GatewayEvent,
  type GatewayState,
  gatewayCounters,
  type OperatedEffect,
  stepGateway,
} from './gateway.ts'
export { answerNonces, answerPartial, createHolder, type HolderState } from './holder.ts'
export { signOperation } from './request.ts'
export type { OperationResult, PartialProof } from './result.ts'
export type { GatewayWorld, HolderWorld, KeyDirectory } from './world.ts'

export type { GatewayEffect, GatewayEvent, GatewayState, OperatedEffect } from './desk.ts'
export { type BadPartialClaim, judgeBadPartial } from './evidence.ts'
export { createGateway, gatewayCounters, stepGateway } from './gateway.ts'
export {
  answerNonces,
  answerPartial,
  createHolder,
  type HolderState,
  noncesAsked,
  type Slices,
  shareOf,
} from './holder.ts'
export { knownDigest, signOperation } from './request.ts'
export type { OperationResult, PartialProof } from './result.ts'
export type { GatewayWorld, HolderWorld, KeyDirectory } from './world.ts'

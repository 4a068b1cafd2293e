import { CALM } from '../../src/sim/network.ts'
import type { Plan } from '../../src/sim/plan.ts'

/** No weather at all: each test adds what it is about. */
export const CALM_PLAN: Plan = {
  kinds: ['toy'],
  conditions: CALM,
  partitionEveryMs: undefined,
  crashEveryMs: undefined,
  clockJumpEveryMs: undefined,
  fullDiskEveryMs: undefined,
  outageAtMs: undefined,
  diskLossAtMs: undefined,
  recordMissRate: 0,
  syncMs: 4,
  byzantine: new Map(),
  absent: undefined,
  tampered: undefined,
}

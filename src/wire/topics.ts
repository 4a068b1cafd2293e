import { MAX_BEACON_BYTES } from './beacon.ts'
import { MAX_BLOCK_BYTES } from './blocks.ts'
import { MAX_PLAN_BYTES } from './plan.ts'

export type Topic = 'beacons' | 'blocks' | 'plans'

/** Every gossip topic, and the largest message on it: the cap of the codec that its judge decodes with. */
export const TOPIC_BYTES: Readonly<Record<Topic, number>> = {
  beacons: MAX_BEACON_BYTES,
  blocks: MAX_BLOCK_BYTES,
  plans: MAX_PLAN_BYTES,
}

export function isTopic(name: string): name is Topic {
  return Object.hasOwn(TOPIC_BYTES, name)
}

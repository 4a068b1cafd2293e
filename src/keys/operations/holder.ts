import { OstrakaError, type PeerId, type Rng } from '../../base/index.ts'
import type { NoncesAnswer, NoncesCall, PartialAnswer, PartialCall } from '../../wire/index.ts'
import type { HolderWorld } from './world.ts'

export interface HolderState {
  readonly world: HolderWorld
}

export function createHolder(world: HolderWorld): HolderState {
  return { world }
}

/** Answers a gateway's partial request after checking everything itself. Changes `state` in place. */
export function answerPartial(
  _state: HolderState,
  _from: PeerId,
  _call: PartialCall,
  _nowMs: number,
  _rng: Rng,
): PartialAnswer {
  throw new OstrakaError('unsupported', 'the holder is being built')
}

/** Makes nonces ahead for a gateway, RFC 9591 section 5.1. Changes `state` in place. */
export function answerNonces(
  _state: HolderState,
  _from: PeerId,
  _call: NoncesCall,
  _nowMs: number,
  _rng: Rng,
): NoncesAnswer {
  throw new OstrakaError('unsupported', 'the holder is being built')
}

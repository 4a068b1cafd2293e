import { createHash } from 'node:crypto'
import { type SigningKey, signValue } from '../crypto/index.ts'
import {
  type Beacon,
  beaconCodec,
  type PartialAnswer,
  peerAnswerCodec,
  peerMessageCodec,
  type VoteMessage,
} from '../wire/index.ts'

/** Whose words these are: whatever is changed is signed again. */
export interface Liar {
  readonly identity: SigningKey
  readonly networkId: Uint8Array
}

/** The same voter's vote for something else: for nothing where it was for a block, for some block where it was for none. */
export function otherVote({ identity, networkId }: Liar, { step, vote }: VoteMessage): Uint8Array {
  const { height, round, blockId } = vote.value
  const made = createHash('sha256').update(`${height}/${round}`).digest()
  const other = { ...vote.value, blockId: blockId.length === 0 ? new Uint8Array(made) : new Uint8Array(0) }
  return peerMessageCodec.encode({ type: 'vote', step, vote: signValue(identity, step, networkId, other) })
}

/** Another load under the same sequence. */
export function otherBeacon({ identity, networkId }: Liar, beacon: Beacon): Uint8Array {
  const load = { ...beacon.load, operations: beacon.load.operations + 1 }
  return beaconCodec.encode(signValue(identity, 'beacon', networkId, { ...beacon, load }))
}

/** The same answer with one bit of each value changed. */
export function spoiltPartial({ identity, networkId }: Liar, answer: PartialAnswer): Uint8Array {
  const { value } = answer.partial
  const partials = value.partials.map(each => ({
    ...each,
    values: each.values.map(bytes => bytes.map((byte, index) => (index === 1 ? byte ^ 1 : byte))),
  }))
  const partial = signValue(identity, 'partial', networkId, { ...value, partials })
  return peerAnswerCodec.encode({ ...answer, partial })
}

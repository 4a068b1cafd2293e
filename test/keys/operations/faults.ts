import { signValue } from '../../../src/crypto/index.ts'
import type { Partial, PeerAnswer } from '../../../src/wire/index.ts'
import { NETWORK_ID, type Tamper, type TestNode } from './network.ts'

/** Changes one bit, another one for each slot: two equal errors could cancel out in a sum of shares. */
export function flip(bytes: Uint8Array, slot: number): Uint8Array {
  const changed = new Uint8Array(bytes)
  changed[8 + slot]! ^= 1
  return changed
}

export function resign(
  node: TestNode,
  answer: PeerAnswer,
  change: (partial: Partial) => Partial,
): PeerAnswer {
  if (answer.type !== 'partial') return answer
  const partial = signValue(node.identity, 'partial', NETWORK_ID, change(answer.partial.value))
  return { ...answer, partial }
}

export function spoilValue(partial: Partial): Partial {
  const partials = partial.partials.map(one => ({
    ...one,
    values: one.values.map((value, index) => (index === 0 ? flip(value, one.slot) : value)),
  }))
  return { ...partial, partials }
}

/** A holder that lies, and signs its lies. */
export const lying: Tamper = (answer, _request, node) => resign(node, answer, spoilValue)

/** A holder whose answers are wrong and whose signature on them is too. */
export const garbling: Tamper = answer => {
  if (answer.type !== 'partial') return answer
  return { ...answer, partial: { ...answer.partial, value: spoilValue(answer.partial.value) } }
}

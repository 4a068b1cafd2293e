import { isOstrakaError } from '../../base/index.ts'
import { type Element, verifyDecryptPartial, verifyPartial } from '../../crypto/index.ts'
import type { Partial, PartialRequest, SlotPartial } from '../../wire/index.ts'
import type { VersionMaterial } from './material.ts'

/** Whether the answer has one part for each slot asked, in order, and each part one value for each input. */
export function hasShape(asked: PartialRequest, { partials }: Partial): boolean {
  const { inputs, operation } = asked.request.value
  return (
    partials.length === asked.slots.length &&
    partials.every(
      ({ slot, values, proof }, index) =>
        slot === asked.slots[index] &&
        values.length === inputs.length &&
        (proof === undefined) === (operation === 'sign'),
    )
  )
}

/**
 * derive and decrypt: the evaluated elements of one slot, or undefined when they are not its share times `elements`.
 */
export function rightEvaluation(
  material: VersionMaterial,
  operation: 'derive' | 'decrypt',
  elements: readonly Element[],
  { slot, values, proof }: SlotPartial,
): Element[] | undefined {
  if (proof === undefined) return undefined
  const { group } = material
  let evaluated: Element[]
  try {
    evaluated = values.map(value => group.decode(value))
  } catch (error) {
    if (isOstrakaError(error, 'malformed')) return undefined
    throw error
  }
  const verify = operation === 'derive' ? verifyPartial : verifyDecryptPartial
  return verify(group, elements, material.verifyingShare(slot), evaluated, proof) ? evaluated : undefined
}

/** sign: whether all of one slot's signature shares are right. Errors: `malformed` for packages that bind nobody. */
export function areRightShares(
  material: VersionMaterial,
  asked: PartialRequest,
  { slot, values }: SlotPartial,
): boolean {
  const { suite, publicKey } = material
  const verifyingShare = material.verifyingShare(slot)
  return asked.request.value.inputs.every((message, index) => {
    const commitments = asked.packages![index]!
    return suite.verifyShare({ slot, share: values[index]!, verifyingShare, publicKey, commitments, message })
  })
}

import { OstrakaError, type PeerId } from '../../base/index.ts'
import type { PartialRequest, SlotCommitment } from '../../wire/index.ts'
import type { VersionRecord } from '../records.ts'

/**
 * What a holder demands of the gateway's part of a partial request before it computes anything. The judge of evidence
 * demands the same, so that what no honest holder would have answered convicts nobody.
 * Errors: `malformed`, also for a slot that this holder does not hold.
 */
export function checkPartialRequest(call: PartialRequest, version: VersionRecord, holder: PeerId): void {
  if (call.slots.length === 0) throw new OstrakaError('malformed', 'no slots are asked for')
  if (!isAscending(call.slots))
    throw new OstrakaError('malformed', 'slots must ascend', { slots: call.slots })
  for (const slot of call.slots) {
    if (!version.slots.some(held => held.slot === slot && held.peerId === holder)) {
      throw new OstrakaError('malformed', 'not a slot of this holder', { slot, holder })
    }
  }
  const { operation, inputs } = call.request.value
  if (operation !== 'sign') {
    if (call.packages !== undefined) throw new OstrakaError('malformed', 'only sign has signing packages')
    return
  }
  if (call.packages?.length !== inputs.length) {
    throw new OstrakaError('malformed', 'every input needs its signing package', { inputs: inputs.length })
  }
  for (const signers of call.packages) checkPackage(signers, call.slots, version)
}

function checkPackage(
  signers: readonly SlotCommitment[],
  asked: readonly number[],
  version: VersionRecord,
): void {
  const slots = signers.map(({ slot }) => slot)
  const isComplete = slots.length >= version.threshold && asked.every(slot => slots.includes(slot))
  const isOfVersion = slots.every(slot => version.slots.some(held => held.slot === slot))
  if (!isComplete || !isOfVersion || !isAscending(slots)) {
    throw new OstrakaError('malformed', 'not a signing package for these slots', { slots, asked })
  }
}

function isAscending(slots: readonly number[]): boolean {
  return slots.every((slot, index) => index === 0 || slot > slots[index - 1]!)
}

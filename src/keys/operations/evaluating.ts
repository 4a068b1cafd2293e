import type { PeerId } from '../../base/index.ts'
import { combineDecryption, combinePartials, finalizeDirect } from '../../crypto/index.ts'
import type { PartialAnswer, PartialRequest } from '../../wire/index.ts'
import { type ChosenHolder, chooseHolders } from './choosing.ts'
import { accuse } from './culprits.ts'
import { ask, candidatesFor, type Desk, finish, resultOf, slotCount } from './desk.ts'
import { waitOrFail } from './refusals.ts'
import type { OperationResult, PartialProof } from './result.ts'
import type { Call, EvaluationWork, GoodPartial, Run } from './run.ts'
import { hasShape, rightEvaluation } from './verdict.ts'

/** Asks as many more holders as are missing, when those that answer in time do not suffice. */
export function advanceEvaluation(desk: Desk, run: Run, work: EvaluationWork): void {
  const { threshold } = run.material.record
  if (work.good.size >= threshold) {
    finish(desk, run, { ok: true, value: combine(run, work) })
    return
  }
  const current = [...run.calls].filter(call => call.material === run.material)
  const onTime = slotCount(current.filter(call => !call.isLate))
  const missing = threshold - work.good.size - onTime
  if (missing <= 0) return
  const busy = new Set<PeerId>(current.map(call => call.to))
  const slotsOf = (peerId: PeerId, slots: readonly number[]): readonly number[] =>
    busy.has(peerId) ? [] : slots.filter(slot => !work.good.has(slot))
  const candidates = candidatesFor(desk, run, slotsOf, () => 1)
  const chosen = chooseHolders(candidates, missing, run.checked.digest)
  if (work.good.size + slotCount(current) + slotCount(chosen) < threshold) {
    // Not even all of them together: those that could still answer need not.
    waitOrFail(desk, run)
    return
  }
  for (const holder of chosen) send(desk, run, holder)
}

function send(desk: Desk, run: Run, { peerId, slots }: ChosenHolder): void {
  const { material } = run
  const { version, generation } = material.record
  const request: PartialRequest = { request: run.signed, version, generation, slots }
  const size = run.checked.request.inputs.length * slots.length
  ask(
    desk,
    { to: peerId, purpose: 'partial', run, material, slots, coming: 0, size, request, attempt: undefined },
    { type: 'partial', call: request, refill: 0 },
    run.deadlineMs - desk.nowMs,
  )
}

/** Checks every partial against its verifying share: nothing later would reveal a wrong result. */
export function onEvaluated(
  desk: Desk,
  run: Run,
  work: EvaluationWork,
  call: Call,
  answer: PartialAnswer,
): void {
  const { operation } = run.checked.request
  const { partials } = answer.partial.value
  if (operation === 'sign' || !hasShape(call.request!, answer.partial.value)) {
    accuse(desk, run, call, answer.partial)
    return
  }
  const good: GoodPartial[] = []
  for (const partial of partials) {
    const elements = rightEvaluation(run.material, operation, run.checked.elements, partial)
    if (elements === undefined) {
      accuse(desk, run, call, answer.partial)
      return
    }
    good.push({ slot: partial.slot, elements, proof: partial.proof! })
  }
  for (const partial of good) work.good.set(partial.slot, partial)
}

function combine(run: Run, work: EvaluationWork): OperationResult {
  const { material } = run
  const { group, record } = material
  const { operation, isBlinded, inputs } = run.checked.request
  const used = [...work.good.values()].slice(0, record.threshold).sort((a, b) => a.slot - b.slot)
  if (operation === 'decrypt') {
    return resultOf(
      material,
      combineDecryption(group, used).map(secret => secret.expose()),
    )
  }
  const combined = combinePartials(group, used)
  if (isBlinded) {
    const outputs = combined.map(element => element.bytes)
    return { ...resultOf(material, outputs), proofs: used.map(partial => proofOf(run, partial)) }
  }
  const outputs = combined.map((element, index) => finalizeDirect(inputs[index]!, element).expose())
  return resultOf(material, outputs)
}

function proofOf({ material }: Run, { slot, elements, proof }: GoodPartial): PartialProof {
  return {
    slot,
    verifyingShare: material.verifyingShare(slot).bytes,
    elements: elements.map(element => element.bytes),
    challenge: proof.challenge,
    response: proof.response,
  }
}

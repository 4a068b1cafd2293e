import { isOstrakaError, type OstrakaError, type PeerId, toOstrakaError } from '../../base/index.ts'
import type {
  NonceCommitment,
  NoncesAnswer,
  PartialAnswer,
  PartialRequest,
  SlotCommitment,
} from '../../wire/index.ts'
import { askNonces } from './ahead.ts'
import { type ChosenHolder, chooseHolders } from './choosing.ts'
import { accuse, dismissBadCommitments } from './culprits.ts'
import { ask, candidatesFor, count, type Desk, finish, resultOf, slotCount } from './desk.ts'
import { waitOrFail } from './refusals.ts'
import type { Attempt, Call, Run, SigningWork } from './run.ts'
import { hasShape } from './verdict.ts'

/** Starts an attempt unless one is under way whose signers all keep their time. */
export function advanceSigning(desk: Desk, run: Run, work: SigningWork): void {
  const living = work.attempts.filter(attempt => !attempt.isDead)
  const late = [...run.calls].filter(call => call.isLate && call.attempt?.isDead === false)
  if (living.some(attempt => !late.some(call => call.attempt === attempt))) return
  const slow = new Set<PeerId>(late.map(call => call.to))
  const { threshold } = run.material.record
  const candidates = candidatesFor(
    desk,
    run,
    (peerId, slots) => (slow.has(peerId) ? [] : slots),
    slots => (slots.every(slot => isReady(desk, run, slot)) ? 1 : 2),
  )
  const chosen = chooseHolders(candidates, threshold, run.checked.digest)
  if (slotCount(chosen) >= threshold) startAttempt(desk, run, work, chosen)
  else if (living.length === 0) waitOrFail(desk, run)
}

function isReady({ gateway }: Desk, run: Run, slot: number): boolean {
  return gateway.commitments.ready(run.material.name, slot) >= run.checked.request.inputs.length
}

function startAttempt(desk: Desk, run: Run, work: SigningWork, signers: readonly ChosenHolder[]): void {
  if (work.attempts.length > 0) count(desk, 'operation_signing_retries')
  const attempt: Attempt = {
    signers,
    commitments: new Map(),
    packages: undefined,
    shares: new Map(),
    answers: new Map(),
    isDead: false,
  }
  work.attempts.push(attempt)
  for (const signer of signers) {
    if (!reserve(desk, run, attempt, signer)) {
      askNonces(desk, run.material, signer.peerId, run.checked.request.inputs.length, { run, attempt })
    }
  }
  sendPackages(desk, run, attempt)
}

/** Takes a signer's commitments out of stock for this attempt: all of them or none. */
function reserve(desk: Desk, run: Run, attempt: Attempt, { slots }: ChosenHolder): boolean {
  if (!slots.every(slot => isReady(desk, run, slot))) return false
  const { commitments } = desk.gateway
  const inputs = run.checked.request.inputs.length
  for (const slot of slots) {
    attempt.commitments.set(slot, commitments.take(run.material.name, slot, inputs)!)
  }
  return true
}

/**
 * The nonces that an attempt was waiting for are in stock; false when the holder sent none, so that it must be replaced.
 * With fewer than needed (an answer is bounded, and other requests draw on the stock too) it is asked again.
 */
export function onNonces(desk: Desk, run: Run, call: Call, answer: NoncesAnswer): boolean {
  const { attempt } = call
  const signer = attempt?.signers.find(({ peerId }) => peerId === call.to)
  if (attempt === undefined || attempt.isDead || signer === undefined) return true
  if (reserve(desk, run, attempt, signer)) {
    sendPackages(desk, run, attempt)
    return true
  }
  const isProgress = signer.slots.every(slot =>
    answer.nonces.some(given => given.slot === slot && given.commitments.length > 0),
  )
  if (isProgress) askNonces(desk, run.material, call.to, run.checked.request.inputs.length, { run, attempt })
  return isProgress
}

/** Once every signer's commitments are there: RFC 9591 section 5.2, the same list to each. */
function sendPackages(desk: Desk, run: Run, attempt: Attempt): void {
  if (attempt.commitments.size < run.material.record.threshold) return
  const { inputs } = run.checked.request
  const lines = [...attempt.commitments].sort(([a], [b]) => a - b)
  const packages = inputs.map((_, index) => lines.map(([slot, list]) => lineOf(slot, list[index]!)))
  attempt.packages = packages
  for (const { peerId, slots } of attempt.signers) {
    send(desk, run, attempt, peerId, slots, packages)
  }
}

function lineOf(slot: number, { hiding, binding }: NonceCommitment): SlotCommitment {
  return { slot, hiding, binding }
}

function send(
  desk: Desk,
  run: Run,
  attempt: Attempt,
  to: PeerId,
  slots: readonly number[],
  packages: NonNullable<PartialRequest['packages']>,
): void {
  const { material } = run
  const { commitments } = desk.gateway
  const inputs = packages.length
  const { version, generation } = material.record
  const request: PartialRequest = { request: run.signed, version, generation, slots, packages }
  const lacks = slots.map(slot => commitments.refill(material.name, slot, inputs, desk.nowMs))
  const refill = Math.max(...lacks)
  const size = inputs * slots.length
  ask(
    desk,
    { to, purpose: 'partial', run, material, slots, coming: refill, size, request, attempt },
    { type: 'partial', call: request, refill },
    run.deadlineMs - desk.nowMs,
  )
}

/** Collects a signer's shares; with the last of an attempt, aggregates. */
export function onShares(desk: Desk, run: Run, call: Call, answer: PartialAnswer): void {
  const attempt = call.attempt!
  if (attempt.isDead) return
  if (!hasShape(call.request!, answer.partial.value)) {
    attempt.isDead = true
    accuse(desk, run, call, answer.partial)
    return
  }
  attempt.answers.set(call.to, { call, partial: answer.partial })
  for (const { slot, values } of answer.partial.value.partials) attempt.shares.set(slot, values)
  if (attempt.shares.size === run.material.record.threshold) aggregate(desk, run, attempt)
}

/** RFC 9591 section 5.3: aggregate, verify as any client would, and look for culprits only when that fails. */
function aggregate(desk: Desk, run: Run, attempt: Attempt): void {
  const { material } = run
  const items = run.checked.request.inputs.map((message, index) => ({
    message,
    commitments: attempt.packages![index]!,
    shares: [...attempt.shares].map(([slot, values]) => ({ slot, share: values[index]! })),
  }))
  const key = {
    publicKey: material.publicKey,
    verifyingShare: (slot: number) => material.verifyingShare(slot),
  }
  try {
    finish(desk, run, { ok: true, value: resultOf(material, material.suite.aggregateAll(key, items)) })
  } catch (error) {
    attempt.isDead = true
    if (isOstrakaError(error, 'bad_partial')) accuseSigners(desk, run, attempt, error)
    else finish(desk, run, { ok: false, error: toOstrakaError(error) })
  }
}

function accuseSigners(desk: Desk, run: Run, attempt: Attempt, { details }: OstrakaError): void {
  const culprits = details.culprits as readonly number[]
  for (const { peerId, slots } of attempt.signers) {
    const sent = attempt.answers.get(peerId)
    if (sent !== undefined && slots.some(slot => culprits.includes(slot))) {
      accuse(desk, run, sent.call, sent.partial)
    }
  }
}

/**
 * A signer says that the package is malformed. That is its own fault unless some commitment in it is no group element:
 * then whoever handed that out is to blame, and the refusal was right. True when such a one was found.
 */
export function blameCommitments(desk: Desk, run: Run, attempt: Attempt): boolean {
  const { group } = run.material
  const isBad = (encoded: Uint8Array): boolean => {
    try {
      group.decode(encoded)
      return false
    } catch {
      return true
    }
  }
  const culprits = attempt.signers.filter(({ slots }) =>
    slots.some(slot =>
      attempt.commitments.get(slot)!.some(({ hiding, binding }) => isBad(hiding) || isBad(binding)),
    ),
  )
  for (const { peerId } of culprits) dismissBadCommitments(desk, run, peerId)
  return culprits.length > 0
}

import type { PeerId } from '../../base/index.ts'
import type { SlotNonces } from '../../wire/index.ts'
import { ask, type Desk } from './desk.ts'
import type { VersionMaterial } from './material.ts'
import type { Attempt, Call, Run } from './run.ts'

/** The wire's cap on a `nonces` request. */
const MAX_NONCES_ASKED = 1024

/** Nobody waits for these. */
const AHEAD_DEADLINE_MS = 2_000

/** Asks a holder for `needed` commitments a slot, and for what its stock lacks beside. */
export function askNonces(
  desk: Desk,
  material: VersionMaterial,
  to: PeerId,
  needed: number,
  on: { readonly run: Run; readonly attempt: Attempt } | undefined,
): void {
  const { commitments } = desk.gateway
  const slots = material.holders.get(to)!
  const lacks = slots.map(slot => commitments.lack(material.name, slot, desk.nowMs))
  const coming = Math.min(MAX_NONCES_ASKED, needed + Math.max(...lacks))
  if (coming === 0) return
  const { keyId, version, generation } = material.record
  ask(
    desk,
    {
      to,
      purpose: 'nonces',
      run: on?.run,
      material,
      slots,
      coming,
      size: coming * slots.length,
      request: undefined,
      attempt: on?.attempt,
    },
    { type: 'nonces', keyId, version, generation, count: coming },
    on === undefined ? AHEAD_DEADLINE_MS : on.run.deadlineMs - desk.nowMs,
  )
}

/** Fills the stocks of a key's holders as its recent demand asks, as far as they are well and not being asked already. */
export function stockUp(desk: Desk, material: VersionMaterial): void {
  const { world, standings } = desk.gateway
  for (const peerId of material.holders.keys()) {
    const isWell = standings.isConnected(peerId) && !standings.isBackedOff(peerId, desk.nowMs)
    if (isWell && world.trust(peerId) > 0) askNonces(desk, material, peerId, 0, undefined)
  }
}

/** Puts the commitments of an answer into stock: of the slots that were asked, and no more than were asked for. */
export function stockAnswer(desk: Desk, call: Call, nonces: readonly SlotNonces[]): void {
  const { commitments } = desk.gateway
  for (const { slot, commitments: made } of nonces) {
    if (call.slots.includes(slot)) commitments.add(call.material.name, slot, made.slice(0, call.coming))
  }
}

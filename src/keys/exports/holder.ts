import { OstrakaError, type PeerId, type Rng, toHex } from '../../base/index.ts'
import { isApproved, type LedgerReader, type ProposalRecord, proposalPath } from '../../control/index.ts'
import { ristretto255, sealTogether, signValue } from '../../crypto/index.ts'
import type { ExportAct, ExportAnswer, ExportCall, ExportedShares, Genesis } from '../../wire/index.ts'
import { type HolderState, shareOf } from '../operations/index.ts'
import { exportWindowMs, requireExportable } from './rule.ts'
import { exportInfo, exportOccasion } from './sealing.ts'

/** A client whose gateway died asks through another; more than a few times nobody has a reason to. */
const MAX_ANSWERS = 6

/** All live proposals, asked for by all validators; the oldest make room. */
const MAX_REMEMBERED = 4096

/** What a holder needs to know of the agreed state to give its shares away. */
export interface ExportAuthority {
  readonly genesis: Genesis
  readonly ledger: LedgerReader
  /** Block time of the last block that this node has applied. */
  readonly blockTimeMs: number
}

/** A proposal of an export, in use. */
export interface ExportInUse extends ProposalRecord {
  readonly act: ExportAct
}

/** How often this process has answered which node for which use: nobody spends another's answers. Changed in place. */
export type AnsweredExports = Map<string, number>

/**
 * The export under this proposal, if it is in use now: approved by operators whose signatures still verify, used by its
 * proposer in the log, and not longer ago than the window. Errors: `not_found` (also before its use is known here),
 * `unauthorized`, `expired`.
 */
export function requireInUse(
  { genesis, ledger, blockTimeMs }: ExportAuthority,
  networkId: Uint8Array,
  id: Uint8Array,
  nowMs: number,
): ExportInUse {
  const proposal = ledger.get<ProposalRecord>(proposalPath(id))
  if (proposal?.state !== 'done' || proposal.act.type !== 'export-key') {
    throw new OstrakaError('not_found', 'no export is in use under this proposal')
  }
  if (!isApproved(genesis, networkId, proposal)) {
    throw new OstrakaError('unauthorized', 'too few operators have signed for this export')
  }
  // whichever is later: a stopped log must not hold the window open, nor a slow clock
  const untilMs = proposal.closedMs + exportWindowMs(genesis)
  if (Math.max(nowMs, blockTimeMs) >= untilMs) {
    throw new OstrakaError('expired', 'the time to collect this export is over', { untilMs })
  }
  return { ...proposal, act: proposal.act }
}

/**
 * Seals this holder's shares to the approved one-time key, on the word of its own ledger and of the operators' signatures,
 * not of the gateway. Errors: those of `requireInUse` and `requireExportable`; `unknown_version` (another generation),
 * `forbidden` (no slot here), `replayed` (answered often enough), `not_ready`, `storage_corrupt`.
 */
export function answerExport(
  state: HolderState,
  authority: ExportAuthority,
  answered: AnsweredExports,
  { from, call }: { readonly from: PeerId; readonly call: ExportCall },
  nowMs: number,
  rng: Rng,
): ExportAnswer {
  const { world, materials } = state
  const { networkId, peerId, identity } = world
  const { act, proposer, id } = requireInUse(authority, networkId, call.proposal, nowMs)
  const version = requireExportable(authority.ledger, act, proposer, authority.blockTimeMs)
  if (version.generation !== call.generation) {
    throw new OstrakaError('unknown_version', 'not the generation of the shares here', {
      generation: version.generation,
    })
  }
  const { kind } = world.keyById(act.keyId)!
  const material = materials.of(kind, version)
  const slots = material.holders.get(peerId) ?? []
  if (slots.length === 0) throw new OstrakaError('forbidden', 'not a holder of this version')
  const held = slots.map(slot => ({ slot, share: shareOf(state, material, slot) }))
  count(answered, `${toHex(id)}/${from}`)
  const recipient = ristretto255.decode(act.recipient)
  const context = { networkId, ...act, generation: version.generation, proposal: id }
  const { encapsulation, ciphertexts } = sealTogether(
    exportOccasion(context, identity.publicKey),
    held.map(({ slot, share }) => ({ recipient, info: exportInfo(context, slot), plaintext: share })),
    identity.hedge,
    rng,
  )
  const value: ExportedShares = {
    proposal: id,
    version: version.version,
    generation: version.generation,
    encapsulation,
    shares: held.map(({ slot }, index) => ({ slot, sealed: ciphertexts[index]! })),
  }
  return { type: 'export', shares: signValue(identity, 'export', networkId, value) }
}

function count(answered: AnsweredExports, name: string): void {
  const times = (answered.get(name) ?? 0) + 1
  if (times > MAX_ANSWERS) {
    throw new OstrakaError('replayed', 'this export has been answered often enough', { limit: MAX_ANSWERS })
  }
  answered.set(name, times)
  if (answered.size > MAX_REMEMBERED) answered.delete(answered.keys().next().value!)
}

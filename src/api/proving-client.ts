import { equalBytes, fromBase64, fromHex, isOstrakaError, OstrakaError, toHex } from '../base/index.ts'
import {
  type Checkpoint,
  type ProposalRecord,
  proposalPath,
  type VerifiedState,
  verifyState,
} from '../control/index.ts'
import { type CeremonyRecord, type KeyRecord, keyPaths, type VersionRecord } from '../keys/index.ts'
import { type ExportAct, stateProofCodec } from '../wire/index.ts'
import type { NewKey } from './client.ts'
import type { PlanJson } from './json.ts'
import type { Requests } from './requests.ts'
import type { HandoversAnswer, ProofAnswer } from './routes-proofs.ts'
import type { ProvenKey, Trust, Verified } from './trust.ts'

/** An idle network certifies once an epoch; one that has certified nothing for this much longer is not shown as it is. */
const MAX_AGE_MS = 15 * 60_000
const MAX_AGE_EPOCHS = 4
/** What a block has changed is provable from the next one on, which may be an epoch away. */
const PATIENCE_EPOCHS = 2
const PATIENCE_MS = 10_000
/** How long a daemon may wait for a block before it answers. */
const WAIT_MS = 10_000

/** What to prove, as `/api/v1/proof` is asked. */
type Subject = { readonly key: string; readonly version: number } | { readonly record: string }

/** Reads the network's state through a daemon that is not trusted: all that it answers is proven, or refused. */
export class Prover {
  readonly #requests: Requests
  readonly #trust: Trust
  #checkpoint: Checkpoint

  constructor(requests: Requests, trust: Trust) {
    this.#requests = requests
    this.#trust = trust
    this.#checkpoint = trust.checkpoint
  }

  /**
   * A version of a key, 0 for the active one, in a state after block `above`. Errors: `unproven`, `unknown_version`.
   */
  async key(name: string, version = 0, above = 0): Promise<ProvenKey> {
    const { state, found } = await this.#until({ key: name, version }, above, records => {
      const key = records.get(keyPaths.key(name)) as KeyRecord | null | undefined
      if (!key) return undefined
      const wanted = version === 0 ? key.activeVersion : version
      const record = records.get(keyPaths.version(key.keyId, wanted)) as VersionRecord | null | undefined
      return record ? { key, record } : undefined
    })
    const { key, record } = found
    return {
      name,
      keyId: key.keyId,
      kind: key.kind,
      version: record.version,
      state: record.state,
      generation: record.generation,
      threshold: record.threshold,
      publicKey: record.publicKey,
      commitments: record.commitments,
      verified: verifiedOf(state),
    }
  }

  /** Whether the network has asked for this very dealing: what is sealed to others is theirs. Errors: `unproven`. */
  async requirePlan(wanted: NewKey, plan: PlanJson): Promise<Verified> {
    const path = keyPaths.ceremony(fromBase64(plan.ceremony, 'ceremony'))
    const { state, found } = await this.#until({ key: wanted.name, version: 0 }, 0, records => {
      const ceremony = records.get(path) as CeremonyRecord | null | undefined
      return ceremony ?? undefined
    })
    const { name, kind, purpose, threshold, version, keyId, slots, dealers } = found
    const isWanted =
      name === wanted.name && kind === wanted.kind && purpose === 'import' && threshold === wanted.threshold
    const isPlanned =
      threshold === plan.threshold &&
      version === plan.version &&
      equalBytes(keyId, fromBase64(plan.keyId, 'keyId')) &&
      dealers.some(({ dealer }) => equalBytes(dealer, fromBase64(plan.dealer, 'dealer'))) &&
      slots.length === plan.recipients.length &&
      slots.every((slot, index) => isSameSlot(slot, plan.recipients[index]!))
    if (isWanted && isPlanned) return verifiedOf(state)
    throw new OstrakaError('unproven', 'the network has decided on another ceremony than the daemon says', {
      name,
    })
  }

  /** Whether this export, and no other act, is what stands before the operators as this proposal. Errors: `unproven`. */
  async requireProposal(
    id: string,
    wanted: Pick<ProposalRecord, 'reason' | 'expiresMs'> & { readonly act: ExportAct },
  ): Promise<Verified> {
    const { record, verified } = await this.#proposal(id)
    const { act, reason, expiresMs } = record
    const isWanted =
      isSameExport(act, wanted.act) && reason === wanted.reason && expiresMs === wanted.expiresMs
    if (isWanted) return verified
    throw new OstrakaError('unproven', 'the network has another proposal than the daemon says', {
      proposal: id,
    })
  }

  /**
   * The version of key `name` whose shares this proposal has sealed to `recipient`. Errors: `unproven`, also when it is about
   * another key, or sealed to somebody else.
   */
  async exportedKey(id: string, name: string, recipient: Uint8Array): Promise<ProvenKey> {
    const { act } = (await this.#proposal(id)).record
    if (act.type === 'export-key' && act.name === name && equalBytes(act.recipient, recipient)) {
      const key = await this.key(name, act.version)
      if (equalBytes(key.keyId, act.keyId)) return key
    }
    throw new OstrakaError('unproven', 'the proposal is not for this key and one-time key', { proposal: id })
  }

  async #proposal(id: string): Promise<{ readonly record: ProposalRecord; readonly verified: Verified }> {
    const path = proposalPath(fromHex(id))
    const { state, found } = await this.#until({ record: path }, 0, records => {
      const proposal = records.get(path) as ProposalRecord | null | undefined
      return proposal ?? undefined
    })
    return { record: found, verified: verifiedOf(state) }
  }

  /** Asks until the certified state has what the daemon says there is. */
  async #until<T>(
    subject: Subject,
    above: number,
    find: (records: ReadonlyMap<string, unknown>) => T | undefined,
  ): Promise<{ readonly state: VerifiedState; readonly found: T }> {
    const deadline = Date.now() + PATIENCE_EPOCHS * this.#trust.epochMs + PATIENCE_MS
    let from = above === 0 ? this.#checkpoint.height : above + 1
    for (;;) {
      const state = await this.#state({ ...subject, from, waitMs: WAIT_MS }).catch(error => {
        if (isOstrakaError(error, 'not_ready') && Date.now() < deadline) return undefined
        throw error
      })
      const found = state && find(state.records)
      if (found !== undefined) return { state: state!, found }
      if (Date.now() > deadline) {
        throw new OstrakaError('unproven', 'the certified state does not have what the daemon says', {
          ...subject,
        })
      }
      if (state !== undefined) from = state.checkpoint.height + 1
    }
  }

  async #state(query: Readonly<Record<string, string | number>>): Promise<VerifiedState> {
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value))
    const answer = (await this.#requests.get(`/api/v1/proof?${parameters}`)) as ProofAnswer
    const proof = stateProofCodec.decode(fromBase64(answer.proof, 'proof'))
    let state: VerifiedState
    try {
      state = verifyState(this.#checkpoint, proof)
    } catch (error) {
      // it may be that too few of those who vote now voted at the checkpoint
      const key = 'key' in query ? String(query.key) : undefined
      if (!(await this.#follow(proof.header.height, key))) throw error
      state = verifyState(this.#checkpoint, proof)
    }
    this.#requireFresh(state.timeMs)
    this.#adopt(state.checkpoint)
    return state
  }

  /** Goes from change to change of the set that votes, up to `height`; whether it came any further. */
  async #follow(height: number, key: string | undefined): Promise<boolean> {
    const start = this.#checkpoint.height
    for (;;) {
      const before = this.#checkpoint.height
      const about = key === undefined ? '' : `&key=${encodeURIComponent(key)}`
      const path = `/api/v1/handovers?from=${before + 1}${about}`
      const { handovers } = (await this.#requests.get(path)) as HandoversAnswer
      for (const handover of handovers) {
        const proof = stateProofCodec.decode(fromBase64(handover, 'handover'))
        if (proof.header.height > height) break
        this.#adopt(verifyState(this.#checkpoint, proof).checkpoint)
      }
      if (this.#checkpoint.height === before) return before > start
    }
  }

  #adopt(checkpoint: Checkpoint): void {
    if (checkpoint.height <= this.#checkpoint.height) return
    this.#checkpoint = checkpoint
    this.#trust.onCheckpoint?.(checkpoint)
  }

  #requireFresh(timeMs: number): void {
    const ageMs = Date.now() - timeMs
    if (ageMs <= MAX_AGE_MS + MAX_AGE_EPOCHS * this.#trust.epochMs) return
    const text =
      'the newest state that the daemon shows is old: it hides newer ones, or the network stands still'
    throw new OstrakaError('unproven', text, { ageMs })
  }
}

function verifiedOf({ checkpoint, timeMs }: VerifiedState): Verified {
  const { networkId, height } = checkpoint
  return { networkId: toHex(networkId), height, time: new Date(timeMs).toISOString() }
}

function isSameExport(act: ProposalRecord['act'], wanted: ExportAct): boolean {
  return (
    act.type === 'export-key' &&
    act.name === wanted.name &&
    act.version === wanted.version &&
    equalBytes(act.keyId, wanted.keyId) &&
    equalBytes(act.recipient, wanted.recipient)
  )
}

function isSameSlot(slot: CeremonyRecord['slots'][number], planned: PlanJson['recipients'][number]): boolean {
  return (
    slot.slot === planned.slot &&
    slot.peerId === planned.peerId &&
    equalBytes(slot.sealingKey, fromBase64(planned.sealingKey, 'sealingKey'))
  )
}

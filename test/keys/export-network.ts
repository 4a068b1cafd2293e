import { isOstrakaError, type Outcome, type PeerId, Secret, SeededRng } from '../../src/base/index.ts'
import {
  consentTo,
  type ProposalRecord,
  proposalIdOf,
  proposalPath,
  transactionIdOf,
} from '../../src/control/index.ts'
import {
  generateSealingKey,
  type SealingKeyPair,
  SigningKey,
  sha256,
  signValue,
} from '../../src/crypto/index.ts'
import {
  type AnsweredExports,
  answerExport,
  createExports,
  createHolder,
  type ExportAuthority,
  type ExportEffect,
  type ExportEvent,
  type ExportResult,
  type ExportState,
  type HolderState,
  type KeyRecord,
  keyPaths,
  requireExportable,
  requireInUse,
  stepExports,
  type VersionRecord,
  vaultPaths,
} from '../../src/keys/index.ts'
import {
  type Act,
  type ExportAct,
  type ExportAnswer,
  type Genesis,
  type PeerAnswer,
  peerAnswerCodec,
  type Transaction,
} from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

function keyOf(name: string): SigningKey {
  return new SigningKey(new Secret(sha256(new TextEncoder().encode(name))))
}

interface Holder {
  readonly peerId: PeerId
  readonly state: HolderState
  readonly answered: AnsweredExports
  isDown: boolean
}

/**
 * Holders with real shares over one ledger, three operators of whom two decide, and one gateway that asks the holders by
 * real wire bytes. An answer arrives 1 ms after it was asked for.
 */
export class ExportNetwork extends CeremonyNetwork {
  readonly operators: readonly SigningKey[]
  readonly holders: readonly Holder[]
  readonly oneTime: SealingKeyPair
  readonly gateway: ExportState
  /** What a holder's answer is turned into. */
  bend: (answer: ExportAnswer, from: PeerId) => PeerAnswer = answer => answer
  #queue: { readonly atMs: number; readonly event: ExportEvent }[] = []
  #timers = new Map<string, number>()
  #outcome: Outcome<ExportResult> | undefined

  constructor(seed: string, nodes = 4, changes: Partial<Genesis> = {}) {
    const operators = ['one', 'two', 'three'].map(keyOf)
    super(nodes, seed, { operators: operators.map(({ publicKey }) => publicKey), approvals: 2, ...changes })
    this.operators = operators
    this.oneTime = generateSealingKey(new SeededRng(`${seed} one-time`))
    this.holders = this.nodes.map(node => ({
      peerId: node.peerId,
      state: this.#holderOf(node.peerId),
      answered: new Map(),
      isDown: false,
    }))
    this.gateway = createExports({
      networkId: this.ledger.networkId,
      inUse: (id, nowMs) => {
        const authority = this.authority()
        const inUse = requireInUse(authority, this.ledger.networkId, id, nowMs)
        const version = requireExportable(this.reader(), inUse.act, inUse.proposer, authority.blockTimeMs)
        return { export: inUse, version }
      },
    })
  }

  #holderOf(peerId: PeerId): HolderState {
    const record = <T>(path: string): T | undefined => this.ledger.records.get<T>(path)
    const keyByName = (name: string) => record<KeyRecord>(keyPaths.key(name))
    return createHolder({
      networkId: this.ledger.networkId,
      peerId,
      identity: this.node(peerId).world.identity,
      startCounter: 1,
      keyByName,
      keyById: keyId => keyByName(record<{ name: string }>(keyPaths.keyName(keyId))!.name),
      version: (keyId, version) => record<VersionRecord>(keyPaths.version(keyId, version)),
      share: (keyId, version, generation, slot) =>
        this.node(peerId).state.shares.get(vaultPaths.share(keyId, version, generation, slot)),
    })
  }

  authority(): ExportAuthority {
    const { genesis, chain } = this.ledger
    return { genesis, ledger: this.reader(), blockTimeMs: chain.timeMs }
  }

  act(name: string): ExportAct {
    const { keyId, activeVersion: version } = this.key(name)
    return { type: 'export-key', name, keyId, version, recipient: this.oneTime.publicKey.bytes }
  }

  /** Submits, and runs until the block is there; time stands still but for what is due now. */
  decide(key: SigningKey, transaction: Transaction): string {
    const signed = signValue(key, 'transaction', this.ledger.networkId, transaction)
    this.submit(key, transaction)
    this.run(this.nowMs)
    const result = this.results.find(({ transactionId }) =>
      Buffer.from(transactionId).equals(transactionIdOf(signed)),
    )!
    return result.ok ? 'ok' : result.code
  }

  /** The id of a new proposal, which the reducer must take. */
  propose(act: Act, by: SigningKey = this.principal): Uint8Array {
    const nonce = this.rng.bytes(16)
    const expiresMs = this.nowMs + 3_600_000
    const value: Transaction = { type: 'propose', nonce, act, reason: 'a test', expiresMs }
    const code = this.decide(by, value)
    if (code !== 'ok') throw new Error(code)
    return proposalIdOf(transactionIdOf(signValue(by, 'transaction', this.ledger.networkId, value)))
  }

  approve(id: Uint8Array, ...by: readonly SigningKey[]): string[] {
    return by.map(operator => {
      const { signature } = signValue(
        operator,
        'approval',
        this.ledger.networkId,
        consentTo(this.proposal(id)),
      )
      return this.decide(operator, { type: 'approve', proposal: id, signature })
    })
  }

  use(id: Uint8Array, by: SigningKey = this.principal): string {
    return this.decide(by, { type: 'use-approval', proposal: id })
  }

  proposal(id: Uint8Array): ProposalRecord {
    return this.ledger.records.get<ProposalRecord>(proposalPath(id))!
  }

  /** A key of this kind, and an approved proposal of its export in use. */
  inUse(name: string, kind: KeyRecord['kind'] = 'ed25519'): Uint8Array {
    this.create(name, { kind, threshold: 2, shares: 3, isExportable: true })
    this.run(this.nowMs + 20_000)
    const id = this.propose(this.act(name))
    this.approve(id, this.operators[0]!, this.operators[2]!)
    this.use(id)
    return id
  }

  answer(
    holder: Holder,
    proposal: Uint8Array,
    generation = 0,
    from: PeerId = this.nodes[0]!.peerId,
  ): ExportAnswer {
    const call = { type: 'export', proposal, generation } as const
    const { state, answered } = holder
    return answerExport(state, this.authority(), answered, { from, call }, this.nowMs, this.rng)
  }

  /** What a client gets through the gateway, in the gateway's time. */
  collect(proposal: Uint8Array): Outcome<ExportResult> {
    this.#outcome = undefined
    this.#step({ type: 'export', token: 'client/1', proposal })
    while (this.#outcome === undefined) this.#advanceGateway()
    return this.#outcome
  }

  #step(event: ExportEvent): void {
    for (const effect of stepExports(this.gateway, event, this.nowMs, this.rng).effects) this.#do(effect)
  }

  #do(effect: ExportEffect): void {
    if (effect.type === 'exported') this.#outcome = effect.outcome
    else if (effect.type === 'timer') {
      if (effect.atMs === null) this.#timers.delete(effect.id)
      else this.#timers.set(effect.id, effect.atMs)
    } else {
      const { token, to, request } = effect
      const holder = this.holders.find(({ peerId }) => peerId === to)!
      if (holder.isDown || request.type !== 'export') return
      const event: ExportEvent = { type: 'answered', token, from: to, answer: this.#serve(holder, request) }
      this.#queue.push({ atMs: this.nowMs + 1, event })
    }
  }

  #serve(holder: Holder, { proposal, generation }: { proposal: Uint8Array; generation: number }) {
    try {
      const answer = this.bend(this.answer(holder, proposal, generation), holder.peerId)
      return { ok: true, value: peerAnswerCodec.decode(peerAnswerCodec.encode(answer)) } as const
    } catch (error) {
      if (!isOstrakaError(error)) throw error
      return { ok: false, error } as const
    }
  }

  #advanceGateway(): void {
    const [next] = this.#queue.toSorted((a, b) => a.atMs - b.atMs)
    const alarmMs = Math.min(...this.#timers.values())
    if (next === undefined && alarmMs === Number.POSITIVE_INFINITY)
      throw new Error('nothing is left to happen')
    this.nowMs = Math.min(next?.atMs ?? alarmMs, alarmMs)
    if (next !== undefined && next.atMs <= alarmMs) {
      this.#queue = this.#queue.filter(one => one !== next)
      this.#step(next.event)
      return
    }
    for (const id of [...this.#timers.keys()]) {
      this.#timers.delete(id)
      this.#step({ type: 'timer', id })
    }
  }
}

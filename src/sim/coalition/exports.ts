import { isOstrakaError, type PeerId } from '../../base/index.ts'
import { consentTo, type ProposalRecord, proposalIdOf, proposalPath } from '../../control/index.ts'
import { type SigningKey, signValue } from '../../crypto/index.ts'
import {
  type AnsweredExports,
  answerExport,
  createHolder,
  type ExportAuthority,
  type HolderState,
  type KeyRecord,
  keyPaths,
  type VersionRecord,
  vaultPaths,
} from '../../keys/index.ts'
import type { ExportedShares, Signed, Transaction } from '../../wire/index.ts'
import type { CoalitionNetwork, CoalitionNode } from './network.ts'

const LIFE_MS = 3_600_000

/** The real holders of a coalition network, and the way of an export through the log. */
export class Exports {
  readonly #network: CoalitionNetwork
  readonly #holders: ReadonlyMap<PeerId, HolderState>
  readonly #answered: AnsweredExports = new Map()

  constructor(network: CoalitionNetwork) {
    this.#network = network
    this.#holders = new Map(network.nodes.map(node => [node.peerId, this.#holderOf(node)]))
  }

  #holderOf(node: CoalitionNode): HolderState {
    const network = this.#network
    const record = <T>(path: string): T | undefined => network.ledger.records.get<T>(path)
    const keyByName = (name: string) => record<KeyRecord>(keyPaths.key(name))
    return createHolder({
      ...{
        networkId: network.networkId,
        peerId: node.peerId,
        identity: node.identity,
        startCounter: 1,
        keyByName,
      },
      keyById: keyId => keyByName(record<{ name: string }>(keyPaths.keyName(keyId))!.name),
      version: (keyId, version) => record<VersionRecord>(keyPaths.version(keyId, version)),
      share: (keyId, version, generation, slot) =>
        node.state.shares.get(vaultPaths.share(keyId, version, generation, slot)),
    })
  }

  /** Proposes, has approved and uses the export of a key. Undefined when the log refuses it. */
  open(
    name: string,
    recipient: Uint8Array,
    by: SigningKey,
    operator: SigningKey,
    nonce: Uint8Array,
  ): Uint8Array | undefined {
    const network = this.#network
    const { keyId, activeVersion: version } = network.key(name)!
    const act = { type: 'export-key', name, keyId, version, recipient } as const
    const expiresMs = network.nowMs + LIFE_MS
    const proposed = this.#decide(by, { type: 'propose', nonce, act, reason: 'simulation', expiresMs })
    if (proposed === undefined) return undefined
    const id = proposalIdOf(proposed)
    const proposal = network.ledger.records.get<ProposalRecord>(proposalPath(id))!
    const { signature } = signValue(operator, 'approval', network.networkId, consentTo(proposal))
    this.#decide(operator, { type: 'approve', proposal: id, signature })
    return this.#decide(by, { type: 'use-approval', proposal: id }) && id
  }

  #decide(by: SigningKey, transaction: Transaction): Uint8Array | undefined {
    const id = this.#network.submit(by, transaction)
    this.#network.run(() => this.#network.outcome(id) !== undefined, 10_000)
    return this.#network.outcome(id) === 'ok' ? id : undefined
  }

  /** All answers that holders give to a gateway. */
  collect(proposal: Uint8Array, version: VersionRecord): Signed<ExportedShares>[] {
    const network = this.#network
    const { genesis, chain } = network.ledger
    const authority: ExportAuthority = { genesis, ledger: network.reader(), blockTimeMs: chain.timeMs }
    const call = { type: 'export', proposal, generation: version.generation } as const
    const from = network.nodes.find(({ isMember }) => isMember)!.peerId
    return [...this.#holders].flatMap(([peerId, state]) => {
      if (!version.slots.some(slot => slot.peerId === peerId)) return []
      const rng = network.node(peerId)!.rng()
      try {
        return [answerExport(state, authority, this.#answered, { from, call }, network.nowMs, rng).shares]
      } catch (error) {
        if (isOstrakaError(error)) return []
        throw error
      }
    })
  }
}

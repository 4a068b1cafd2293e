import { isOstrakaError, type PeerId } from '../base/index.ts'
import { NETWORK_KEY } from '../keys/index.ts'
import type { NodePort } from '../node/index.ts'
import type { CertifiedBlock } from '../wire/index.ts'
import { AcknowledgementCheck, type Machine } from './checks/acknowledgements.ts'
import { AgreementCheck } from './checks/agreement.ts'
import { AttestationCheck } from './checks/attestation.ts'
import type { Findings } from './checks/findings.ts'
import { FloodCheck } from './checks/flood.ts'
import { NonceCheck } from './checks/nonces.ts'
import { RandomnessCheck } from './checks/randomness.ts'
import { SecretCheck, type VaultReader } from './checks/secrets.ts'
import { VoteCheck } from './checks/votes.ts'
import type { Clients } from './clients.ts'
import type { FaultCounts } from './fault-counts.ts'
import type { SimHost } from './host.ts'
import type { Frame } from './network.ts'

export interface WatchContext {
  readonly findings: Findings
  readonly faults: FaultCounts
  readonly hosts: readonly SimHost[]
  readonly networkId: Uint8Array
  readonly isHonest: (peerId: string) => boolean
  /** The host whose program is not the release's, where there is one. */
  readonly tampered: SimHost | undefined
}

/** All checkers of one simulation: shown what crosses the wire, what is decided, and at the end what is on the disks. */
export class Watch {
  readonly agreement: AgreementCheck
  readonly secrets: SecretCheck
  readonly attestation: AttestationCheck | undefined
  readonly #votes: VoteCheck
  readonly #nonces: NonceCheck
  readonly #floods: FloodCheck
  readonly #randomness: RandomnessCheck
  readonly #acknowledgements: AcknowledgementCheck
  readonly #convictions = new Map<string, string>()
  readonly #context: WatchContext

  constructor(context: WatchContext) {
    this.#context = context
    const { findings, faults, hosts, networkId, isHonest, tampered } = context
    this.agreement = new AgreementCheck(
      findings,
      networkId,
      hosts.map(host => host.peerId),
    )
    this.secrets = new SecretCheck(findings, () => this.#vaults())
    this.attestation = tampered && new AttestationCheck(findings, faults, tampered.peerId)
    this.#votes = new VoteCheck(findings, networkId, isHonest)
    this.#nonces = new NonceCheck(findings, isHonest)
    this.#floods = new FloodCheck(findings, isHonest)
    this.#randomness = new RandomnessCheck(findings)
    this.#acknowledgements = new AcknowledgementCheck(findings, isHonest, peerId => this.#machineOf(peerId))
  }

  frame(frame: Frame, nowMs: number): void {
    this.#floods.see(frame, nowMs)
    this.#votes.see(frame)
    this.#nonces.see(frame)
    this.secrets.see(frame)
    this.#acknowledgements.see(frame)
  }

  /** A host's node runs, after a start or a restart. */
  started(host: SimHost): void {
    this.#floods.restarted(host.peerId)
  }

  /** A block that a host has applied; whether it is the host's newest, and not one of many that it replays. */
  block(host: SimHost, port: NodePort, certified: CertifiedBlock): boolean {
    this.agreement.see(host.peerId, certified)
    this.#randomness.see(host.peerId, port.randomness(0))
    this.attestation?.see(port)
    const { height, validators } = port.status()
    if (height !== certified.block.header.height) return false
    this.agreement.follow(host.peerId, height, validators)
    return true
  }

  /** What is on the disks and in the ledgers at the end. */
  async inspect(clients: Clients): Promise<void> {
    for (const host of this.#honest()) {
      if (host.port !== undefined) await this.#inspectLedger(host.peerId, host.port)
    }
    const keys = [...clients.known.values()]
    for (const key of keys) this.secrets.demand(key)
    clients.checkLateResults()
    const own = this.#honest()
      .find(host => host.port !== undefined)
      ?.port?.key(NETWORK_KEY)
    this.#randomness.prove(own, this.#vaults())
    this.secrets.checkWires(own === undefined ? keys : [...keys, own])
  }

  get convictions(): ReadonlyArray<{ readonly name: string; readonly reason: string }> {
    return [...this.#convictions].map(([name, reason]) => ({ name, reason }))
  }

  get seen(): Readonly<Record<'blocks' | 'certificates' | 'votes' | 'partials' | 'epochs', number>> {
    return {
      blocks: this.agreement.height,
      certificates: this.agreement.certificates,
      votes: this.#votes.votes,
      partials: this.#nonces.partials,
      epochs: this.#randomness.proven,
    }
  }

  async #inspectLedger(peerId: PeerId, port: NodePort): Promise<void> {
    const { hosts, isHonest, findings } = this.#context
    for (const { peerId: convict, reason } of port.status().convictions) {
      this.#convictions.set(hosts.find(each => each.peerId === convict)!.name, reason)
      if (isHonest(convict)) findings.add('no honest node is convicted', `${convict} of ${reason}`)
    }
    const blocks = await port.blocks(1, 100_000).catch(error => {
      if (isOstrakaError(error, 'not_found')) return []
      throw error
    })
    for (const block of blocks) this.agreement.see(peerId, block)
  }

  #honest(): SimHost[] {
    return this.#context.hosts.filter(host => this.#context.isHonest(host.peerId))
  }

  #vaults(): Array<readonly [string, VaultReader]> {
    return this.#honest().map(host => [host.peerId, prefix => host.shares(prefix)] as const)
  }

  #machineOf(peerId: string): Machine {
    const host = this.#context.hosts.find(each => each.peerId === peerId)!
    return {
      durableKeys: prefix => host.disk.durableKeys(prefix),
      unsyncedKeys: prefix => host.disk.unsyncedKeys(prefix),
      isMaking: name => host.port?.key(name)?.state === 'creating',
    }
  }
}

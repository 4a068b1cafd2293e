import { originOf, signCheckpoint } from '../audit/index.ts'
import {
  compareText,
  fromHex,
  isOstrakaError,
  type PeerId,
  peerIdOf,
  randomBelow,
  randomUnit,
  type SeededRng,
  toHex,
} from '../base/index.ts'
import { ProvenEncapsulation, proveOpening, sealingContext, shareInfo, signValue } from '../crypto/index.ts'
import { dealingContext, recordHashOf, sharePath } from '../keys/index.ts'
import {
  type Deal,
  type Observation,
  type PeerMessage,
  type PeerRequest,
  peerRequestCodec,
  type SignedTransaction,
  sealedDealingCodec,
  type Transaction,
} from '../wire/index.ts'
import type { Findings } from './checks/findings.ts'
import type { CopiedImports } from './copied-imports.ts'
import type { FaultCounts } from './fault-counts.ts'
import { Forger } from './forger.ts'
import { contentOf } from './frames.ts'
import type { SimHost } from './host.ts'
import type { Misdeed } from './misdeeds.ts'
import type { Frame } from './network.ts'
import type { Newcomers } from './newcomers.ts'
import type { RecordFiller } from './record-filler.ts'
import type { VirtualTime } from './time.ts'

export interface DeedContext {
  readonly host: SimHost
  readonly misdeed: Misdeed
  readonly networkId: Uint8Array
  readonly rng: SeededRng
  readonly time: VirtualTime
  readonly faults: FaultCounts
  readonly newcomers: Newcomers
  readonly imports: CopiedImports
  readonly filler: RecordFiller
  /** Hosts that keep to the protocol. */
  readonly honest: () => readonly SimHost[]
}

/** What a flooder sends a peer in one go. */
const FLOOD_REQUESTS = 1000

/** How often a liar looks for something to do. */
const PAUSE_MS = 700

/** Invites that one liar tries to steal. */
const MAX_STOLEN = 3

/** What says nothing about whether a block holds a transaction. */
const UNSURE: ReadonlySet<string> = new Set(['no_quorum', 'deadline_exceeded'])

const SHARE_PATH = /^keys\/subshare\/([0-9a-f]{64})\/(\d+)$/

/** How a node lies of the others in its reports, for as long as a run lasts. */
type Style = 'slanders all' | 'slanders one' | 'praises all' | 'says anything'
const STYLES: readonly Style[] = ['slanders all', 'slanders one', 'praises all', 'says anything']

/**
 * What a Byzantine host does without being asked: it hands in transactions of its own making through its own node. Each
 * is counted once a block holds it, accepted: what no block holds has hurt nobody.
 */
export class Deeds {
  readonly #context: DeedContext
  readonly #forger: Forger
  readonly #style: Style
  readonly #complained = new Set<string>()
  /** What dealers have said, by their records' hashes. */
  readonly #deals = new Map<string, Deal>()
  readonly #inDoubt: SignedTransaction[] = []
  #lastEpoch = -1
  #isBusy = false
  #hasBegun = false
  #stolen = 0
  #waiting: SignedTransaction | undefined

  constructor(context: DeedContext) {
    this.#context = context
    this.#forger = new Forger(context.host.peerId, context.rng.fork('forger'))
    this.#style = STYLES[randomBelow(context.rng, STYLES.length)]!
  }

  see(frame: Frame): void {
    const { misdeed, host } = this.#context
    if (misdeed === 'forged-evidence') this.#forger.see(frame)
    // shares of single dealings are there for a moment only: from the dealing to the version
    const isAboutShares = frame.kind === 'message' && (frame.to === host.peerId || frame.from === host.peerId)
    if (misdeed !== 'false-complaint' && misdeed !== 'copied-import') return
    if (frame.kind === 'message') this.#learnDeals(contentOf<PeerMessage>(frame))
    if (misdeed === 'false-complaint' && this.#hasBegun && isAboutShares) void this.#complain()
  }

  #learnDeals(message: PeerMessage): void {
    if (message.type !== 'transactions') return
    for (const { value, signer } of message.transactions) {
      this.#context.imports.see(value)
      if (value.type !== 'deal') continue
      this.#deals.set(toHex(recordHashOf({ ...value, dealer: signer }, value.root)), value)
    }
  }

  begin(): void {
    this.#hasBegun = true
    this.#context.time.schedule(PAUSE_MS, () => {
      if (!this.#isBusy) {
        this.#isBusy = true
        void this.#act().finally(() => {
          this.#isBusy = false
        })
      }
      this.begin()
    })
  }

  async #act(): Promise<void> {
    switch (this.#context.misdeed) {
      case 'lying-report':
        return this.#lie()
      case 'forged-evidence':
        return this.#forge()
      case 'forked-audit':
        return this.#fork()
      case 'false-complaint':
        return this.#settleComplaints()
      case 'flood':
        return this.#flood()
      case 'stolen-invite':
        return this.#stealInvite()
      case 'copied-import':
        return this.#copyImport()
      case 'record-filler':
        return this.#fillRecords()
      default:
    }
  }

  /** First thing in each epoch, so that its own node's honest report comes too late. */
  async #lie(): Promise<void> {
    const { host } = this.#context
    const status = host.port?.status()
    if (status === undefined || status.epoch === this.#lastEpoch) return
    this.#lastEpoch = status.epoch
    const others = status.members.map(({ peerId }) => peerId).filter(peerId => peerId !== host.peerId)
    const observations = others.sort(compareText).flatMap((subject, index) => this.#slander(subject, index))
    await this.#submit({ type: 'report', epoch: status.epoch, observations })
  }

  #slander(subject: PeerId, index: number): Observation[] {
    const { rng } = this.#context
    const dead = { subject, beaconsDue: 8, beaconsSeen: 0, answers: 0, late: 1000, wrong: 1000, excess: 8 }
    switch (this.#style) {
      case 'slanders all':
        return [dead]
      case 'slanders one':
        return index === 0 ? [dead] : []
      case 'praises all':
        return []
      case 'says anything':
        return [{ ...dead, beaconsSeen: randomBelow(rng, 9), answers: randomBelow(rng, 10_000) }]
    }
  }

  async #forge(): Promise<void> {
    if (randomUnit(this.#context.rng) < 0.5) return
    const evidence = this.#forger.next()
    if (evidence !== undefined) await this.#submit({ type: 'report-evidence', evidence })
  }

  /** Says of a share that it has opened and found good that it is bad; now with its true opening, now with another. */
  async #complain(): Promise<void> {
    const { host, rng, networkId } = this.#context
    for (const path of host.disk.keys('keys/subshare/')) {
      const [, hash, slot] = SHARE_PATH.exec(path) ?? []
      const record = host.disk.read(`keys/record/${hash}`)
      if (record === undefined || this.#complained.has(hash!)) continue
      const { value, signer } = sealedDealingCodec.decode(record)
      const index = value.shares.findIndex(share => share.slot === Number(slot))
      const deal = this.#deals.get(hash!)
      if (index < 0 || deal === undefined || peerIdOf(signer) === host.peerId) continue
      this.#complained.add(hash!)
      const context = dealingContext(
        networkId,
        { ...value, id: value.ceremony },
        { ...value, dealer: signer },
      )
      const proven = ProvenEncapsulation.verify(deal.encapsulation, sealingContext(context))!
      const opening = proveOpening(host.sealingKeys, proven, shareInfo(context, Number(slot)), rng)
      if (randomUnit(rng) < 0.5) opening.proof.response[1]! ^= 1
      // where the dealing stands in its ceremony's list is not on the disk: all places but one are refused
      const places = Array.from({ length: host.port?.status().members.length ?? 0 }, (_, place) => place)
      await Promise.all(
        places.map(async dealing => {
          const { ceremony } = value
          const { sealed } = value.shares[index]!
          const path = sharePath(value.shares, index)
          const named = { type: 'complain', ceremony, dealing, slot: Number(slot) } as const
          const complaint: Transaction = { ...named, sealed, path, opening }
          const transaction = signValue(host.identity, 'transaction', networkId, complaint)
          if ((await this.#handIn(transaction)) === 'in doubt') this.#inDoubt.push(transaction)
        }),
      )
      return
    }
  }

  /** Another root for the size of its log that is on record. */
  async #fork(): Promise<void> {
    const { host, networkId, rng } = this.#context
    const own = host.port?.auditCheckpoints().find(({ peerId }) => peerId === host.peerId)
    if (own === undefined) return
    const head = { size: own.size, root: rng.bytes(32) }
    const checkpoint = signCheckpoint(host.identity, originOf(networkId, host.peerId), head)
    await this.#submit({ type: 'audit-checkpoint', ...checkpoint, proof: [] })
  }

  /** Asks everybody for more than it could ever use, the dearest things and the cheapest. */
  async #flood(): Promise<void> {
    const { host, faults } = this.#context
    const { port } = host
    if (port === undefined) return
    const nonces = port
      .keys('', 1000)
      .filter(({ version }) => version > 0)
      .map(({ keyId, version, versions }): PeerRequest => {
        const generation = versions.find(each => each.version === version)?.generation ?? 0
        return { type: 'nonces', keyId: fromHex(keyId), version, generation, count: 1024 }
      })
    const cheap: readonly PeerRequest[] = [{ type: 'ping' }, { type: 'headers', from: 1, limit: 1024 }]
    const frames = [...nonces, ...cheap].map(request => peerRequestCodec.encode(request))
    for (const { peerId, state } of port.status().members) {
      if (state !== 'connected') continue
      for (let count = 0; count < FLOOD_REQUESTS; count++) host.ask(peerId, frames[count % frames.length]!)
      faults.add('flood')
    }
  }

  /** A client of its own deals under what it has seen of an honest dealer, through whichever node will take it. */
  async #copyImport(): Promise<void> {
    const { host, rng, honest, imports, faults } = this.#context
    const seen = [...this.#deals.values()].at(-1)
    const { port } = honest()[randomBelow(rng, honest().length)] ?? host
    if (seen === undefined || port === undefined) return
    if (await imports.deal(port, seen.encapsulation)) faults.add('copied-import')
  }

  #fillRecords(): void {
    const { host, filler, faults } = this.#context
    if (host.isUp && filler.fill(host.peerId)) faults.add('record-filler')
  }

  /** In the end, at an honest host. */
  inspect(host: SimHost, findings: Findings): void {
    this.#context.imports.inspect(host, findings)
    this.#context.filler.inspect(host, findings)
  }

  /** An invited node hands its join to this host, which keeps it back and tries to join in its place. */
  async #stealInvite(): Promise<void> {
    const { host, time, rng, newcomers, faults, honest } = this.#context
    if (this.#stolen < MAX_STOLEN && this.#waiting === undefined && host.port !== undefined) {
      const join = newcomers.invite(time.nowMs)
      this.#stolen += 1
      this.#waiting = join
      if ((await this.#outcomeOf(newcomers.steal(join, randomUnit(rng) < 0.5))) === 'in doubt') return
      faults.add('stolen-invite')
    }
    if (this.#waiting === undefined) return
    // the newcomer has waited in vain, and asks another member, as submitJoin does
    const others = honest()
    const { port } = others[randomBelow(rng, others.length)]!
    const admitted = await port?.submit(this.#waiting).then(
      () => true,
      error => isOstrakaError(error, 'replayed') || isOstrakaError(error, 'conflict'),
    )
    if (admitted === true) this.#waiting = undefined
  }

  /** Whether an invited node still waits to be admitted. */
  get isAwaited(): boolean {
    return this.#waiting !== undefined
  }

  async #submit(value: Transaction): Promise<void> {
    const { host, networkId } = this.#context
    await this.#handIn(signValue(host.identity, 'transaction', networkId, value))
  }

  async #handIn(transaction: SignedTransaction): Promise<'accepted' | 'refused' | 'in doubt'> {
    const outcome = await this.#outcomeOf(transaction)
    if (outcome === 'accepted') this.#context.faults.add(this.#context.misdeed)
    return outcome
  }

  async #outcomeOf(transaction: SignedTransaction): Promise<'accepted' | 'refused' | 'in doubt'> {
    const { host } = this.#context
    const { port } = host
    if (port === undefined) return 'in doubt'
    const submitted = port.submit(transaction).then(
      () => 'accepted' as const,
      error => {
        if (!isOstrakaError(error)) throw error
        return UNSURE.has(error.code) ? ('in doubt' as const) : ('refused' as const)
      },
    )
    return Promise.race([submitted, host.death.then(() => 'in doubt' as const)])
  }

  /** There is one occasion for a complaint: whether a block holds it after all is asked until it is known. */
  async #settleComplaints(): Promise<void> {
    for (const transaction of this.#inDoubt.splice(0)) {
      if ((await this.#handIn(transaction)) === 'in doubt') this.#inDoubt.push(transaction)
    }
  }
}

import * as dagCbor from '@ipld/dag-cbor'
import { type PeerId, peerIdOf, publicKeyOf, type Rng, randomBelow } from '../base/index.ts'
import {
  type Beacon,
  type BlockMessage,
  type Certificate,
  canonicalBytes,
  type Deal,
  type Evidence,
  type PartialAnswer,
  type PartialCall,
  type PeerMessage,
  type Signed,
  type SignedTransaction,
  type VoteMessage,
} from '../wire/index.ts'
import { contentOf } from './frames.ts'
import type { Frame } from './network.ts'

/** What the honest say soon grows old; the forger works with the latest. */
const REMEMBERED = 40

type Kept<T> = (readonly [PeerId, T])[]

/** An honest holder's answer, and the request that it answers. */
interface Exchange {
  readonly request: Uint8Array
  readonly partial: Uint8Array
}

/**
 * Makes evidence against honest nodes of what they really said: votes of two rounds as if of one, answers under other
 * requests, words with a byte changed. Whatever it makes proves nothing, if the judges look at everything.
 */
export class Forger {
  readonly #self: PeerId
  readonly #rng: Rng
  readonly #votes: Kept<VoteMessage> = []
  readonly #beacons: Kept<Signed<Beacon>> = []
  readonly #deals: Kept<Signed<Deal>> = []
  readonly #calls: Kept<Uint8Array> = []
  readonly #exchanges: Kept<Exchange> = []
  readonly #checkpoints: Kept<Extract<SignedTransaction['value'], { readonly type: 'audit-checkpoint' }>> = []

  /** `self` is never accused. */
  constructor(self: PeerId, rng: Rng) {
    this.#self = self
    this.#rng = rng
  }

  /** Learns from every frame; a Byzantine node may well tap the wires of its site. */
  see(frame: Frame): void {
    if (frame.from === this.#self) return
    if (frame.kind === 'message') this.#message(frame.from, contentOf<PeerMessage>(frame))
    else if (frame.kind === 'gossip') this.#gossip(frame)
    else if (frame.kind === 'request') this.#request(frame)
    else if (frame.kind === 'answer') this.#answer(frame)
  }

  /** The next forgery; undefined while too little has been said. */
  next(): Evidence | undefined {
    const forgeries = [
      () => this.#votesOfTwoRounds(),
      () => this.#changedVote(),
      () => this.#oneVoteTwice(),
      () => this.#beaconsOfTwoTimes(),
      () => this.#changedBeacon(),
      () => this.#dealsOfTwoCeremonies(),
      () => this.#rightPartial(),
      () => this.#partialUnderAnotherRequest(),
      () => this.#changedPartial(),
      () => this.#changedCheckpoint(),
    ]
    return forgeries[randomBelow(this.#rng, forgeries.length)]!()
  }

  #message(from: PeerId, message: PeerMessage): void {
    if (message.type === 'vote' && peerIdOf(message.vote.signer) === from) keep(this.#votes, from, message)
    else if (message.type === 'block') this.#certificate(message)
    else if (message.type === 'transactions') {
      for (const transaction of message.transactions) {
        const signer = peerIdOf(transaction.signer)
        if (signer === this.#self) continue
        const { value } = transaction
        if (value.type === 'deal') keep(this.#deals, signer, { ...transaction, value })
        if (value.type === 'audit-checkpoint') keep(this.#checkpoints, signer, value)
      }
    }
  }

  #certificate({ certified }: BlockMessage): void {
    const { height, round, blockId, signatures }: Certificate = certified.certificate
    for (const { signer, signature } of signatures) {
      if (peerIdOf(signer) === this.#self) continue
      const vote = { value: { height, round, blockId }, signer, signature }
      keep(this.#votes, peerIdOf(signer), { type: 'vote', step: 'precommit', vote })
    }
  }

  #gossip(frame: Frame): void {
    const signed = contentOf<Signed<Beacon>>(frame)
    if (signed.value?.coordinate === undefined) return
    const signer = peerIdOf(signed.signer)
    if (signer !== this.#self) keep(this.#beacons, signer, signed)
  }

  #request(frame: Frame): void {
    const request = contentOf<PartialCall>(frame)
    if (request.type === 'partial') keep(this.#calls, frame.to, canonicalBytes(request.call))
  }

  #answer(frame: Frame): void {
    const answer = contentOf<PartialAnswer>(frame)
    if (answer.type !== 'partial') return
    const request = latest(this.#calls, frame.from)
    const partial = canonicalBytes(answer.partial)
    if (request !== undefined) keep(this.#exchanges, frame.from, { request, partial })
  }

  #votesOfTwoRounds(): Evidence | undefined {
    const [voter, one] = this.#any(this.#votes) ?? []
    const other = this.#votes.find(
      ([signer, { step, vote }]) =>
        signer === voter && (step !== one!.step || vote.value.height !== one!.vote.value.height),
    )?.[1]
    return other === undefined ? undefined : this.#accuseVoter(one!, one!, other)
  }

  #changedVote(): Evidence | undefined {
    const [, one] = this.#any(this.#votes) ?? []
    if (one === undefined) return undefined
    const blockId = this.#rng.bytes(32)
    return this.#accuseVoter(one, one, {
      ...one,
      vote: { ...one.vote, value: { ...one.vote.value, blockId } },
    })
  }

  #oneVoteTwice(): Evidence | undefined {
    const [, one] = this.#any(this.#votes) ?? []
    return one === undefined ? undefined : this.#accuseVoter(one, one, one)
  }

  #accuseVoter({ step, vote }: VoteMessage, ...halves: readonly [VoteMessage, VoteMessage]): Evidence {
    const [first, second] = halves.map(half => {
      const { blockId } = half.vote.value
      return { blockId, signature: half.vote.signature }
    })
    const { height, round } = vote.value
    const voter = vote.signer
    return { type: 'conflicting-votes', step, voter, height, round, first: first!, second: second! }
  }

  #beaconsOfTwoTimes(): Evidence | undefined {
    const [signer, first] = this.#any(this.#beacons) ?? []
    const second = latest(this.#beacons, signer)
    return second && first ? { type: 'conflicting-beacons', first, second } : undefined
  }

  #changedBeacon(): Evidence | undefined {
    const [, first] = this.#any(this.#beacons) ?? []
    if (first === undefined) return undefined
    const second = { ...first, value: { ...first.value, height: first.value.height + 1 } }
    return { type: 'conflicting-beacons', first, second }
  }

  #dealsOfTwoCeremonies(): Evidence | undefined {
    const [signer, first] = this.#any(this.#deals) ?? []
    const second = latest(this.#deals, signer)
    return second && first ? { type: 'conflicting-deals', first, second } : undefined
  }

  /** Whoever reads the judge's mind badly accuses an honest holder of an honest answer. */
  #rightPartial(): Evidence | undefined {
    const [holder, exchange] = this.#any(this.#exchanges) ?? []
    return holder && exchange ? { type: 'bad-partial', holder, ...exchange } : undefined
  }

  #partialUnderAnotherRequest(): Evidence | undefined {
    const [holder, exchange] = this.#any(this.#exchanges) ?? []
    const [, request] = this.#any(this.#calls) ?? []
    return holder && exchange && request ? { type: 'bad-partial', holder, ...exchange, request } : undefined
  }

  #changedPartial(): Evidence | undefined {
    const [holder, exchange] = this.#any(this.#exchanges) ?? []
    if (holder === undefined || exchange === undefined) return undefined
    const signed = dagCbor.decode<PartialAnswer['partial']>(exchange.partial)
    const partials = signed.value.partials.map(one => ({
      ...one,
      values: one.values.map(value => value.map((byte, at) => (at === 1 ? byte ^ 1 : byte))),
    }))
    const partial = canonicalBytes({ ...signed, value: { ...signed.value, partials } })
    return { type: 'bad-partial', holder, request: exchange.request, partial }
  }

  #changedCheckpoint(): Evidence | undefined {
    const [log, { size, root, signature } = {}] = this.#any(this.#checkpoints) ?? []
    if (log === undefined || size === undefined || root === undefined || signature === undefined)
      return undefined
    const second = { root: this.#rng.bytes(32), signature }
    return { type: 'forked-audit', log: publicKeyOf(log), size, first: { root, signature }, second }
  }

  #any<T>(kept: Kept<T>): readonly [PeerId, T] | undefined {
    return kept.length === 0 ? undefined : kept[randomBelow(this.#rng, kept.length)]
  }
}

function keep<T>(kept: Kept<T>, from: PeerId, what: T): void {
  kept.push([from, what])
  if (kept.length > REMEMBERED) kept.shift()
}

function latest<T>(kept: Kept<T>, from: PeerId | undefined): T | undefined {
  return kept.findLast(([signer]) => signer === from)?.[1]
}

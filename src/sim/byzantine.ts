import { equalBytes, type PeerId, peerIdOf, randomUnit, toHex } from '../base/index.ts'
import { ristretto255, signValue } from '../crypto/index.ts'
import { recordHashOf, shareTreeRoot, vaultPaths } from '../keys/index.ts'
import {
  type Beacon,
  type Deal,
  type PartialAnswer,
  type PeerMessage,
  peerMessageCodec,
  type Signed,
  sealedDealingCodec,
  type TransactionsMessage,
  type VoteMessage,
} from '../wire/index.ts'
import { contentOf } from './frames.ts'
import type { SimHost } from './host.ts'
import {
  censoredProposal,
  type Liar,
  otherBeacon,
  otherVote,
  spoiltPartial,
  withForgedSignature,
} from './lies.ts'
import type { Misdeed } from './misdeeds.ts'
import type { Frame } from './network.ts'
import type { RecordMesh } from './records.ts'

/** How often a liar lies when it could. */
const LIE_RATE = 0.5

/** How wrong a censor's clock is: within what the others accept, and beyond. */
const SKEWS_MS = [450, 0, 5000, -450] as const

/**
 * The hands of Byzantine hosts on their own frames. What they send is always well-formed and properly signed. What they
 * do without being asked is in deeds.ts.
 */
export class Byzantine {
  /** Whether they misbehave; until then they do as the honest do. */
  isAwake = true
  readonly #liars: ReadonlyMap<PeerId, { readonly host: SimHost; readonly misdeed: Misdeed }>
  readonly #networkId: Uint8Array
  readonly #records: RecordMesh
  readonly #sides = new Map<PeerId, boolean>()
  #seen: Deal | undefined
  /** What a censor has proposed, by height and round: one thing to all. */
  readonly #censored = new Map<string, Uint8Array>()

  constructor(liars: readonly (readonly [SimHost, Misdeed])[], networkId: Uint8Array, records: RecordMesh) {
    this.#liars = new Map(liars.map(([host, misdeed]) => [host.peerId, { host, misdeed }]))
    this.#networkId = networkId
    this.#records = records
  }

  isHonest(peerId: PeerId): boolean {
    return !this.#liars.has(peerId)
  }

  tamper(frame: Frame): Uint8Array | undefined {
    this.#learnDeals(frame)
    if (this.isAwake && this.#liars.get(frame.to)?.misdeed === 'censored-complaint') {
      const rest = this.#withoutComplaints(frame)
      if (rest !== frame.bytes) return rest
    }
    const liar = this.#liars.get(frame.from)
    if (liar === undefined || !this.isAwake) return frame.bytes
    const { host, misdeed } = liar
    if (misdeed === 'silence') {
      this.#count(misdeed)
      return undefined
    }
    if (misdeed === 'false-complaint')
      return frame.kind === 'message' ? this.#withhold(host, frame) : frame.bytes
    // half the truth of a proposal would be two proposals
    if (misdeed === 'censor') return frame.kind === 'message' ? this.#censor(host, frame) : frame.bytes
    // of a true part and a false one whichever came first would count
    if (misdeed === 'bad-randomness')
      return frame.kind === 'message' ? this.#spoilRandomness(host, frame) : frame.bytes
    if (randomUnit(this.#records.network.context.rng) >= LIE_RATE) return frame.bytes
    if (misdeed === 'bad-partial')
      return frame.kind === 'answer' ? this.#spoilPartial(host, frame) : frame.bytes
    if (misdeed === 'conflicting-beacons')
      return frame.kind === 'gossip' ? this.#contradictBeacon(host, frame) : frame.bytes
    if (misdeed === 'forged-signature') return this.#forgeSignature(frame)
    if (frame.kind !== 'message') return frame.bytes
    const message = contentOf<PeerMessage>(frame)
    if (misdeed === 'equivocation' && message.type === 'vote') return this.#equivocate(host, frame, message)
    if (message.type !== 'transactions') return frame.bytes
    if (misdeed === 'bad-dealing' || misdeed === 'censored-complaint')
      return this.#spoilDeals(host, misdeed, message)
    if (misdeed === 'copied-encapsulation') return this.#copyEncapsulations(host, message)
    return frame.bytes
  }

  /** Tells one half of its peers that it voted for something else. */
  #equivocate(host: SimHost, frame: Frame, message: VoteMessage): Uint8Array {
    const isOwn = equalBytes(message.vote.signer, host.identity.publicKey)
    if (!isOwn || !this.#isToldOtherwise(frame)) return frame.bytes
    this.#count('equivocation')
    return otherVote(this.#liar(host), message)
  }

  /** Shows one half of its peers another load in a beacon of the same sequence. */
  #contradictBeacon(host: SimHost, frame: Frame): Uint8Array {
    const { value, signer } = contentOf<Partial<Signed<Partial<Beacon>>>>(frame)
    const isOwn = value?.coordinate !== undefined && equalBytes(signer!, host.identity.publicKey)
    if (!isOwn || !this.#isToldOtherwise(frame)) return frame.bytes
    this.#count('conflicting-beacons')
    return otherBeacon(this.#liar(host), value as Beacon)
  }

  #spoilPartial(host: SimHost, frame: Frame): Uint8Array {
    const answer = contentOf<PartialAnswer>(frame)
    if (answer.type !== 'partial') return frame.bytes
    this.#count('bad-partial')
    return spoiltPartial(this.#liar(host), answer)
  }

  /** Leaves out what others say in ceremonies, and proposes by a clock that is wrong, as far as it is let or further. */
  #censor(host: SimHost, frame: Frame): Uint8Array {
    const message = contentOf<PeerMessage>(frame)
    if (message.type !== 'proposal' || message.proposal.value.validRound !== -1) return frame.bytes
    if (!equalBytes(message.proposal.signer, host.identity.publicKey)) return frame.bytes
    const name = `${host.name}/${message.proposal.value.height}/${message.proposal.value.round}`
    let censored = this.#censored.get(name)
    if (censored === undefined) {
      const skewMs = SKEWS_MS[this.#censored.size % SKEWS_MS.length]!
      censored = censoredProposal(this.#liar(host), message, skewMs)
      this.#censored.set(name, censored)
      this.#count('censor')
    }
    return censored
  }

  /** Puts a signature that nobody made in the place of others' in votes, and of the receiver's in certificates. */
  #forgeSignature(frame: Frame): Uint8Array {
    const forged = withForgedSignature(frame.kind, contentOf(frame), frame.from, frame.to)
    if (forged === undefined) return frame.bytes
    this.#count('forged-signature')
    return forged
  }

  #liar({ identity }: SimHost): Liar {
    return { identity, networkId: this.#networkId }
  }

  /** Vouches for no share, so that its complaints have time. */
  #withhold(host: SimHost, frame: Frame): Uint8Array | undefined {
    const message = contentOf<PeerMessage>(frame)
    if (message.type !== 'transactions') return frame.bytes
    const transactions = message.transactions.filter(
      ({ value, signer }) => value.type !== 'acknowledge' || !equalBytes(signer, host.identity.publicKey),
    )
    if (transactions.length === message.transactions.length) return frame.bytes
    return transactions.length === 0 ? undefined : peerMessageCodec.encode({ ...message, transactions })
  }

  /** Deals so that one recipient's sealed share cannot be opened, consistently in the record and in its root. */
  #spoilDeals(host: SimHost, misdeed: Misdeed, message: TransactionsMessage): Uint8Array {
    const transactions = message.transactions.map(transaction => {
      const { value, signer } = transaction
      if (value.type !== 'deal' || !equalBytes(signer, host.identity.publicKey)) return transaction
      const root = this.#spoilRecord(host, value)
      if (root === undefined) return transaction
      this.#count(misdeed)
      return signValue(host.identity, 'transaction', this.#networkId, { ...value, root })
    })
    return peerMessageCodec.encode({ ...message, transactions })
  }

  /** Remembers the newest dealing of each honest dealer: it is on the wire before any block holds it. */
  #learnDeals(frame: Frame): void {
    if (frame.kind !== 'message' || this.#liars.size === 0) return
    const message = contentOf<PeerMessage>(frame)
    if (message.type !== 'transactions') return
    for (const { value, signer } of message.transactions) {
      if (value.type === 'deal' && this.isHonest(peerIdOf(signer))) this.#seen = value
    }
  }

  /** Deals under an honest dealer's encapsulation, so that a complaint would open what that dealer sealed. */
  #copyEncapsulations(host: SimHost, message: TransactionsMessage): Uint8Array {
    const seen = this.#seen
    const transactions = message.transactions.map(transaction => {
      const { value, signer } = transaction
      if (value.type !== 'deal' || !equalBytes(signer, host.identity.publicKey)) return transaction
      if (seen === undefined || !equalBytes(seen.ceremony, value.ceremony)) return transaction
      const root = this.#spoilRecord(host, value) ?? value.root
      this.#count('copied-encapsulation')
      const { encapsulation } = seen
      return signValue(host.identity, 'transaction', this.#networkId, { ...value, encapsulation, root })
    })
    return peerMessageCodec.encode({ ...message, transactions })
  }

  /** As leader it cannot propose a complaint that it does not have. */
  #withoutComplaints(frame: Frame): Uint8Array | undefined {
    if (frame.kind !== 'message') return frame.bytes
    const message = contentOf<PeerMessage>(frame)
    if (message.type !== 'transactions') return frame.bytes
    const transactions = message.transactions.filter(({ value }) => value.type !== 'complain')
    if (transactions.length === message.transactions.length) return frame.bytes
    return transactions.length === 0 ? undefined : peerMessageCodec.encode({ ...message, transactions })
  }

  /** Says something else of an epoch's randomness than its share makes. */
  #spoilRandomness(host: SimHost, frame: Frame): Uint8Array {
    const message = contentOf<PeerMessage>(frame)
    if (message.type !== 'transactions') return frame.bytes
    const transactions = message.transactions.map(transaction => {
      const { value, signer } = transaction
      if (value.type !== 'randomness' || !equalBytes(signer, host.identity.publicKey)) return transaction
      this.#count('bad-randomness')
      const partials = value.partials.map(partial => ({ ...partial, element: ristretto255.base.bytes }))
      return signValue(host.identity, 'transaction', this.#networkId, { ...value, partials })
    })
    return peerMessageCodec.encode({ ...message, transactions })
  }

  #spoilRecord(host: SimHost, { ceremony, fromSlot, root }: Deal): Uint8Array | undefined {
    const occasion = { ceremony, fromSlot, dealer: host.identity.publicKey }
    const record = host.disk.read(vaultPaths.record(recordHashOf(occasion, root)))
    if (record === undefined) return undefined
    const { value } = sealedDealingCodec.decode(record)
    const shares = value.shares.map((share, index) => {
      if (index !== 0) return share
      return { ...share, sealed: share.sealed.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) }
    })
    const signed = signValue(host.identity, 'sealed-dealing', this.#networkId, { ...value, shares })
    const spoilt = sealedDealingCodec.encode(signed)
    const spoiltRoot = shareTreeRoot(shares)
    const key = toHex(recordHashOf(occasion, spoiltRoot))
    if (!this.#records.shelf(host.peerId).has(key)) {
      this.#records.shelf(host.peerId).set(key, spoilt)
      for (const peer of this.#records.network.connectedTo(host.peerId)) {
        this.#records.offer(host.peerId, peer, key, spoilt)
      }
    }
    return spoiltRoot
  }

  /** Every second of the peers that it ever spoke to hears another story. */
  #isToldOtherwise({ to }: Frame): boolean {
    const side = this.#sides.get(to) ?? this.#sides.size % 2 === 1
    this.#sides.set(to, side)
    return side
  }

  #count(misdeed: Misdeed): void {
    this.#records.network.context.faults.add(misdeed)
  }
}

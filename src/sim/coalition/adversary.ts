import {
  equalBytes,
  type PeerId,
  peerIdOf,
  randomBelow,
  randomUnit,
  type SeededRng,
  toHex,
} from '../../base/index.ts'
import { type LedgerState, type MemberRecord, memberPath, transactionIdOf } from '../../control/index.ts'
import type { SigningKey } from '../../crypto/index.ts'
import {
  type CeremonyRecord,
  type DealRecord,
  keyPaths,
  suiteOf,
  type VersionRecord,
  vaultPaths,
} from '../../keys/index.ts'
import {
  type AnnounceSealingKey,
  type Block,
  type Complain,
  type Deal,
  type Effect,
  type ShareOpening,
  type SignedTransaction,
  sealedDealingCodec,
} from '../../wire/index.ts'
import type { CoalitionCheck } from '../checks/coalition/coalition.ts'
import { named } from '../checks/coalition/knowledge.ts'
import { type ComplaintAttack, falseComplaint } from './complaining.ts'
import type { Attack, Counts, Event } from './counts.ts'
import {
  anotherDealing,
  assemble,
  type BentDealing,
  bendShares,
  cancelling,
  copyAttack,
  type DealAttack,
  drawVictim,
  sharesIn,
  type Victim,
} from './dealing.ts'
import { type LeaderPolicy, leaderIncludes } from './leader.ts'
import type { CoalitionHands, CoalitionNetwork, CoalitionNode } from './network.ts'

/** What the coalition does in one ceremony. */
export interface Plot {
  readonly deal: DealAttack
  readonly leader: LeaderPolicy
  readonly complaint: ComplaintAttack
}

export const PEACE: Plot = { deal: 'soundly', leader: 'fair', complaint: 'none' }

interface HeldDeal {
  readonly signer: SigningKey
  readonly deal: Deal
  readonly record: Uint8Array
}

/** What two networks of the same hosts leave with the coalition. */
export interface Memory {
  readonly check: CoalitionCheck
  readonly victims: Victim[]
  readonly openings: ShareOpening[]
}

const idOf = (ceremony: Uint8Array): string => toHex(ceremony)

/** The coalition: t-1 holders, f validators, the leader and clients of theirs, in one mind. It rushes: it deals last. */
export class Adversary implements CoalitionHands {
  plot: Plot = PEACE
  network!: CoalitionNetwork
  readonly memory: Memory
  readonly oldTransactions: SignedTransaction[] = []
  ceremonies = 0
  readonly #rng: SeededRng
  readonly #counts: Counts
  readonly #clients: readonly SigningKey[]
  readonly #held: HeldDeal[] = []
  readonly #scenes = new Map<string, CeremonyRecord>()
  readonly #awaited = new Map<string, Attack>()
  readonly #counted = new Set<string>()
  readonly #complained = new Set<string>()
  readonly #generations = new Set<string>()
  /** The last sealing key that an honest node announced. */
  #announced: AnnounceSealingKey | undefined

  constructor(memory: Memory, rng: SeededRng, counts: Counts, clients: readonly SigningKey[]) {
    this.memory = memory
    this.#rng = rng
    this.#counts = counts
    this.#clients = clients
  }

  isOurs(publicKey: Uint8Array): boolean {
    const node = this.network.node(peerIdOf(publicKey))
    return node?.isMember ?? this.#clients.some(client => equalBytes(client.publicKey, publicKey))
  }

  bend(effect: Effect, node: CoalitionNode): readonly Effect[] {
    if (effect.type === 'submit' && effect.transaction.type === 'deal') {
      const { transaction: deal } = effect
      const record = this.#recordOf(node, deal)
      this.memory.check.deal({ ...deal, dealer: node.identity.publicKey }, true)
      this.hold(node.identity, deal, record)
      return []
    }
    // complaints name what is known anyway; the coalition has its own
    if (effect.type === 'submit' && effect.transaction.type === 'complain') return []
    // own records leave with the deal
    if (effect.type === 'dht-put' || (effect.type === 'send' && effect.message.type === 'record')) return []
    if (effect.type === 'persist') this.learnKeys(node)
    return [effect]
  }

  learnKeys(node: CoalitionNode): void {
    for (const { publicKey, secretKey } of node.state.sealing.values()) {
      this.memory.check.knowledge.scalar('ristretto255', publicKey.bytes, new Uint8Array(secretKey.expose()))
    }
  }

  /** Keeps a deal back until the honest have dealt. */
  hold(signer: SigningKey, deal: Deal, record: Uint8Array): void {
    this.#held.push({ signer, deal, record })
    this.#releaseIfReady(deal.ceremony)
  }

  includes(transaction: SignedTransaction): boolean {
    const isOurs = (publicKey: Uint8Array) => this.isOurs(publicKey)
    const verdict = leaderIncludes(transaction, this.plot, this.network, isOurs)
    if (typeof verdict === 'boolean') return verdict
    this.#countOnce(toHex(transactionIdOf(transaction)), verdict)
    return false
  }

  transaction(signed: SignedTransaction): void {
    const { value, signer } = signed
    const { check, victims, openings } = this.memory
    if (value.type === 'deal') {
      check.deal({ ...value, dealer: signer }, false)
      if (this.isOurs(signer) || !this.#scenes.has(idOf(value.ceremony))) return
      this.oldTransactions.push(signed)
      const { networkId } = this.network
      const isKnown = victims.some(({ deal }) => equalBytes(deal.encapsulation.enc, value.encapsulation.enc))
      if (!isKnown) victims.push({ networkId, dealer: signer, deal: value, isAborted: false })
      this.#releaseIfReady(value.ceremony)
    } else if (value.type === 'complain') {
      this.#hearComplaint(value, signer)
      if (value.opening !== undefined) openings.push(value.opening)
    } else if (value.type === 'report-evidence' && value.evidence.type === 'late-complaint') {
      const { complaint } = value.evidence
      this.#hearComplaint(complaint.value, complaint.signer)
    } else if (value.type === 'acknowledge' && !this.isOurs(signer)) this.oldTransactions.push(signed)
    else if (value.type === 'announce-sealing-key') this.#hearSealingKey(value, signer)
  }

  record(bytes: Uint8Array): void {
    const { value, signer } = sealedDealingCodec.decode(bytes)
    this.memory.check.record({ ...value, dealer: signer })
  }

  applied(block: Block, before: LedgerState): void {
    const { ledger } = this.network
    for (const signed of block.transactions) this.#settle(signed)
    for (const ceremony of this.network.openCeremonies()) this.#see(ceremony)
    for (const { value } of ledger.records.entries<VersionRecord>('version/')) this.#seeVersion(value)
    for (const [, scene] of this.#scenes) {
      const wasOpen = before.records.get(keyPaths.ceremony(scene.id)) !== undefined
      if (wasOpen && !this.#isOpen(scene.id)) this.#close(scene)
    }
    for (const ceremony of this.network.openCeremonies()) this.#complain(ceremony)
    for (const { isMember, peerId } of this.network.nodes) {
      if (isMember && this.network.isConvicted(peerId))
        this.#countOnce(`convicted ${peerId}`, 'member convicted')
    }
  }

  /** The holders that are not of the coalition. */
  honestAmong(slots: readonly { readonly peerId: PeerId }[]): PeerId[] {
    return [...new Set(slots.map(({ peerId }) => peerId))].filter(
      peerId => !this.network.node(peerId)!.isMember,
    )
  }

  #recordOf(node: CoalitionNode, deal: Deal): Uint8Array {
    const prefix = vaultPaths.dealing(deal.ceremony, deal.fromSlot)
    const made = node.state.dealings.get(prefix.slice('keys/dealing/'.length))
    if (made === undefined) throw new Error(`no dealing under ${prefix}`)
    return made.record
  }

  #see(ceremony: CeremonyRecord): void {
    const isNew = !this.#scenes.has(idOf(ceremony.id))
    this.#scenes.set(idOf(ceremony.id), ceremony)
    if (!isNew) return
    this.ceremonies++
    this.#counts.add(ceremony.purpose)
    const { keyId, version } = ceremony
    const current = this.network.ledger.records.get<VersionRecord>(keyPaths.version(keyId, version))
    const isHandoff = ceremony.dealers.some(({ fromSlot }) => fromSlot > 0)
    const base = isHandoff ? current!.commitments : []
    this.memory.check.ceremony({ ...ceremony, networkId: this.network.networkId, base })
  }

  #seeVersion(version: VersionRecord): void {
    const name = `${toHex(version.keyId)}/${version.version}/${version.generation}`
    if (this.#generations.has(name)) return
    this.#generations.add(name)
    this.memory.check.version(version)
  }

  #close(scene: CeremonyRecord): void {
    const version = this.network.ledger.records.get<VersionRecord>(
      keyPaths.version(scene.keyId, scene.version),
    )
    const isActive = version !== undefined && equalBytes(version.ceremony, scene.id)
    this.#counts.add(isActive ? 'activated' : 'aborted')
    if (isActive) return
    // what came to nothing once is let through, or the network would do nothing else
    this.plot = PEACE
    for (const victim of this.memory.victims) {
      if (equalBytes(victim.deal.ceremony, scene.id)) victim.isAborted = true
    }
  }

  /** Counts what a block has taken, or refused for what it is. */
  #settle(signed: SignedTransaction): void {
    const attack = this.#awaited.get(toHex(transactionIdOf(signed)))
    if (attack !== undefined) this.#counts.add(attack)
  }

  #isOpen(ceremony: Uint8Array): boolean {
    return this.network.ledger.records.get(keyPaths.ceremony(ceremony)) !== undefined
  }

  #countOnce(name: string, what: Attack | Event): void {
    if (this.#counted.has(name)) return
    this.#counted.add(name)
    this.#counts.add(what)
  }

  #releaseIfReady(ceremony: Uint8Array): void {
    const scene = this.#scenes.get(idOf(ceremony))
    if (scene === undefined) return
    const dealt = this.#honestDeals(ceremony)
    const isReady = scene.dealers.every(
      ({ dealer, fromSlot }) =>
        this.isOurs(dealer) ||
        dealt.some(each => equalBytes(each.dealer, dealer) && each.deal.fromSlot === fromSlot),
    )
    if (!isReady) return
    for (const held of this.#held.filter(({ deal }) => equalBytes(deal.ceremony, ceremony))) {
      this.#held.splice(this.#held.indexOf(held), 1)
      this.#release(held, scene)
    }
  }

  #honestDeals(ceremony: Uint8Array): Victim[] {
    return this.memory.victims.filter(({ deal }) => equalBytes(deal.ceremony, ceremony))
  }

  #release(held: HeldDeal, scene: CeremonyRecord): void {
    const { signer, deal } = held
    const isClient = this.network.node(peerIdOf(signer.publicKey)) === undefined
    const { bent, attacks } = this.#bent(held, scene, isClient)
    const honest = this.honestAmong(scene.slots)
    const isPartly = this.plot.deal === 'record withheld from some holders'
    const to = isPartly ? honest.slice(0, Math.ceil(honest.length / 2)) : honest
    const ours = scene.slots.map(({ peerId }) => peerId).filter(peerId => !honest.includes(peerId))
    const from = this.network.nodes.find(({ isMember }) => isMember)!.peerId
    this.network.publish(bent.key, bent.record, from, [...to, ...ours])
    if (isPartly) this.network.records.delete(toHex(bent.key))
    const id = toHex(transactionIdOf(this.network.sign(signer, bent.deal)))
    for (const attack of attacks) this.#awaited.set(id, attack)
    this.network.submit(signer, bent.deal)
    for (const attack of attacks.slice(1)) this.#counts.add(attack)
    if (this.plot.deal !== 'two dealings' || isClient || deal.fromSlot > 0) return
    const plan = {
      ...scene,
      networkId: this.network.networkId,
      group: suiteOf(scene.kind).group,
      recipients: scene.slots,
    }
    const other = anotherDealing(plan, signer, this.#rng, 0)
    const second = this.network.submit(signer, other.deal)
    this.#awaited.set(toHex(second), 'two dealings')
  }

  #bent(held: HeldDeal, scene: CeremonyRecord, isClient: boolean): { bent: BentDealing; attacks: Attack[] } {
    const { signer, deal, record } = held
    const { networkId } = this.network
    const sound = (changed: Deal, attacks: Attack[] = []) => ({
      bent: assemble(
        signer,
        networkId,
        scene,
        changed,
        bendShares(this.plot.deal, sharesIn(record), this.#rng),
      ),
      attacks,
    })
    switch (this.plot.deal) {
      case 'soundly':
      case 'two dealings':
        return sound(deal)
      case 'garbage ciphertexts':
        return sound(deal, [isClient ? 'garbage ciphertexts, by an importing client' : 'garbage ciphertexts'])
      case 'malformed ciphertexts':
      case 'record withheld from some holders':
        return sound(deal, [this.plot.deal])
      case 'copied encapsulation':
      case 'copied encapsulation and proof':
        return this.#copied(held, scene, isClient, sound)
      case 'constant term that cancels the honest ones':
        return deal.fromSlot > 0 || isClient ? sound(deal) : sound(this.#cancelling(deal), [this.plot.deal])
      case 'another dealer’s whole dealing as its own': {
        const victim = this.#honestDeals(deal.ceremony)[0]
        if (victim === undefined) return sound(deal)
        const theirs = { ...victim.deal, fromSlot: deal.fromSlot }
        return sound(theirs, [this.plot.deal])
      }
    }
  }

  #copied(
    { deal }: HeldDeal,
    scene: CeremonyRecord,
    isClient: boolean,
    sound: (deal: Deal, attacks?: Attack[]) => { bent: BentDealing; attacks: Attack[] },
  ): { bent: BentDealing; attacks: Attack[] } {
    const victim = drawVictim(this.memory.victims, this.network.networkId, deal.ceremony, this.#rng)
    if (victim === undefined) return sound(deal)
    const isWithProof = this.plot.deal === 'copied encapsulation and proof'
    const { enc, proof } = victim.deal.encapsulation
    const encapsulation = { enc, proof: isWithProof ? proof : deal.encapsulation.proof }
    const attacks: Attack[] = [
      copyAttack(victim, this.network.networkId, scene.id),
      ...(isClient ? (['copied encapsulation, by an importing client'] as const) : []),
      ...(isWithProof ? (['copied encapsulation, with its proof'] as const) : []),
    ]
    return sound({ ...deal, encapsulation }, attacks)
  }

  #cancelling(deal: Deal): Deal {
    const honest = this.#honestDeals(deal.ceremony).map(victim => victim.deal.commitments[0]!)
    const wanted = deal.commitments[0]!
    const constant = cancelling(wanted, honest)
    const form = [constant, ...honest].map(bytes => [named('toy', bytes), 1n] as const)
    this.memory.check.knowledge.relation(new Map(form), wanted)
    return { ...deal, commitments: [constant, ...deal.commitments.slice(1)] }
  }

  #hearSealingKey(announced: AnnounceSealingKey, signer: Uint8Array): void {
    this.memory.check.knowledge.proof('ristretto255', announced.sealingKey, announced.possession)
    if (this.isOurs(signer)) return
    this.#counts.add('sealing key renewed')
    this.#announced = announced
  }

  #hearComplaint(value: Complain, signer: Uint8Array): void {
    const { ceremony, dealing, slot, opening } = value
    const dealer = this.#scenes.get(idOf(ceremony))?.dealers[dealing]?.dealer
    if (dealer === undefined) return
    if (!this.isOurs(signer)) this.#counts.add('honest complaint')
    this.memory.check.complaint({ ceremony, dealer, slot, ...(opening && { opening }) })
  }

  /** One member says of an honest dealer's good share that it is bad. */
  #complain(ceremony: CeremonyRecord): void {
    const { complaint } = this.plot
    if (complaint === 'none' || ceremony.stage !== 'acknowledging') return
    if (this.#complained.has(idOf(ceremony.id))) return
    const member = this.network.nodes.find(
      ({ isMember, peerId }) => isMember && ceremony.slots.some(slot => slot.peerId === peerId),
    )
    const place = ceremony.dealt.find(each => !this.isOurs(ceremony.dealers[each]!.dealer))
    if (member === undefined || place === undefined) return
    const dealt = this.network.ledger.records.get<DealRecord>(keyPaths.deal(ceremony.id, place))!
    const record = this.network.records.get(toHex(dealt.recordHash))
    if (record === undefined) return
    const made = falseComplaint(
      { networkId: this.network.networkId, ceremony, place, dealt, record, member },
      this.plot.complaint,
      this.memory.openings,
      this.#rng,
    )
    if (made === undefined) return
    this.#complained.add(idOf(ceremony.id))
    this.#awaited.set(toHex(this.network.submit(member.identity, made)), complaint)
  }

  /** Members announce what is not theirs, and hand old transactions in again. */
  meddle(): void {
    const member = this.network.nodes.find(
      ({ isMember, peerId }) => isMember && !this.network.isConvicted(peerId),
    )
    if (member === undefined) return
    if (randomUnit(this.#rng) < 0.3 && this.oldTransactions.length > 0) {
      const old = this.oldTransactions[randomBelow(this.#rng, this.oldTransactions.length)]!
      this.#awaited.set(toHex(this.network.replay(old)), 'old transactions again')
    }
    if (randomUnit(this.#rng) < 0.1) this.#announceForeignKey(member)
  }

  /** A sealing key that is another's, or an honest dealer's encapsulation, with the proof that came with it. */
  #announceForeignKey(member: CoalitionNode): void {
    const isEncapsulation = randomUnit(this.#rng) < 0.5
    const { enc, proof } = this.memory.victims.at(-1)?.deal.encapsulation ?? {}
    const honest = this.network.nodes.find(({ isMember }) => !isMember)!
    const current = this.network.ledger.records.get<MemberRecord>(memberPath(honest.peerId))!.sealingKey
    const sealingKey = isEncapsulation ? enc : (this.#announced?.sealingKey ?? current)
    // keys of the genesis come without a proof: another's will have to do
    const possession = isEncapsulation ? proof : (this.#announced?.possession ?? proof)
    if (sealingKey === undefined || possession === undefined) return
    const { records } = this.network.ledger
    const revision = records.get<{ revision: number }>(keyPaths.sealing(member.peerId))?.revision ?? 0
    const announced = { type: 'announce-sealing-key', sealingKey, revision, possession } as const
    const attack = isEncapsulation
      ? 'an encapsulation as its sealing key'
      : 'another member’s sealing key as its own'
    this.#awaited.set(toHex(this.network.submit(member.identity, announced)), attack)
  }
}

import type { Findings } from '../findings.ts'
import { dealtName, exportedName } from './forms.ts'
import { evaluated, Knowledge, named, type Proof } from './knowledge.ts'
import { type LinearForm, weightsOf } from './linear.ts'

// The shapes below repeat what the checker reads off the wire, so that the format stands in one place for it.

interface SeenSlot {
  readonly slot: number
  readonly peerId: string
  readonly sealingKey: Uint8Array
}

export interface SeenCeremony {
  readonly networkId: Uint8Array
  readonly id: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly slots: readonly SeenSlot[]
  readonly threshold: number
  /** Of the version whose shares are handed on; empty for a new secret. */
  readonly base: readonly Uint8Array[]
}

export interface SeenDeal {
  readonly ceremony: Uint8Array
  readonly dealer: Uint8Array
  readonly fromSlot: number
  readonly commitments: readonly Uint8Array[]
  readonly possession: Proof
  readonly encapsulation: { readonly enc: Uint8Array; readonly proof: Proof }
}

export interface SeenRecord {
  readonly ceremony: Uint8Array
  readonly dealer: Uint8Array
  readonly fromSlot: number
  readonly shares: ReadonlyArray<{ readonly slot: number; readonly sealed: Uint8Array }>
}

export interface SeenComplaint {
  readonly ceremony: Uint8Array
  readonly dealer: Uint8Array
  readonly slot: number
  readonly opening?: { readonly sharedPoint: Uint8Array; readonly proof: Proof }
}

export interface SeenVersion {
  readonly keyId: Uint8Array
  readonly version: number
  readonly threshold: number
  readonly slots: readonly SeenSlot[]
  readonly commitments: readonly Uint8Array[]
  readonly dealings: ReadonlyArray<{ readonly fromSlot: number; readonly commitments: readonly Uint8Array[] }>
}

export interface SeenExport {
  readonly networkId: Uint8Array
  readonly proposal: Uint8Array
  readonly holder: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly generation: number
  readonly recipient: Uint8Array
  readonly encapsulation: { readonly enc: Uint8Array; readonly proof: Proof }
  readonly shares: ReadonlyArray<{ readonly slot: number; readonly sealed: Uint8Array }>
}

/** What must stay secret. */
interface Target {
  readonly what: string
  /** The key and version that it belongs to; empty for a sealing key. */
  readonly version: string
  readonly form: LinearForm
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const versionName = ({ keyId, version }: { keyId: Uint8Array; version: number }): string =>
  `${hex(keyId)}/${version}`

const RULE = 't-1 holders, f validators and the leader together learn no secret'

/**
 * Looks at the network as the coalition does, and fails when what it knows determines a secret: a key, an honest node's share
 * of a version or of a dealing, an honest dealer's contribution, a sealing key or an ephemeral.
 */
export class CoalitionCheck {
  readonly knowledge: Knowledge = new Knowledge()
  readonly #findings: Findings
  readonly #isMember: (publicKey: Uint8Array) => boolean
  readonly #ceremonies = new Map<string, SeenCeremony>()
  readonly #deals = new Map<string, Set<string>>()
  readonly #dealt = new Map<string, SeenDeal[]>()
  readonly #records = new Map<string, SeenRecord[]>()
  readonly #targets = new Map<string, Target>()
  /** Versions that the coalition may know: legitimately exported to it, or held by t of its slots. */
  readonly #conceded = new Set<string>()
  readonly #isHolderMember: (peerId: string) => boolean

  constructor(
    findings: Findings,
    isMember: (publicKey: Uint8Array) => boolean,
    isHolderMember: (peerId: string) => boolean,
  ) {
    this.#findings = findings
    this.#isMember = isMember
    this.#isHolderMember = isHolderMember
  }

  get targets(): number {
    return this.#targets.size
  }

  ceremony(ceremony: SeenCeremony): void {
    const id = hex(ceremony.id)
    if (this.#ceremonies.has(id)) return
    this.#ceremonies.set(id, ceremony)
    for (const { peerId, sealingKey } of ceremony.slots) {
      if (!this.#isHolderMember(peerId)) this.#target('a sealing key', '', 'ristretto255', sealingKey)
    }
    if (this.#holdsEnough(ceremony)) this.concede(ceremony)
  }

  /** A deal transaction, whether a block took it or not. `isSound` says that the reducer would take it. */
  deal(deal: SeenDeal, isOwnMaking: boolean): void {
    const ceremony = this.#ceremonies.get(hex(deal.ceremony))
    const { dealer, fromSlot, commitments, possession, encapsulation } = deal
    const name = `${hex(deal.ceremony)}/${hex(dealer)}/${fromSlot}`
    const seen = this.#deals.get(name) ?? new Set()
    this.#deals.set(name, seen)
    const said = Buffer.concat([...commitments, encapsulation.enc]).toString('hex')
    if (ceremony === undefined || seen.has(said)) return
    seen.add(said)
    this.knowledge.proof('ristretto255', encapsulation.enc, encapsulation.proof)
    if (isOwnMaking) {
      // the toy group's elements are their own logarithms: the coalition's own polynomial is known to it
      for (const commitment of commitments) this.knowledge.scalar('toy', commitment, commitment)
    } else if (!this.#isMember(dealer)) this.#honestDeal(ceremony, deal)
    this.knowledge.proof('toy', commitments[0]!, possession)
    this.#dealt.set(name, [...(this.#dealt.get(name) ?? []), deal])
    for (const record of this.#records.get(name) ?? []) this.#pair(ceremony, deal, record)
  }

  #honestDeal(ceremony: SeenCeremony, { dealer, fromSlot, commitments, encapsulation }: SeenDeal): void {
    const of = versionName(ceremony)
    if (fromSlot > 0) {
      this.knowledge.equal(new Map([[named('toy', commitments[0]!), 1n]]), evaluated(ceremony.base, fromSlot))
    }
    const who = `of ${hex(dealer).slice(0, 8)}`
    this.#target(`the secret dealt ${who}`, of, 'toy', commitments[0]!)
    this.#target(`the ephemeral ${who}`, of, 'ristretto255', encapsulation.enc)
    for (const { slot, peerId } of ceremony.slots) {
      if (this.#isHolderMember(peerId)) continue
      this.#form(`the part ${who} for slot ${slot}`, of, evaluated(commitments, slot))
    }
  }

  /** A signed record, from whatever hand. */
  record(record: SeenRecord): void {
    const name = `${hex(record.ceremony)}/${hex(record.dealer)}/${record.fromSlot}`
    this.#records.set(name, [...(this.#records.get(name) ?? []), record])
    const ceremony = this.#ceremonies.get(hex(record.ceremony))
    if (ceremony === undefined) return
    for (const deal of this.#dealt.get(name) ?? []) this.#pair(ceremony, deal, record)
  }

  #pair(ceremony: SeenCeremony, deal: SeenDeal, { dealer, fromSlot, shares }: SeenRecord): void {
    const { networkId, id, keyId, version } = ceremony
    const dealing = { networkId, ceremony: id, dealer, fromSlot, keyId, version }
    for (const { slot, sealed } of shares) {
      const recipient = ceremony.slots.find(each => each.slot === slot)?.sealingKey
      if (recipient === undefined) continue
      this.knowledge.ciphertext({
        ...{ enc: deal.encapsulation.enc, recipient, sealed, name: dealtName(dealing, slot) },
        meaning: evaluated(deal.commitments, slot),
      })
    }
  }

  complaint({ ceremony, slot, opening }: SeenComplaint): void {
    const recipient = this.#ceremonies.get(hex(ceremony))?.slots.find(each => each.slot === slot)?.sealingKey
    if (recipient === undefined || opening === undefined) return
    this.knowledge.sharedPoint(recipient, opening.sharedPoint)
    this.knowledge.proof('ristretto255', recipient, opening.proof)
  }

  /** A version that serves: what its joint commitments are made of. */
  version(version: SeenVersion): void {
    const { slots, commitments, dealings } = version
    const of = versionName(version)
    if (this.#holdsEnough(version)) this.concede(version)
    const weights = weightsOf(dealings.map(({ fromSlot }) => fromSlot))
    for (const [k, commitment] of commitments.entries()) {
      const sum = new Map<string, bigint>()
      for (const [index, dealing] of dealings.entries()) {
        const name = named('toy', dealing.commitments[k]!)
        sum.set(name, (sum.get(name) ?? 0n) + weights[index]!)
      }
      this.knowledge.equal(new Map([[named('toy', commitment), 1n]]), sum)
    }
    this.#target('the key', of, 'toy', commitments[0]!)
    for (const { slot, peerId } of slots) {
      if (!this.#isHolderMember(peerId))
        this.#form(`the share of slot ${slot}`, of, evaluated(commitments, slot))
    }
  }

  /** One holder's answer to an export. */
  exported(answer: SeenExport, commitments: readonly Uint8Array[]): void {
    const { encapsulation, recipient } = answer
    this.knowledge.proof('ristretto255', encapsulation.enc, encapsulation.proof)
    if (!this.#isMember(answer.holder))
      this.#target('an ephemeral of an export', '', 'ristretto255', encapsulation.enc)
    for (const { slot, sealed } of answer.shares) {
      this.knowledge.ciphertext({
        ...{ enc: encapsulation.enc, recipient, sealed, name: exportedName(answer, slot) },
        meaning: evaluated(commitments, slot),
      })
    }
  }

  /** From now on the coalition may know this version. */
  concede(version: { readonly keyId: Uint8Array; readonly version: number }): void {
    this.#conceded.add(versionName(version))
  }

  /** Fails when a secret is determined. */
  inspect(): void {
    for (const [name, { what, version, form }] of this.#targets) {
      if (this.#conceded.has(version) || this.knowledge.valueOf(form) === undefined) continue
      this.#targets.delete(name)
      this.#findings.add(RULE, `${what}${version === '' ? '' : ` of ${version.slice(0, 8)}`}`)
    }
  }

  #holdsEnough({ slots, threshold }: Pick<SeenVersion, 'slots' | 'threshold'>): boolean {
    return slots.filter(({ peerId }) => this.#isHolderMember(peerId)).length >= threshold
  }

  #target(what: string, version: string, field: 'toy' | 'ristretto255', point: Uint8Array): void {
    this.#targets.set(named(field, point), { what, version, form: new Map([[named(field, point), 1n]]) })
  }

  #form(what: string, version: string, form: LinearForm): void {
    this.#targets.set([...form.keys()].join() + what, { what, version, form })
  }
}

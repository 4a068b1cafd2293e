import { type PeerId, toHex } from '../../base/index.ts'
import {
  type Element,
  type Group,
  groupByName,
  type SigningKind,
  type SigningSuite,
  signingSuite,
  verifyingShare,
} from '../../crypto/index.ts'
import type { KeyKind } from '../../wire/index.ts'
import { suiteOf } from '../kinds.ts'
import type { VersionRecord } from '../records.ts'

/** Versions whose decoded public half is kept: some hundred KB, and every hot key of a busy node. */
const MAX_VERSIONS = 512

/** `<keyId hex>/<version>/<generation>`: one name for a set of shares in every map of this folder. */
export function versionName({ keyId, version, generation }: VersionRecord): string {
  return `${toHex(keyId)}/${version}/${generation}`
}

/** The public half of one key version, decoded once. */
export class VersionMaterial {
  readonly name: string
  readonly kind: KeyKind
  readonly record: VersionRecord
  readonly group: Group
  readonly #verifyingShares = new Map<number, Element>()
  #commitments: Element[] | undefined
  #holders: Map<PeerId, number[]> | undefined

  constructor(name: string, kind: KeyKind, record: VersionRecord) {
    this.name = name
    this.kind = kind
    this.record = record
    this.group = groupByName(suiteOf(kind).group)
  }

  get isSigning(): boolean {
    return suiteOf(this.kind).operation === 'sign'
  }

  /** The suite of a key that signs. */
  get suite(): SigningSuite {
    return signingSuite(this.kind as SigningKind)
  }

  get commitments(): readonly Element[] {
    this.#commitments ??= this.record.commitments.map(bytes => this.group.decode(bytes))
    return this.#commitments
  }

  /** Each holder with its slots, ascending. */
  get holders(): ReadonlyMap<PeerId, readonly number[]> {
    this.#holders ??= holdersOf(this.record)
    return this.#holders
  }

  /** The public key as a group element. */
  get publicKey(): Element {
    return this.commitments[0]!
  }

  verifyingShare(slot: number): Element {
    let share = this.#verifyingShares.get(slot)
    if (share === undefined) {
      share = verifyingShare(this.group, this.commitments, slot)
      this.#verifyingShares.set(slot, share)
    }
    return share
  }
}

function holdersOf({ slots }: VersionRecord): Map<PeerId, number[]> {
  const holders = new Map<PeerId, number[]>()
  for (const { slot, peerId } of [...slots].sort((a, b) => a.slot - b.slot)) {
    const own = holders.get(peerId)
    if (own === undefined) holders.set(peerId, [slot])
    else own.push(slot)
  }
  return holders
}

/** The material of the versions in use; the least recently used makes room. A generation never changes once made. */
export class MaterialCache {
  readonly #known = new Map<string, VersionMaterial>()

  of(kind: KeyKind, record: VersionRecord): VersionMaterial {
    const name = versionName(record)
    const material = this.#known.get(name) ?? new VersionMaterial(name, kind, record)
    this.#known.delete(name)
    this.#known.set(name, material)
    if (this.#known.size > MAX_VERSIONS) this.#known.delete(this.#known.keys().next().value!)
    return material
  }
}

import { toHex } from '../../base/index.ts'
import type { KeyKind } from '../../wire/index.ts'
import type { Frame } from '../network.ts'
import { interpolate, orderOf, publicKeyOf, scalarOf } from './arithmetic.ts'
import type { Findings } from './findings.ts'
import type { WholeKey } from './single-key.ts'

/** A key's current version as its network shows it. */
export interface KeyClaim {
  readonly name: string
  readonly kind: KeyKind
  readonly keyId: string
  readonly version: number
  readonly threshold: number
  readonly publicKey: Uint8Array
}

/** Shares that lie, opened, in one node's vault: path and scalar. */
export type VaultReader = (prefix: string) => ReadonlyMap<string, Uint8Array>

/**
 * What only an omniscient checker can do: put the shares of all nodes together. Any t of them give one secret, the
 * published key is that secret's, and no node alone has t.
 */
export class SecretCheck {
  readonly #findings: Findings
  readonly #vaults: () => Iterable<readonly [string, VaultReader]>
  /** Eight-byte beginnings of every 32-byte string that has crossed a wire. */
  readonly #onTheWire = new Set<string>()
  /** Most frames go to many. */
  readonly #seen = new WeakSet<Uint8Array>()
  readonly #whole = new Map<string, WholeKey>()

  constructor(findings: Findings, vaults: () => Iterable<readonly [string, VaultReader]>) {
    this.#findings = findings
    this.#vaults = vaults
  }

  /** Remembers every CBOR byte string of 32 bytes (0x58 0x20 …), at any depth, also inside byte strings. */
  see({ bytes }: Frame): void {
    if (this.#seen.has(bytes)) return
    this.#seen.add(bytes)
    const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = frame.indexOf('5820', 0, 'hex'); at >= 0; at = frame.indexOf('5820', at + 1, 'hex')) {
      if (at + 34 <= frame.length) this.#onTheWire.add(frame.toString('latin1', at + 2, at + 10))
    }
  }

  /** The whole key; a finding when its holders do not have it between them, now that all is quiet. */
  demand(claim: KeyClaim): WholeKey | undefined {
    const whole = this.assemble(claim)
    if (whole === undefined) this.#fail(claim, `fewer than ${claim.threshold} shares exist`)
    return whole
  }

  /** The whole key, once t holders have added up their shares of it; a finding when those do not fit together. */
  assemble(claim: KeyClaim): WholeKey | undefined {
    const name = `${claim.keyId}/${claim.version}`
    const known = this.#whole.get(name)
    if (known !== undefined) return known
    let whole: WholeKey | undefined
    for (const points of this.#collect(claim).values()) whole = this.#join(claim, points) ?? whole
    if (whole !== undefined) this.#whole.set(name, whole)
    return whole
  }

  /** Shares never travel unsealed. The toy group's elements are their own logarithms: there it says nothing. */
  checkWires(claims: Iterable<KeyClaim>): void {
    for (const claim of claims) {
      if (claim.kind === 'toy') continue
      for (const [peerId, read] of this.#vaults()) {
        for (const [path, share] of read(`keys/share/${claim.keyId}/`)) {
          if (this.#onTheWire.has(Buffer.from(share.subarray(0, 8)).toString('latin1'))) {
            this.#findings.add('no unsealed share', `${path} of ${peerId} was seen on the wire`)
          }
        }
      }
    }
  }

  /** The secret of one generation's shares; undefined, with a finding, when they do not fit together. */
  #join(claim: KeyClaim, points: ReadonlyMap<number, bigint>): WholeKey | undefined {
    const { kind, threshold } = claim
    if (points.size < threshold) return undefined
    const slots = [...points].sort(([a], [b]) => a - b)
    const order = orderOf(kind)
    const secret = interpolate(new Map(slots.slice(0, threshold)), order)
    const again = interpolate(new Map(slots.slice(-threshold)), order)
    if (secret !== again) return this.#fail(claim, 'two sets of shares give two secrets')
    const publicKey = publicKeyOf(kind, secret)
    if (toHex(publicKey) !== toHex(claim.publicKey)) {
      return this.#fail(claim, 'the shares belong to another public key')
    }
    return { kind, secret, publicKey }
  }

  /** Shares by generation and slot: while a refresh goes on, some nodes have replaced theirs and others have not. */
  #collect(claim: KeyClaim): ReadonlyMap<string, ReadonlyMap<number, bigint>> {
    const generations = new Map<string, Map<number, bigint>>()
    const prefix = `keys/share/${claim.keyId}/${claim.version}/`
    for (const [peerId, read] of this.#vaults()) {
      const held = new Map<string, number>()
      for (const [path, share] of read(prefix)) {
        const [generation, slot] = path.slice(prefix.length).split('/') as [string, string]
        const points = generations.get(generation) ?? new Map<number, bigint>()
        generations.set(generation, points.set(Number(slot), scalarOf(claim.kind, share)))
        held.set(generation, (held.get(generation) ?? 0) + 1)
      }
      const most = Math.max(0, ...held.values())
      if (most >= claim.threshold && claim.threshold > 1) {
        this.#fail(claim, `${peerId} alone holds ${most} shares of a threshold of ${claim.threshold}`)
      }
    }
    return generations
  }

  #fail(claim: KeyClaim, what: string): undefined {
    this.#findings.add('one secret, held by t together', `${claim.name} (${claim.kind}): ${what}`)
  }
}

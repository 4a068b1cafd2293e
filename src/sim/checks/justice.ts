import { type PeerId, toHex } from '../../base/index.ts'
import type { KeyView, NodePort } from '../../node/index.ts'
import type { KeyKind } from '../../wire/index.ts'
import type { SimHost } from '../host.ts'
import { DESERTS, type Misdeed } from '../misdeeds.ts'
import { interpolate, orderOf, publicKeyOf, scalarOf } from './arithmetic.ts'
import type { Findings } from './findings.ts'

/** A key whose holders the culprit was among. */
interface Held {
  readonly name: string
  readonly kind: KeyKind
  readonly publicKey: Uint8Array
}

/** What each honest node's control log says in the end of the one culprit, of the honest, and of the keys. */
export class JusticeCheck {
  readonly #findings: Findings
  readonly #misdeed: Misdeed
  readonly #culprit: PeerId

  constructor(findings: Findings, misdeed: Misdeed, culprit: PeerId) {
    this.#findings = findings
    this.#misdeed = misdeed
    this.#culprit = culprit
  }

  /** Whether this node's log has dealt with the culprit as its misdeed deserves. */
  isDone(port: NodePort): boolean {
    const desert = DESERTS[this.#misdeed]
    const standing = port.members().find(({ peerId }) => peerId === this.#culprit)
    const reason = port.status().convictions.find(({ peerId }) => peerId === this.#culprit)?.reason
    switch (desert.verdict) {
      case 'removed':
        return reason !== undefined && standing?.state === 'removed' && !standing.isValidator
      case 'suspended':
        return reason === undefined && standing?.state === 'suspended' && !standing.isValidator
      case 'fined':
        return this.#finesOf(port, this.#culprit) > 0
      case 'nothing':
        return true
    }
  }

  /** Honest members that this node's log blames: by conviction, by removal or by a fine. */
  blamed(port: NodePort): PeerId[] {
    const convicted = port.status().convictions.map(({ peerId }) => peerId)
    const removed = port.members().filter(({ state }) => state === 'removed')
    const fined = port.trust().scores.filter(({ fines }) => fines > 0)
    const all = [...convicted, ...[...removed, ...fined].map(({ peerId }) => peerId)]
    return [...new Set(all)].filter(peerId => peerId !== this.#culprit)
  }

  inspect({ name, port }: SimHost): void {
    if (port === undefined) return
    for (const peerId of this.blamed(port))
      this.#findings.add('no honest node is blamed', `${name}: ${peerId}`)
    const desert = DESERTS[this.#misdeed]
    const convictions = port.status().convictions.filter(({ peerId }) => peerId === this.#culprit)
    const reasons = desert.verdict === 'removed' ? desert.reasons : []
    for (const { reason } of convictions) {
      if (!reasons.includes(reason)) this.#findings.add('a conviction names the deed', `${name}: ${reason}`)
    }
  }

  /** Where a culprit is put out its slots have been made anew elsewhere, and every key has all the slots it can have. */
  isStrong(port: NodePort, key: KeyView): boolean {
    const eligible = new Set(
      port
        .members()
        .filter(({ state }) => state === 'active')
        .map(({ peerId }) => peerId),
    )
    // docs/PROTOCOL.md section 9, slots: nobody holds more than max(1, t-2)
    const most = Math.max(1, key.threshold - 2)
    const wanted = Math.min(key.shares, eligible.size * most)
    return key.holders.length === wanted && key.holders.every(({ peerId }) => eligible.has(peerId))
  }

  /** The shares on the honest disks, put together: the first t and the last t of them are the key that it was. */
  isWhole(hosts: readonly SimHost[], key: KeyView, held: Held): boolean {
    const { keyId, version, generation, threshold, holders } = key
    const points = new Map<number, bigint>()
    for (const { slot, peerId } of holders) {
      const path = `keys/share/${keyId}/${version}/${generation}/${slot}`
      const share = hosts
        .find(host => host.peerId === peerId)
        ?.shares(path)
        .get(path)
      if (share !== undefined) points.set(slot, scalarOf(held.kind, share))
    }
    const sorted = [...points].sort(([a], [b]) => a - b)
    const order = orderOf(held.kind)
    return (
      sorted.length >= threshold &&
      [sorted.slice(0, threshold), sorted.slice(-threshold)].every(
        part => toHex(publicKeyOf(held.kind, interpolate(new Map(part), order))) === toHex(held.publicKey),
      )
    )
  }

  #finesOf(port: NodePort, member: PeerId): number {
    return port.trust().scores.find(({ peerId }) => peerId === member)?.fines ?? 0
  }
}

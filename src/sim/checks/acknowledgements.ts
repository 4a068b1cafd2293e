import * as dagCbor from '@ipld/dag-cbor'
import { peerIdOf, toHex } from '../../base/index.ts'
import type { TransactionsMessage } from '../../wire/index.ts'
import type { Frame } from '../network.ts'
import type { Findings } from './findings.ts'

/** What lies on a node's disk under a prefix, but would not survive a power cut at this moment. */
export type UnsyncedReader = (peerId: string, prefix: string) => readonly string[]

/** A node's word that it holds shares is given when they are durable, not before: others erase theirs on that word. */
export class AcknowledgementCheck {
  readonly #findings: Findings
  readonly #isHonest: (peerId: string) => boolean
  readonly #unsynced: UnsyncedReader

  constructor(findings: Findings, isHonest: (peerId: string) => boolean, unsynced: UnsyncedReader) {
    this.#findings = findings
    this.#isHonest = isHonest
    this.#unsynced = unsynced
  }

  see({ kind, from, bytes }: Frame): void {
    if (kind !== 'message' || !this.#isHonest(from)) return
    const message = dagCbor.decode<TransactionsMessage>(bytes)
    if (message.type !== 'transactions') return
    for (const { value, signer } of message.transactions) {
      if (value.type !== 'acknowledge' || peerIdOf(signer) !== from) continue
      for (const dealer of value.dealers) {
        const [path] = this.#unsynced(from, `keys/subshare/${toHex(value.ceremony)}/${toHex(dealer)}/`)
        if (path === undefined) continue
        this.#findings.add('acknowledged is durable', `${from} vouched for ${path} before it was synced`)
      }
    }
  }
}

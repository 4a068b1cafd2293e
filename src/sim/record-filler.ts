import { type SeededRng, toHex } from '../base/index.ts'
import { type SigningKey, signValue } from '../crypto/index.ts'
import { recordKeyOf } from '../keys/index.ts'
import { MAX_SLOTS, type SealedDealing, sealedDealingCodec } from '../wire/index.ts'
import type { Findings } from './checks/findings.ts'
import type { SimHost } from './host.ts'
import type { RecordMesh } from './records.ts'

/** As many bytes a slot as a sealed share may have. */
const SEALED_BYTES = 160
/** In one go: more than a peer may fill of another's memory. */
const RECORDS = 64
/** Nothing is learnt from more, and each costs every honest host a signature's verification. */
const MAX_FILLED = 512
/** What docs/audit/inputs.md allows one peer of records whose ceremony is unknown. */
const ALLOWED_BYTES = 512 * 1024

/** A member that sends every host records of ceremonies that nobody opened, under its own good signature. */
export class RecordFiller {
  readonly #identity: SigningKey
  readonly #networkId: Uint8Array
  readonly #records: RecordMesh
  readonly #rng: SeededRng
  /** What it has made: sizes by key. */
  readonly #made = new Map<string, number>()

  constructor(identity: SigningKey, networkId: Uint8Array, records: RecordMesh, rng: SeededRng) {
    this.#identity = identity
    this.#networkId = networkId
    this.#records = records
    this.#rng = rng
  }

  /** False when it has nobody to fill, or is done. */
  fill(from: string): boolean {
    const peers = this.#records.network.connectedTo(from)
    if (peers.length === 0 || this.#made.size >= MAX_FILLED) return false
    for (let count = 0; count < RECORDS; count++) {
      const record = this.#record()
      const key = toHex(recordKeyOf(record)!)
      this.#made.set(key, record.length)
      for (const peer of peers) this.#records.offer(from, peer, key, record)
    }
    return true
  }

  /** In the end, at an honest host. */
  inspect({ name, peerId }: SimHost, findings: Findings): void {
    let bytes = 0
    for (const [key, size] of this.#made) {
      const place = this.#records.placeOf(peerId, key)
      if (place === 'disk')
        findings.add('a disk keeps what the log pins', `${name}: a record that nobody asked for`)
      if (place === 'memory') bytes += size
    }
    if (bytes > ALLOWED_BYTES)
      findings.add('one peer’s records take a bounded memory', `${name}: ${bytes} bytes`)
  }

  #record(): Uint8Array {
    const slots = Array.from({ length: MAX_SLOTS }, (_, index) => index + 1)
    const value: SealedDealing = {
      ...{ ceremony: this.#rng.bytes(32), keyId: this.#rng.bytes(32), version: 1, fromSlot: 0 },
      shares: slots.map(slot => ({ slot, sealed: this.#rng.bytes(SEALED_BYTES) })),
    }
    return sealedDealingCodec.encode(signValue(this.#identity, 'sealed-dealing', this.#networkId, value))
  }
}

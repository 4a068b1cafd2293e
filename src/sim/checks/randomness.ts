import { createHash } from 'node:crypto'
import { ristretto255_hasher } from '@noble/curves/ed25519.js'
import { type PeerId, toHex } from '../../base/index.ts'
import type { NodePort } from '../../node/index.ts'
import { fromLittleEndian, interpolate, orderOf } from './arithmetic.ts'
import type { Findings } from './findings.ts'
import type { VaultReader } from './secrets.ts'

const CONTEXT = Buffer.from('ostraka/v1/randomness')

type View = NonNullable<ReturnType<NodePort['randomness']>>

/** All nodes have the same randomness in an epoch; and it is what one holder of the whole key would have made. */
export class RandomnessCheck {
  readonly #findings: Findings
  readonly #views = new Map<number, View>()
  #proven = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Epochs whose value was recomputed with the whole key. */
  get proven(): number {
    return this.#proven
  }

  /** What a node says of the newest epoch that it knows. */
  see(peerId: PeerId, view: View | undefined): void {
    if (view === undefined) return
    const known = this.#views.get(view.epoch)
    if (known === undefined) this.#views.set(view.epoch, view)
    else if (toHex(known.value) !== toHex(view.value))
      this.#fail(`${peerId} has another of epoch ${view.epoch}`)
    if (view.inUse.epoch === view.epoch && toHex(view.inUse.seed) !== toHex(view.value)) {
      this.#fail(`${peerId} ranks the validators of epoch ${view.epoch} by something else`)
    }
  }

  /** Puts the shares of all nodes together, and does the arithmetic over again. */
  prove(key: ReturnType<NodePort['key']>, vaults: Iterable<readonly [string, VaultReader]>): void {
    if (key === undefined || key.version === 0) return
    const points = new Map<number, bigint>()
    for (const [, read] of vaults) {
      for (const [path, share] of read(`keys/share/${key.keyId}/${key.version}/${key.generation}/`)) {
        points.set(Number(path.slice(path.lastIndexOf('/') + 1)), fromLittleEndian(share))
      }
    }
    // the key may just now be on its way to other holders
    if (points.size < key.threshold) return
    const secret = interpolate(new Map([...points].slice(0, key.threshold)), orderOf('ristretto255'))
    for (const { epoch, value, source, version } of this.#views.values()) {
      if (source !== 'key' || version !== key.version) continue
      this.#proven++
      if (toHex(value) !== randomnessOf(epoch, secret)) this.#fail(`that of epoch ${epoch} is not the key’s`)
    }
  }

  #fail(what: string): void {
    this.#findings.add('one randomness in an epoch', what)
  }
}

function randomnessOf(epoch: number, secret: bigint): string {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(epoch))
  const DST = Buffer.concat([Buffer.from('HashToGroup-'), CONTEXT])
  const element = ristretto255_hasher.hashToCurve(number, { DST }).multiply(secret).toBytes()
  const hash = createHash('sha256')
  for (const part of [CONTEXT, number, element]) hash.update(Buffer.from([0, part.length])).update(part)
  return hash.digest('hex')
}

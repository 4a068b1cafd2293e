import type { PeerId } from '../../base/index.ts'
import type { SigningSuite } from '../../crypto/index.ts'

/** What `commitNonces` makes to keep: a nonce pair that can be spent once. */
export type SecretNonces = ReturnType<SigningSuite['commitNonces']>['nonces']

/** Nonce pairs kept for one slot and one gateway: two of the largest batches, and the longest `nonces` request. */
const MAX_PER_POOL = 1024

/** For one gateway over all keys; it loses its least recently used pools beyond that. */
const MAX_PER_GATEWAY = 8192

/** Over all gateways, about 32 MB: the greediest gateway loses its least recently used pool. */
const MAX_NONCES = 32_768

/**
 * How fast unused nonces stop to count against a gateway's room: it may have lost them, with an answer that came too
 * late or by a restart, and must not be without for long. A full pool is forgotten in half a minute.
 */
const FORGIVEN_PER_SECOND = MAX_PER_POOL / 30

interface Pool {
  /** hiding commitment -> nonces, oldest first. */
  readonly nonces: Map<string, SecretNonces>
  /** Handed out and not used, as far as it is not forgiven. */
  unused: number
  unusedAtMs: number
}

interface GatewayPools {
  /** Least recently used first. */
  readonly pools: Map<string, Pool>
  size: number
}

/**
 * Nonces that a holder has made ahead, by the gateway they were given to and by slot (`<version name>/<slot>`). Memory
 * only: a restart forgets them, and gateways then ask for new ones. Each gateway has its own, so that none can spend
 * or crowd out another's. What leaves a pool unspent is wiped.
 */
export class NoncePools {
  readonly #gateways = new Map<PeerId, GatewayPools>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** How many more a gateway can make use of: a pool's worth less those that it was given of late and has not used. */
  room(gateway: PeerId, name: string, nowMs: number): number {
    const pool = this.#gateways.get(gateway)?.pools.get(name)
    return pool === undefined ? MAX_PER_POOL : Math.floor(MAX_PER_POOL - unusedOf(pool, nowMs))
  }

  add(gateway: PeerId, name: string, made: readonly SecretNonces[], nowMs: number): void {
    const own = this.#gateways.get(gateway) ?? { pools: new Map<string, Pool>(), size: 0 }
    this.#gateways.set(gateway, own)
    const pool = own.pools.get(name) ?? { nonces: new Map(), unused: 0, unusedAtMs: nowMs }
    own.pools.delete(name)
    own.pools.set(name, pool)
    for (const nonces of made) pool.nonces.set(keyOf(nonces.commitments.hiding), nonces)
    pool.unused = unusedOf(pool, nowMs) + made.length
    pool.unusedAtMs = nowMs
    own.size += made.length
    this.#size += made.length
    while (pool.nonces.size > MAX_PER_POOL) {
      this.#remove(gateway, own, name, pool.nonces.keys().next().value!)?.discard()
    }
    while (own.size > MAX_PER_GATEWAY && own.pools.size > 1) this.#dropOldestPool(gateway, own)
    while (this.#size > MAX_NONCES) this.#dropOldestPool(...this.#greediest())
  }

  /** Takes the nonces behind a hiding commitment out of the pool, for good. */
  take(gateway: PeerId, name: string, hiding: Uint8Array): SecretNonces | undefined {
    const own = this.#gateways.get(gateway)
    const pool = own?.pools.get(name)
    if (pool?.nonces.has(keyOf(hiding))) pool.unused = Math.max(0, pool.unused - 1)
    return own && this.#remove(gateway, own, name, keyOf(hiding))
  }

  #remove(gateway: PeerId, own: GatewayPools, name: string, key: string): SecretNonces | undefined {
    const pool = own.pools.get(name)
    const nonces = pool?.nonces.get(key)
    if (pool === undefined || nonces === undefined) return undefined
    pool.nonces.delete(key)
    own.size -= 1
    this.#size -= 1
    if (pool.nonces.size === 0) own.pools.delete(name)
    if (own.size === 0) this.#gateways.delete(gateway)
    return nonces
  }

  #greediest(): [PeerId, GatewayPools] {
    let greediest: [PeerId, GatewayPools] | undefined
    for (const entry of this.#gateways) {
      if (greediest === undefined || entry[1].size > greediest[1].size) greediest = entry
    }
    return greediest!
  }

  #dropOldestPool(gateway: PeerId, own: GatewayPools): void {
    const [name, pool] = own.pools.entries().next().value!
    for (const nonces of pool.nonces.values()) nonces.discard()
    own.pools.delete(name)
    own.size -= pool.nonces.size
    this.#size -= pool.nonces.size
    if (own.size === 0) this.#gateways.delete(gateway)
  }
}

function unusedOf({ unused, unusedAtMs }: Pool, nowMs: number): number {
  return Math.max(0, unused - (Math.max(0, nowMs - unusedAtMs) * FORGIVEN_PER_SECOND) / 1000)
}

function keyOf(hiding: Uint8Array): string {
  return Buffer.from(hiding.buffer, hiding.byteOffset, hiding.byteLength).toString('latin1')
}

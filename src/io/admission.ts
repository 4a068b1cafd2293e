import { Allowance } from './allowance.ts'

/**
 * A handshake costs some milliseconds, and whoever reaches the port may begin one. Fifteen nodes behind one address connect
 * within a second; more than that take turns.
 */
const PER_ADDRESS = { perSecond: 8, burst: 24 }
/** From all addresses together: a fifth of a core. */
const IN_ALL = { perSecond: 64, burst: 256 }
/** Addresses are remembered while their allowance is not whole again; beyond so many, all are forgotten. */
const MAX_ADDRESSES = 4096

/** Decides which incoming connections may begin a handshake, before anything is known of who is there. */
export class Admission {
  readonly #byAddress = new Map<string, Allowance>()
  readonly #all: Allowance

  constructor(nowMs: number) {
    this.#all = new Allowance(IN_ALL, nowMs)
  }

  admits(address: string, nowMs: number): boolean {
    const network = networkOf(address)
    let allowance = this.#byAddress.get(network)
    if (allowance === undefined) {
      if (this.#byAddress.size >= MAX_ADDRESSES) this.#byAddress.clear()
      allowance = new Allowance(PER_ADDRESS, nowMs)
      this.#byAddress.set(network, allowance)
    }
    // an address that is refused takes nothing from the others
    return allowance.take(1, nowMs) && this.#all.take(1, nowMs)
  }
}

/** An IPv4 address; of an IPv6 address the first 64 bits, which one host has to itself. */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address
  const [head = '', tail = ''] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros = address.includes('::')
    ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
    : []
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map(part => Number.parseInt(part, 16).toString(16))
    .join(':')
}

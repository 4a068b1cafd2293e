import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { peerIdOf, toHex } from '../../base/index.ts'
import type { PeerMessage, SignedTransaction } from '../../wire/index.ts'
import { contentOf } from '../frames.ts'
import type { Frame } from '../network.ts'
import type { Findings } from './findings.ts'

/** What the checker may look at on a node's machine. */
export interface Machine {
  /** Keys under a prefix that would survive a power cut at this moment. */
  durableKeys(prefix: string): readonly string[]
  /** Keys under a prefix that would not. */
  unsyncedKeys(prefix: string): readonly string[]
  /** Whether the node still waits for the first version of this key. */
  isMaking(name: string): boolean
}

const sha256 = (...parts: readonly (Uint8Array | string)[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** A node's word that it holds shares is given when they are durable, not before: others erase theirs on that word. */
export class AcknowledgementCheck {
  readonly #findings: Findings
  readonly #isHonest: (peerId: string) => boolean
  readonly #machineOf: (peerId: string) => Machine
  /** Key names by the ceremony that makes them. */
  readonly #names = new Map<string, string>()
  /** A word is weighed when it is given; repeated later, its ceremony may be over and its shares rightly erased. */
  readonly #weighed = new Set<string>()

  /** Hashes of the dealings' records that anyone has told, by ceremony. */
  readonly #records = new Map<string, Set<string>>()

  constructor(
    findings: Findings,
    isHonest: (peerId: string) => boolean,
    machineOf: (peerId: string) => Machine,
  ) {
    this.#findings = findings
    this.#isHonest = isHonest
    this.#machineOf = machineOf
  }

  see(frame: Frame): void {
    const { kind, from } = frame
    if (kind !== 'message') return
    const message = contentOf<PeerMessage>(frame)
    for (const transaction of transactionsIn(message)) this.#learn(transaction)
    if (message.type !== 'transactions' || !this.#isHonest(from)) return
    for (const transaction of message.transactions) this.#look(from, transaction)
  }

  #learn(transaction: SignedTransaction): void {
    const { value } = transaction
    if (value.type === 'create-key') {
      const id = sha256(dagCbor.encode(transaction))
      this.#names.set(toHex(sha256('ostraka/1/ceremony\0', id)), value.name)
    } else if (value.type === 'deal') {
      const ceremony = toHex(value.ceremony)
      const occasion = { ceremony: value.ceremony, dealer: transaction.signer, fromSlot: value.fromSlot }
      const hash = sha256('ostraka/1/sealed-dealing\0', value.root, dagCbor.encode(occasion))
      this.#records.set(ceremony, (this.#records.get(ceremony) ?? new Set()).add(toHex(hash)))
    }
  }

  #look(from: string, { value, signer }: SignedTransaction): void {
    if (value.type !== 'acknowledge' || peerIdOf(signer) !== from) return
    const word = `${from} ${toHex(value.ceremony)} ${value.dealings.join()}`
    if (this.#weighed.has(word)) return
    this.#weighed.add(word)
    const machine = this.#machineOf(from)
    const name = this.#names.get(toHex(value.ceremony))
    // once the version is active, the shares of single dealings have made way for their sum
    const isOpen = name !== undefined && machine.isMaking(name)
    const prefixes = [...(this.#records.get(toHex(value.ceremony)) ?? [])].map(
      hash => `keys/subshare/${hash}/`,
    )
    const durable = prefixes.filter(prefix => machine.durableKeys(prefix).length > 0).length
    const isUnsynced = prefixes.some(prefix => machine.unsyncedKeys(prefix).length > 0)
    if (!isUnsynced && !(isOpen && durable < value.dealings.length)) return
    const words = `${from} vouched for ${value.dealings.length} dealings of ${name} with ${durable} synced`
    this.#findings.add('acknowledged is durable', words)
  }
}

/** The transactions that a message carries, whatever it is. */
function transactionsIn(message: PeerMessage): readonly SignedTransaction[] {
  if (message.type === 'transactions') return message.transactions
  if (message.type === 'proposal') return message.block.transactions
  return message.type === 'block' ? message.certified.block.transactions : []
}

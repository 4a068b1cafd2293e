import { setTimeout as sleep } from 'node:timers/promises'
import type { BlockJson, Client } from '../../src/api/index.ts'
import { isOstrakaError } from '../../src/base/index.ts'
import type { AcknowledgedKey } from './keyring.ts'
import type { SoakNetwork } from './network.ts'

const BLOCKS_AT_ONCE = 100
/** A read waits for the next block so long, well within what a client waits for an answer. */
const WAIT_MS = 2000
const PAUSE_MS = 500

/** A block's transactions, as far as they matter here. */
interface BlockContent {
  readonly transactions: ReadonlyArray<{
    readonly value: { readonly type: string; readonly name?: string; readonly revision?: number }
  }>
}

/** Reads every node's log while it grows: nodes keep whole blocks only back to their last snapshot. */
export class LogWatch {
  readonly forks: string[] = []
  readonly #network: SoakNetwork
  /** Block ids by height, as the first node that was read had them. */
  readonly #chain = new Map<number, string>()
  readonly #written = new Set<string>()
  /** How far each node was read. */
  readonly #heights = new Map<string, number>()
  #isEnding = false
  #followers: readonly Promise<void>[] = []

  constructor(network: SoakNetwork) {
    this.#network = network
  }

  start(): void {
    this.#followers = this.#network.names.map(name => this.#follow(name))
  }

  async stop(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#followers)
  }

  /** Reads what a node has beyond what was read; returns its height. A busy daemon may take its time. */
  async readToEnd(name: string): Promise<number> {
    await this.#read(name, 'patient', 0)
    return this.#heights.get(name) ?? 0
  }

  /** Acknowledged changes that stand in no block. */
  missing(keys: readonly AcknowledgedKey[]): readonly string[] {
    return keys.flatMap(key => {
      const expected = [`create-key ${key.name} 0`]
      // `revision` is that of the policy that was replaced
      if (key.rules.length > 0) expected.push(`set-policy ${key.name} ${key.policyRevision - 1}`)
      return expected.filter(entry => !this.#written.has(entry)).map(entry => `no ${entry}`)
    })
  }

  async #follow(name: string): Promise<void> {
    while (!this.#isEnding) {
      try {
        await this.#read(name, 'lent', WAIT_MS)
      } catch {
        await sleep(PAUSE_MS) // it is down, or stopped
      }
    }
  }

  /** Until it has no more. */
  async #read(name: string, how: 'lent' | 'patient', waitMs: number): Promise<void> {
    const client = this.#network.gateway(name)[how]
    for (;;) {
      const from = (this.#heights.get(name) ?? 0) + 1
      const blocks = await this.#page(client, from, waitMs)
      if (blocks.length === 0) return
      for (const block of blocks) this.#note(name, block)
      this.#heights.set(name, blocks.at(-1)!.height)
      if (this.#isEnding && waitMs > 0) return
    }
  }

  /** A node that fell behind and was sent a snapshot has no blocks below it: it is read from where it stands. */
  async #page(client: Client, from: number, waitMs: number): Promise<readonly BlockJson[]> {
    try {
      return (await client.log(from, { limit: BLOCKS_AT_ONCE, waitMs })).blocks
    } catch (error) {
      if (!isOstrakaError(error, 'not_found')) throw error
      const { height } = await client.status()
      return (await client.log(height, { limit: 1 })).blocks
    }
  }

  #note(name: string, { height, blockId, block }: BlockJson): void {
    const known = this.#chain.get(height)
    if (known === undefined) this.#chain.set(height, blockId)
    else if (known !== blockId) this.forks.push(`${name} at ${height}`)
    for (const { value } of (block as BlockContent).transactions) {
      this.#written.add(`${value.type} ${value.name} ${value.revision ?? 0}`)
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { BlockJson, Client } from '../../src/api/index.ts'
import { isOstrakaError } from '../../src/base/index.ts'
import type { AcknowledgedKey } from './keyring.ts'
import type { SoakNetwork } from './network.ts'

const BLOCKS_AT_ONCE = 100
/** A read waits for the next block so long, well within what a client waits for an answer. */
const WAIT_MS = 2000
const PAUSE_MS = 500
/** Of the ends of all nodes' logs, which are held against each other. */
const COMPARED_BLOCKS = 300

/** A block's transactions, as far as they matter here. */
interface BlockContent {
  readonly transactions: ReadonlyArray<{
    readonly value: { readonly type: string; readonly name?: string; readonly revision?: number }
  }>
}

/**
 * Reads the log while it grows, from one node after the other, since nodes keep whole blocks only back to their last snapshot;
 * and in the end from each.
 */
export class LogWatch {
  readonly forks: string[] = []
  readonly #network: SoakNetwork
  /** Block ids by height, as the first node that was read had them. */
  readonly #chain = new Map<number, string>()
  readonly #written = new Set<string>()
  #height = 0
  #isEnding = false
  #following: Promise<void> | undefined

  constructor(network: SoakNetwork) {
    this.#network = network
  }

  start(): void {
    this.#following = this.#follow()
  }

  async stop(): Promise<void> {
    this.#isEnding = true
    await this.#following
  }

  /** Reads the end of a node's log; returns its height. A busy daemon may take its time. */
  async readToEnd(name: string): Promise<number> {
    const client = this.#network.gateway(name).patient
    let height = Math.max(0, this.#height - COMPARED_BLOCKS)
    for (;;) {
      const blocks = await this.#page(name, client, height + 1, 0)
      if (blocks.length === 0) return height
      height = blocks.at(-1)!.height
    }
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

  async #follow(): Promise<void> {
    for (let turn = 0; !this.#isEnding; turn++) {
      const name = this.#network.names[turn % this.#network.names.length]!
      try {
        while (!this.#isEnding) await this.#readOn(name)
      } catch {
        await sleep(PAUSE_MS) // it is down, or stopped
      }
    }
  }

  async #readOn(name: string): Promise<void> {
    const blocks = await this.#page(name, this.#network.gateway(name).lent, this.#height + 1, WAIT_MS)
    this.#height = Math.max(this.#height, blocks.at(-1)?.height ?? 0)
  }

  async #page(name: string, client: Client, from: number, waitMs: number): Promise<readonly BlockJson[]> {
    const blocks = await blocksFrom(client, from, waitMs)
    for (const block of blocks) this.#note(name, block)
    return blocks
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

/** A node that fell behind and was sent a snapshot has no blocks below it: it is read from the lowest that it has. */
async function blocksFrom(client: Client, from: number, waitMs: number): Promise<readonly BlockJson[]> {
  try {
    return (await client.log(from, { limit: BLOCKS_AT_ONCE, waitMs })).blocks
  } catch (error) {
    if (!isOstrakaError(error, 'not_found')) throw error
    const { lowest } = await client.status()
    return (await client.log(lowest, { limit: BLOCKS_AT_ONCE, waitMs })).blocks
  }
}

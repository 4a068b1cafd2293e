import type { BlockJson, Client } from '../../src/api/index.ts'
import { isOstrakaError } from '../../src/base/index.ts'
import type { AcknowledgedKey } from './keyring.ts'
import type { SoakNetwork } from './network.ts'

const BLOCKS_AT_ONCE = 100
const FOLLOW_EVERY_MS = 20_000

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
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<unknown> = Promise.resolve()

  constructor(network: SoakNetwork) {
    this.#network = network
  }

  start(): void {
    this.#timer = setInterval(() => {
      // a node that is down now is read later
      this.#reading = Promise.allSettled(this.#network.names.map(name => this.#read(name, 'lent')))
    }, FOLLOW_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reading
  }

  /** Reads what a node has beyond what was read; returns its height. A busy daemon may take its time. */
  async readToEnd(name: string): Promise<number> {
    await this.#read(name, 'patient')
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

  async #read(name: string, how: 'lent' | 'patient'): Promise<void> {
    const client = this.#network.gateway(name)[how]
    for (;;) {
      const from = (this.#heights.get(name) ?? 0) + 1
      const blocks = await this.#page(client, from)
      if (blocks.length === 0) return
      for (const block of blocks) this.#note(name, block)
      this.#heights.set(name, blocks.at(-1)!.height)
    }
  }

  /** A node that fell behind and was sent a snapshot has no blocks below it: it is read from where it stands. */
  async #page(client: Client, from: number): Promise<readonly BlockJson[]> {
    try {
      return (await client.log(from, { limit: BLOCKS_AT_ONCE })).blocks
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

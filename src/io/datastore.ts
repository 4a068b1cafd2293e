import { LevelDatastore } from 'datastore-level'
import type { Key } from 'interface-datastore'
import type { Database, Operation } from './store.ts'

type Sublevel = ReturnType<typeof sublevelOf>

/**
 * A libp2p datastore in a corner of the node's one database. Reads go to LevelDB directly; changes go through the
 * store's queue, so that they too stop before the disk is full and never follow a torn write.
 */
export class NodeDatastore extends LevelDatastore {
  readonly #sublevel: Sublevel
  readonly #apply: (operations: readonly Operation[]) => Promise<void>

  constructor(level: Database, name: string, apply: (operations: readonly Operation[]) => Promise<void>) {
    const sublevel = sublevelOf(level, name)
    // `level`, which the datastore's types ask for, and its sublevels share every method that is used
    super(sublevel as never)
    this.#sublevel = sublevel
    this.#apply = apply
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    await this.#apply([{ type: 'put', key: this.#fullKey(key), value }])
    return key
  }

  override async delete(key: Key): Promise<void> {
    await this.#apply([{ type: 'del', key: this.#fullKey(key) }])
  }

  /** The first entries above `from`, ascending; keys without their slash. */
  async above(from: string, limit: number): Promise<ReadonlyArray<readonly [string, Uint8Array]>> {
    const entries = await this.#sublevel.iterator({ gt: `/${from}`, limit }).all()
    return entries.map(([key, value]) => [key.slice(1), value] as const)
  }

  #fullKey(key: Key): string {
    return this.#sublevel.prefixKey(key.toString(), 'utf8', false)
  }
}

function sublevelOf(level: Database, name: string) {
  return level.sublevel<string, Uint8Array>(name, { keyEncoding: 'utf8', valueEncoding: 'view' })
}

import { OstrakaError } from '../base/index.ts'
import { canonicalBytes } from '../wire/index.ts'
import { Leaf, MAX_LEDGER_RECORD_BYTES } from './merkle-leaf.ts'
import {
  areAscending,
  cut,
  hashOf,
  insertLeaf,
  type MerkleProof,
  proveIn,
  removeLeaf,
  type Trie,
  trieOf,
} from './merkle-trie.ts'
import { ascend, find, insert, type OrderedIndex, orderedIndexOf, remove } from './ordered-index.ts'

export interface MapEntry<T = unknown> {
  readonly path: string
  readonly value: T
}

/**
 * A persistent map from paths to records: every change returns a new map that shares all but a few nodes with the
 * old one. A Merkle trie gives the root and proofs, a treap over the same leaves gives reads and ordered scans.
 */
export class MerkleMap {
  static readonly empty: MerkleMap = new MerkleMap(null, null, 0)

  readonly size: number
  readonly #trie: Trie
  readonly #index: OrderedIndex

  private constructor(trie: Trie, index: OrderedIndex, size: number) {
    this.#trie = trie
    this.#index = index
    this.size = size
  }

  /** The map of these leaves, which ascend by path hash as a cut gives them. Errors: `malformed` when they do not. */
  static ofLeaves(leaves: readonly Leaf[]): MerkleMap {
    if (!areAscending(leaves)) throw new OstrakaError('malformed', 'records do not ascend by path hash')
    const byPath = leaves.toSorted((a, b) => (a.path < b.path ? -1 : 1))
    return new MerkleMap(trieOf(leaves), orderedIndexOf(byPath), leaves.length)
  }

  /** The record's value, frozen; undefined when there is none. */
  get<T>(path: string): T | undefined {
    return find(this.#index, path)?.value as T | undefined
  }

  /** The record's canonical bytes. */
  bytesOf(path: string): Uint8Array | undefined {
    return find(this.#index, path)?.bytes
  }

  /** Errors: `too_large`. */
  set(path: string, value: object): MerkleMap {
    return this.setBytes(path, canonicalBytes(value))
  }

  /** `bytes`: the record's canonical encoding. Errors: `too_large`. */
  setBytes(path: string, bytes: Uint8Array): MerkleMap {
    if (bytes.length > MAX_LEDGER_RECORD_BYTES) {
      const details = { path, limit: MAX_LEDGER_RECORD_BYTES }
      throw new OstrakaError('too_large', `record ${path} is too large`, details)
    }
    const leaf = new Leaf(path, bytes)
    const size = find(this.#index, path) === undefined ? this.size + 1 : this.size
    return new MerkleMap(insertLeaf(this.#trie, leaf), insert(this.#index, leaf), size)
  }

  delete(path: string): MerkleMap {
    const leaf = find(this.#index, path)
    if (leaf === undefined) return this
    return new MerkleMap(removeLeaf(this.#trie, leaf.keyHash), remove(this.#index, path), this.size - 1)
  }

  /** All entries whose path starts with `prefix` and is not before `from`, ascending by path. */
  *entries<T>(prefix = '', from: string = prefix): Generator<MapEntry<T>> {
    for (const leaf of ascend(this.#index, from)) {
      if (!leaf.path.startsWith(prefix)) return
      yield { path: leaf.path, value: leaf.value as T }
    }
  }

  /** At most `limit` entries under `prefix`, ascending, those after the path `after`. */
  page<T>(prefix: string, after: string, limit: number): MapEntry<T>[] {
    // no path lies between one and itself with a zero character behind it
    const page: MapEntry<T>[] = []
    for (const entry of this.entries<T>(prefix, after === '' ? prefix : `${after}\0`)) {
      page.push(entry)
      if (page.length === limit) break
    }
    return page
  }

  /** How many entries are under `prefix`; decodes none. */
  count(prefix: string): number {
    let count = 0
    for (const { path } of ascend(this.#index, prefix)) {
      if (!path.startsWith(prefix)) break
      count++
    }
    return count
  }

  /** Paths and canonical bytes, ascending, from the path `from` on. */
  *encoded(from = ''): Generator<{ readonly path: string; readonly bytes: Uint8Array }> {
    for (const { path, bytes } of ascend(this.#index, from)) yield { path, bytes }
  }

  /** The map in pieces of at most `maxBytes`, each a subtree that can be verified by its root. */
  pieces(maxBytes: number): ReturnType<typeof cut> {
    return cut(this.#trie, maxBytes)
  }

  /** 32 bytes that commit to every path and record; 32 zeros for the empty map. */
  root(): Uint8Array {
    return hashOf(this.#trie)
  }

  /** A proof of what is at `path`, be it a record (`verifyInclusion`) or nothing (`verifyAbsence`). */
  prove(path: string): MerkleProof {
    return proveIn(this.#trie, path)
  }
}

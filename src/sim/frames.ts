import * as dagCbor from '@ipld/dag-cbor'
import type { Frame } from './network.ts'

const known = new WeakMap<Uint8Array, unknown>()

/** What a frame says, undoubted. Many look at each frame, and most frames go to many: each is decoded once. */
export function contentOf<T>({ bytes }: Pick<Frame, 'bytes'>): T {
  let content = known.get(bytes)
  if (content === undefined) {
    content = dagCbor.decode(bytes)
    known.set(bytes, content)
  }
  return content as T
}

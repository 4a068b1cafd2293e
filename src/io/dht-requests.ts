import type { PeerId as Libp2pPeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { Libp2pRecord } from '@libp2p/record'
import type { Datastore, Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { equalBytes, OstrakaError, toHex, utf8 } from '../base/index.ts'
import { Allowances } from './allowance.ts'
import type { Counters } from './counters.ts'
import type { KeptRecords } from './kept-records.ts'

/** What one peer may ask of the DHT: a node that has lost its shares asks for many at once. A request costs some 0.3 ms. */
const REQUEST_RATE = { perSecond: 256, burst: 2048 }
/** A hash, a peer id or a record key: all keys there are. */
const MAX_KEY_BYTES = 64
export const KEY_PREFIX: Uint8Array = utf8('/ost/')
export const HASH_BYTES = 32

interface Message {
  readonly type: string
  readonly key?: Uint8Array
  readonly record?: Uint8Array
}

interface Handler {
  handle(peerId: Libp2pPeerId, message: Message): Promise<object | undefined>
}

/** The part of kad-dht that its types keep to themselves. */
interface Internals {
  readonly rpc: { handlers: Record<string, Handler> }
}

export interface RequestPorts {
  readonly kept: KeptRecords
  readonly counters: Counters
}

/**
 * Replaces kad-dht's table of what peers may ask. It knows records under `/ost/` and the nearest peers. There are no provider
 * records, no public keys, and no record is stored that `KeptRecords` does not take.
 */
export function guardRequests(dht: KadDHT, { kept, counters }: RequestPorts): void {
  const { rpc } = dht as unknown as Internals
  const { FIND_NODE: findNode, GET_VALUE: getValue } = rpc.handlers
  if (findNode === undefined || getValue === undefined) throw new Error('kad-dht has other handlers now')
  const allowances = new Allowances(REQUEST_RATE)
  const admitted = (handle: Handler['handle']): Handler => ({
    async handle(peerId, message) {
      const isWithin = allowances.of(peerId.toString()).take(1, performance.now())
      const answer =
        isWithin && (message.key?.length ?? 0) <= MAX_KEY_BYTES && (await handle(peerId, message))
      if (answer) return answer
      counters.add('dht_request_refused')
      // the stream is reset: the asker counts this peer as one that did not answer
      throw new OstrakaError('forbidden', 'refused', { type: message.type })
    },
  })
  const refused = admitted(async () => undefined)
  rpc.handlers = {
    ADD_PROVIDER: refused,
    GET_PROVIDERS: refused,
    FIND_NODE: admitted((peerId, message) => findNode.handle(peerId, message)),
    GET_VALUE: admitted(async (peerId, message) =>
      hashIn(message.key) === undefined ? undefined : getValue.handle(peerId, message),
    ),
    PUT_VALUE: admitted(async (peerId, message) => {
      const hash = hashIn(message.key)
      if (hash === undefined || message.record === undefined) return undefined
      const record = Libp2pRecord.deserialize(message.record)
      if (!equalBytes(record.key, message.key!)) return undefined
      return (await kept.offer(peerId.toString(), hash, record.value)) ? message : undefined
    }),
    PING: admitted(async (_peerId, { type }) => ({ type, clusterLevel: 0, closer: [], providers: [] })),
  }
}

function hashIn(key: Uint8Array | undefined): Uint8Array | undefined {
  const isRecordKey =
    key?.length === KEY_PREFIX.length + HASH_BYTES &&
    equalBytes(key.subarray(0, KEY_PREFIX.length), KEY_PREFIX)
  return isRecordKey ? key.subarray(KEY_PREFIX.length) : undefined
}

const RECORDS = '/dht/record/'

/**
 * What kad-dht takes for its disk. It reads records of `source` there; it writes nothing: what peers offer goes through
 * `KeptRecords`, and a node keeps its own records itself.
 */
export function readingDatastore(source: (hash: string) => Promise<Uint8Array | undefined>): Datastore {
  const find = async (dskey: Key): Promise<Uint8Array> => {
    const path = dskey.toString()
    const key = path.startsWith(RECORDS) ? base32.baseDecode(path.slice(RECORDS.length)) : undefined
    const hash = hashIn(key)
    const record = hash && (await source(toHex(hash)))
    if (key && record) return new Libp2pRecord(key, record, new Date()).serialize() as Uint8Array
    throw Object.assign(new Error('no such record'), { name: 'NotFoundError' })
  }
  const store: Pick<Datastore, 'get' | 'put' | 'has' | 'delete' | 'query' | 'queryKeys'> = {
    get: key => find(key),
    put: async key => key,
    has: key => find(key).then(Boolean, () => false),
    delete: async () => {},
    async *query() {},
    async *queryKeys() {},
  }
  return store as Datastore
}

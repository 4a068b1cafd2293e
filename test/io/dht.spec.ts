import assert from 'node:assert/strict'
import type { Key } from 'interface-datastore'
import { sha256 } from '../../src/crypto/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { DhtRecords, type DhtRecordsOptions, withoutOldNews } from '../../src/io/dht.ts'
import { silentLogger } from '../../src/io/index.ts'
import { bytesOf, keyOf, realTime } from './contracts/world.ts'

/** As much of a datastore as `DhtRecords` uses. */
function memory(): DhtRecordsOptions['own'] {
  const values = new Map<string, Uint8Array>()
  const store = {
    put: async (key: Key, value: Uint8Array) => void values.set(key.toString(), value),
    get: async (key: Key) => values.get(key.toString()),
  }
  return store as unknown as DhtRecordsOptions['own']
}

describe('DhtRecords', () => {
  it('offers again what every peer was too busy to take, though no other peer comes', async () => {
    let offers = 0
    const dht = {
      async *put(): AsyncGenerator<object> {
        offers++
        if (offers > 1) yield { name: 'PEER_RESPONSE', messageName: 'PUT_VALUE' }
      },
    } as unknown as DhtRecordsOptions['dht']
    const counters = new Counters()
    const logger = silentLogger()
    const records = new DhtRecords({
      dht,
      own: memory(),
      recordKey: record => sha256(record),
      isSettled: () => true,
      counters,
      logger,
    })
    const record = bytesOf('a sealed dealing')
    await records.put(keyOf(record), record)
    assert.deepEqual([counters.get('dht_put_unoffered'), counters.get('dht_put_taken')], [1, 0])
    await realTime.until(() => counters.get('dht_put_taken') === 1)
    assert.equal(offers, 2)
    records.stop()
  })
})

describe('withoutOldNews', () => {
  const news = (type: string, id: string, addresses: number): Event =>
    new CustomEvent(type, {
      detail: { id, multiaddrs: Array.from({ length: addresses }, (_, index) => index) },
    })

  it('passes on what a DHT tells of members that this node lacks, a few addresses each, and nothing else', async () => {
    const heard: string[] = []
    const dht = withoutOldNews(new EventTarget() as never, {
      isWanted: ({ id }) => id.toString().startsWith('lacking'),
      knownAddresses: async id => ({ 'lacking-some': 6, 'lacking-none': 8 })[id.toString()] ?? 0,
    }) as unknown as EventTarget
    dht.addEventListener('peer', event => {
      const { id, multiaddrs } = (event as CustomEvent<{ id: string; multiaddrs: unknown[] }>).detail
      heard.push(`${id} ${multiaddrs.length}`)
    })
    for (const id of ['connected', 'lacking', 'lacking-some', 'lacking-none'])
      dht.dispatchEvent(news('peer', id, 1000))
    let others = 0
    dht.addEventListener('other', () => others++)
    dht.dispatchEvent(news('other', 'connected', 0))
    await realTime.until(() => heard.length === 2)
    assert.deepEqual([heard, others], [['lacking 8', 'lacking-some 2'], 1])
  })
})

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
  it('keeps what a DHT tells of connected peers to itself, and passes everything else on', () => {
    const target = new EventTarget()
    const dht = withoutOldNews(target as never, id => id.toString() === 'connected') as unknown as EventTarget
    const heard: string[] = []
    for (const type of ['peer', 'other']) {
      dht.addEventListener(type, event =>
        heard.push(`${type} ${(event as CustomEvent<{ id: string }>).detail.id}`),
      )
    }
    for (const type of ['peer', 'other']) {
      for (const id of ['connected', 'away']) dht.dispatchEvent(new CustomEvent(type, { detail: { id } }))
    }
    assert.deepEqual(heard, ['peer away', 'other connected', 'other away'])
  })
})

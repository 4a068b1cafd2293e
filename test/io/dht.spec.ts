import assert from 'node:assert/strict'
import type { Key } from 'interface-datastore'
import { Counters } from '../../src/io/counters.ts'
import { DhtRecords, type DhtRecordsOptions } from '../../src/io/dht.ts'
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
    const records = new DhtRecords({ dht, own: memory(), isSettled: () => true, counters, logger })
    const record = bytesOf('a sealed dealing')
    await records.put(keyOf(record), record)
    assert.deepEqual([counters.get('dht_put_unoffered'), counters.get('dht_put_taken')], [1, 0])
    await realTime.until(() => counters.get('dht_put_taken') === 1)
    assert.equal(offers, 2)
    records.stop()
  })
})

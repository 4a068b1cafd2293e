import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const HOUR_MS = 3_600_000

describe('putting records into the DHT again', () => {
  it('takes all that a node has, a few at a time, every six hours, however often it starts', () => {
    const network = new CeremonyNetwork(5, 'republishing')
    for (const name of ['a', 'b', 'c']) network.create(name)
    network.run(network.nowMs + 10_000)
    const node = network.nodes[0]!
    const kept = [...node.disk.keys()].filter(key => key.startsWith('keys/record/')).sort()
    assert.ok(kept.length > 10, `${kept.length} records`)

    const puts: { readonly atMs: number; readonly key: string }[] = []
    network.tamper = (effect, { peerId }) => {
      if (effect.type === 'dht-put' && peerId === node.peerId) {
        puts.push({ atMs: network.nowMs, key: `keys/record/${toHex(effect.key)}` })
      }
      return [effect]
    }
    network.restart(node)
    network.run(network.nowMs + HOUR_MS)
    assert.deepEqual(puts, [], 'it was there when they were put, an hour ago')

    node.isDown = true
    network.nowMs += 6 * HOUR_MS
    network.restart(node)
    const startMs = network.nowMs
    network.run(startMs + HOUR_MS)
    assert.deepEqual(puts.map(({ key }) => key).sort(), kept)
    const times = puts.map(({ atMs }) => atMs - startMs)
    assert.ok(times[0]! >= 60_000, 'peers must be found first')
    const most = Math.max(...times.map(time => times.filter(at => at >= time && at < time + 8000).length))
    assert.ok(most <= 8, `${most} records within eight seconds`)

    puts.length = 0
    network.restart(node)
    network.run(startMs + 6 * HOUR_MS)
    assert.deepEqual(puts, [])
    network.run(startMs + 7 * HOUR_MS)
    assert.deepEqual(puts.map(({ key }) => key).sort(), kept, 'six hours after the time before')
  })
})

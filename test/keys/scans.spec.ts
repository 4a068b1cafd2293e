import assert from 'node:assert/strict'
import { Secret, toHex } from '../../src/base/index.ts'
import type { LedgerReader } from '../../src/control/index.ts'
import { cryptoReady, generateSealingKey } from '../../src/crypto/index.ts'
import {
  type CeremonyEvent,
  type CeremonyState,
  keyPaths,
  stepCeremonies,
  type VersionRecord,
} from '../../src/keys/index.ts'
import { SecretMap } from '../../src/keys/secret-map.ts'
import type { Effect } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'
import { cloneKey, giveShares } from './many-keys.ts'

await cryptoReady

/** A step that looks at more versions than this would hold up the votes of a node that has many. */
const MOST_PER_STEP = 256
const CLONES = 600

describe('a look at all versions', () => {
  const network = new CeremonyNetwork(5, 'scans')
  let ids: Uint8Array[]
  let peerId: string
  let state: CeremonyState
  let read = 0

  before(() => {
    network.create('k', { threshold: 2, shares: 3 })
    network.run(network.nowMs + 20_000)
    ids = cloneKey(network, 'k', CLONES)
    peerId = network.version('k')!.slots[0]!.peerId
    const node = network.node(peerId)
    const counting = (): LedgerReader => {
      const ledger = node.world.ledger()
      const counted = <T extends readonly { readonly path: string }[]>(entries: T): T => {
        read += entries.filter(({ path }) => path.startsWith('version/')).length
        return entries
      }
      return {
        get: path => ledger.get(path),
        list: prefix => counted(ledger.list(prefix)),
        page: (prefix, after, limit) => counted(ledger.page(prefix, after, limit)),
      }
    }
    state = { ...node.state, world: { ...node.world, ledger: counting } }
  })

  /** Steps on until the timer `next` is not set any more; all effects. */
  const run = (first: CeremonyEvent, next: string): Effect[] => {
    const effects: Effect[] = []
    let total = 0
    for (let event: CeremonyEvent | undefined = first; event !== undefined; ) {
      read = 0
      const made: readonly Effect[] = stepCeremonies(state, event, network.nowMs, network.rng).effects
      assert.ok(read <= MOST_PER_STEP, `one step reads ${read} versions`)
      total += read
      effects.push(...made)
      const isOn = made.some(effect => effect.type === 'timer' && effect.id === next)
      event = isOn ? { type: 'timer', id: next } : undefined
    }
    assert.ok(total > CLONES, `${total} versions were looked at`)
    return effects
  }
  const jump = (): Effect[] =>
    run({ type: 'applied', height: network.ledger.chain.height, isJump: true }, 'ceremony/scan')
  const lacking = (): number => [...state.lacking.values()].reduce((sum, each) => sum + each, 0)

  it('is made in steps of bounded length, and counts the shares that are missing', () => {
    jump()
    assert.equal(lacking(), CLONES)
    giveShares(network, 'k', ids.slice(1))
    jump()
    assert.deepEqual([...state.lacking.keys()], [keyPaths.version(ids[0]!, 1)])
    giveShares(network, 'k', ids)
    jump()
    assert.equal(lacking(), 0)
  })

  it('forgets shares of dealings that no version is made of, and those alone', () => {
    const wanted = new Uint8Array(32).fill(7)
    const kept = `keys/subshare/${toHex(wanted)}/1`
    const over = `keys/subshare/${'ab'.repeat(32)}/1`
    // the last version that is looked at is made of a dealing of its own, and its sum is missing
    const { records } = network.ledger
    const path = keyPaths.version(ids.at(-1)!, 1)
    const version = records.get<VersionRecord>(path)!
    const dealings = version.dealings.with(0, { ...version.dealings[0]!, recordHash: wanted })
    network.ledger = { ...network.ledger, records: records.set(path, { ...version, dealings }) }
    state.shares.delete([...state.shares.keys()].find(each => each.includes(toHex(ids.at(-1)!)))!)
    for (const each of [kept, over]) state.subshares.set(each, new Secret(new Uint8Array(32)))
    const persisted = jump().flatMap(effect => (effect.type === 'persist' ? effect.writes : []))
    assert.deepEqual(persisted, [{ key: over, value: null }])
    assert.deepEqual([...state.subshares.keys()], [kept])
    network.ledger = { ...network.ledger, records }
    giveShares(network, 'k', ids)
  })

  it('finds the sealing keys that no version is sealed under, and erases them at its end', () => {
    const [used, unused] = [generateSealingKey(network.rng), generateSealingKey(network.rng)]
    for (const pair of [used, unused]) state.sealing.set(toHex(pair.publicKey.bytes), pair)
    const path = keyPaths.version(ids.at(-1)!, 1)
    const { records } = network.ledger
    const version = records.get<{ slots: ReadonlyArray<{ peerId: string }> }>(path)!
    const slots = version.slots.map(slot =>
      slot.peerId === peerId ? { ...slot, sealingKey: used.publicKey.bytes } : slot,
    )
    network.ledger = { ...network.ledger, records: records.set(path, { ...version, slots }) }
    const names = [...state.sealing.keys()]
    run({ type: 'timer', id: 'ceremony/erase' }, 'ceremony/erase-page')
    const gone = names.filter(name => !state.sealing.has(name))
    assert.deepEqual(gone, [toHex(unused.publicKey.bytes)])
  })
})

describe('secrets by path', () => {
  it('are found by key or dealing without a look at the others', () => {
    const map = new SecretMap()
    const secret = new Secret(new Uint8Array(32))
    const paths = ['keys/share/a/1/0/1', 'keys/share/a/1/1/1', 'keys/share/a/12/0/1', 'keys/share/b/1/0/1']
    for (const path of paths) map.set(path, secret)
    map.set(paths[0]!, secret)
    assert.deepEqual(map.under('keys/share/a/1/'), paths.slice(0, 2))
    assert.deepEqual(map.under('keys/share/c/1/'), [])
    assert.deepEqual(map.subjects(), ['keys/share/a/', 'keys/share/b/'])
    map.delete(paths[3]!)
    assert.deepEqual(map.subjects(), ['keys/share/a/'])
    assert.equal(map.size, 3)
    assert.throws(() => map.set('keys/share', secret), RangeError)
  })
})

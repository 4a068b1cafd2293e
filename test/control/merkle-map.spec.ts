import assert from 'node:assert/strict'
import { randomBelow, toHex } from '../../src/base/index.ts'
import { MerkleMap, verifyAbsence, verifyInclusion } from '../../src/control/index.ts'
import { canonicalBytes } from '../../src/wire/index.ts'
import { rngFor } from './fixture.ts'

function build(model: ReadonlyMap<string, number>): MerkleMap {
  let map = MerkleMap.empty
  for (const [path, n] of model) map = map.set(path, { n })
  return map
}

describe('the Merkle map', () => {
  it('is a map: random changes leave it like a plain one, and its root depends on the contents alone', () => {
    const rng = rngFor('merkle')
    const model = new Map<string, number>()
    let map = MerkleMap.empty
    for (let round = 0; round < 3000; round++) {
      const path = `${'abc'[randomBelow(rng, 3)]}/${randomBelow(rng, 200)}`
      if (randomBelow(rng, 3) === 0) {
        model.delete(path)
        map = map.delete(path)
      } else {
        model.set(path, round)
        map = map.set(path, { n: round })
      }
      if (round % 300 !== 0) continue
      const shuffled = new Map([...model].reverse())
      assert.equal(toHex(map.root()), toHex(build(shuffled).root()))
      assert.equal(map.size, model.size)
      const paths = [...model.keys()].filter(one => one.startsWith('b/')).sort()
      assert.deepEqual(
        [...map.entries('b/')].map(entry => entry.path),
        paths,
      )
      for (const one of paths) assert.deepEqual(map.get(one), { n: model.get(one) })
    }
  })

  it('can be built at once of its leaves, and is then as if they had been inserted one by one', () => {
    for (const count of [0, 1, 2, 3, 1000]) {
      const map = build(new Map(Array.from({ length: count }, (_, n) => [`${n % 7}/${n}`, n])))
      const leaves = [...map.pieces(1 << 30)].flatMap(piece => [...piece.leaves])
      const built = MerkleMap.ofLeaves(leaves)
      assert.equal(toHex(built.root()), toHex(map.root()))
      assert.equal(built.size, count)
      assert.deepEqual([...built.entries()], [...map.entries()])
      assert.deepEqual([...built.entries('3/', '3/5')], [...map.entries('3/', '3/5')])
      for (const { path, value } of map.entries()) assert.deepEqual(built.get(path), value)
      // it changes as the other does
      const changed = [map, built].map(one => one.set('3/new', { n: -1 }).delete('3/3').delete('0/0'))
      assert.equal(toHex(changed[1]!.root()), toHex(changed[0]!.root()))
      assert.deepEqual([...changed[1]!.entries()], [...changed[0]!.entries()])
      if (count < 2) continue
      for (const bad of [leaves.toReversed(), [leaves[0]!, ...leaves]]) {
        assert.throws(() => MerkleMap.ofLeaves(bad), { code: 'malformed' })
      }
    }
  })

  it('keeps every version: a change leaves the map it was made from as it was', () => {
    const one = build(
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
    const root = toHex(one.root())
    const two = one.set('a', { n: 3 }).delete('b').set('c', { n: 4 })
    assert.deepEqual(one.get('a'), { n: 1 })
    assert.deepEqual(one.get('b'), { n: 2 })
    assert.equal(toHex(one.root()), root)
    assert.equal(two.get('b'), undefined)
    assert.equal(toHex(MerkleMap.empty.root()), toHex(new Uint8Array(32)))
    assert.equal(toHex(two.delete('a').delete('c').root()), toHex(MerkleMap.empty.root()))
  })

  it('proves what it holds and what it does not, to anyone who has the root', () => {
    const model = new Map(Array.from({ length: 300 }, (_, n) => [`key/${n}`, n]))
    const map = build(model)
    const root = map.root()
    for (const [path, n] of model) {
      const proof = map.prove(path)
      assert.ok(proof.siblings.length < 24)
      assert.ok(verifyInclusion(root, path, canonicalBytes({ n }), proof))
      assert.ok(!verifyInclusion(root, path, canonicalBytes({ n: n + 1 }), proof))
      assert.ok(!verifyInclusion(root, `${path}x`, canonicalBytes({ n }), proof))
      assert.ok(!verifyAbsence(root, path, proof))
      assert.ok(!verifyAbsence(root, path, map.prove(`${path}x`)))
      assert.ok(verifyAbsence(root, `${path}x`, map.prove(`${path}x`)))
    }
    assert.ok(verifyAbsence(MerkleMap.empty.root(), 'a', MerkleMap.empty.prove('a')))
    const proof = map.prove('key/7')
    const changed = { ...proof, siblings: proof.siblings.with(0, new Uint8Array(32)) }
    assert.ok(!verifyInclusion(root, 'key/7', canonicalBytes({ n: 7 }), changed))
  })

  it('gives values that cannot be changed in place, and that are what the bytes say', () => {
    const given = { list: [1, 2], inner: { a: 1 } }
    const map = MerkleMap.empty.set('a', given)
    given.list.push(3)
    const value = map.get<{ list: number[]; inner: { a: number } }>('a')!
    assert.deepEqual(value.list, [1, 2])
    assert.throws(() => value.list.push(4), TypeError)
    assert.throws(() => {
      value.inner.a = 2
    }, TypeError)
  })

  it('holds 100,000 records, of which a change touches a few', () => {
    let map = MerkleMap.empty
    const before = process.cpuUsage()
    for (let n = 0; n < 100_000; n++) map = map.setBytes(`key/${n}`, canonicalBytes({ n }))
    map.root()
    const made = process.cpuUsage(before)
    const between = process.cpuUsage()
    for (let n = 0; n < 100; n++) map = map.set(`key/${n * 7}`, { n: -n })
    map.root()
    assert.equal([...map.entries('key/999')].length, 111)
    // processor time, since this machine may be doing other things
    const changed = process.cpuUsage(between)
    assert.ok(changed.user * 10 < made.user, `${changed.user} µs for a hundred changes and a scan`)
  }).timeout(60_000)

  it('refuses a record that is too large', () => {
    assert.throws(() => MerkleMap.empty.set('a', { bytes: new Uint8Array(300_000) }), { code: 'too_large' })
  })
})

import assert from 'node:assert/strict'
import { LedgerDraft, type MemberRecord, MerkleMap, memberPath } from '../../src/control/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { keyPaths, type VersionRecord } from '../../src/keys/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'
import { cloneKey, giveShares, putKey } from './many-keys.ts'

await cryptoReady

/** A network of seven, and a key of which every clone is made. */
function network(seed: string): CeremonyNetwork {
  const made = new CeremonyNetwork(7, seed)
  made.create('k', { threshold: 3, shares: 5 })
  made.run(made.nowMs + 20_000)
  return made
}

function removeHolder(of: CeremonyNetwork): string {
  const { peerId } = of.version('k')!.slots[0]!
  const { records } = of.ledger
  const member = records.get<MemberRecord>(memberPath(peerId))!
  of.ledger = { ...of.ledger, records: records.set(memberPath(peerId), { ...member, state: 'removed' }) }
  of.node(peerId).isDown = true
  of.submit(of.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
  return peerId
}

/** The most records that one block read and wrote, of those in which the departed member's versions are found. */
function workPerBlock(keys: number): number {
  const net = network('work')
  cloneKey(net, 'k', keys)
  removeHolder(net)
  for (const node of net.nodes) node.isDown = true
  const { get, entries, setBytes } = MerkleMap.prototype
  let work = 0
  let most = 0
  net.onBlock = () => {
    most = Math.max(most, work)
    work = 0
  }
  MerkleMap.prototype.get = function (path) {
    work++
    return get.call(this, path) as never
  }
  MerkleMap.prototype.setBytes = function (path, bytes) {
    work++
    return setBytes.call(this, path, bytes)
  }
  MerkleMap.prototype.entries = function* (prefix, from) {
    for (const entry of entries.call(this, prefix, from)) {
      work++
      yield entry as never
    }
  }
  try {
    net.run(net.nowMs + 3_500)
  } finally {
    Object.assign(MerkleMap.prototype, { get, entries, setBytes })
  }
  const queued = [...net.ledger.records.entries('queued/')].length
  assert.equal(queued, keys + 1, 'the sweep has found all of them')
  return most
}

describe('many keys', () => {
  it('cost no block more than few: a sweep does the same work in each', () => {
    const few = workPerBlock(300)
    const many = workPerBlock(2_000)
    assert.ok(many <= few * 1.1, `${few} reads and writes with 300 keys, ${many} with 2,000`)
  }).timeout(120_000)

  it('are all repaired when a member leaves that has shares in each of them', () => {
    const net = network('all')
    giveShares(net, 'k', cloneKey(net, 'k', 40))
    const gone = removeHolder(net)
    net.run(net.nowMs + 60_000)
    const left = [...net.ledger.records.entries<VersionRecord>('version/')].filter(({ value }) =>
      value.slots.some(({ peerId }) => peerId === gone),
    )
    assert.deepEqual(left, [])
    assert.deepEqual([...net.ledger.records.entries('queued/')], [])
    assert.deepEqual(net.convictions(), [])
  }).timeout(120_000)

  it('that these tests put into the ledger are, byte for byte, what the reducer leaves', () => {
    const net = network('clones')
    const { records, genesis, networkId, chain } = net.ledger
    const draft = new LedgerDraft(records, { ...chain, genesis, networkId })
    const [key, version] = [net.key('k'), net.version('k')!]
    for (const path of [keyPaths.key('k'), keyPaths.keyName(key.keyId), keyPaths.version(key.keyId, 1)]) {
      draft.delete(path)
    }
    draft.cancelWake(`refresh/${keyPaths.version(key.keyId, 1)}`)
    putKey(draft, key, version)
    assert.deepEqual(draft.records.root(), records.root())
  })
})

import assert from 'node:assert/strict'
import { type MemberRecord, memberPath } from '../../src/control/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { MAX_OPEN_HANDOFFS } from '../../src/keys/handoffs.ts'
import { keyPaths, type QueuedHandoff, type VersionRecord } from '../../src/keys/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const NOTHING = { type: 'set-policy', name: 'none', revision: 0, rules: [] } as const

function paths(network: CeremonyNetwork, prefix = ''): string[] {
  return [...network.ledger.records.entries(prefix)].map(({ path }) => path)
}

function withKeys(count: number, seed: string, members = 7): CeremonyNetwork {
  const network = new CeremonyNetwork(members, seed)
  network.submit(network.principal, NOTHING)
  for (let index = 0; index < count; index++) network.create(`k${index}`, { threshold: 2, shares: 3 })
  network.run(network.nowMs + 20_000)
  assert.equal(paths(network, 'version/').length, count + 1)
  return network
}

function remove(network: CeremonyNetwork, index: number): void {
  const { peerId } = network.nodes[index]!
  const { records } = network.ledger
  const member = records.get<MemberRecord>(memberPath(peerId))!
  network.ledger = {
    ...network.ledger,
    records: records.set(memberPath(peerId), { ...member, state: 'removed' }),
  }
  network.node(peerId).isDown = true
  network.submit(network.principal, NOTHING)
}

describe('what ended', () => {
  it('leaves nothing in the ledger: an aborted creation, but for its digest and its entry among the latest failures', () => {
    const network = withKeys(0, 'aborted')
    const before = paths(network)
    for (const node of network.nodes.slice(2)) node.isDown = true
    for (let attempt = 0; attempt < 5; attempt++) {
      network.create(`gone${attempt}`)
      network.run(network.nowMs + 10_000)
    }
    // the digests by which dealers are judged later go after two refresh periods; the rest is overwritten, not added to
    const lasting = /^(failures$|usage\/|closed\/|(deadline\/\d+|wake)\/(closed|replaced)\/)/
    const own = (path: string): boolean => !lasting.test(path)
    assert.deepEqual(
      paths(network)
        .filter(own)
        .filter(path => !before.includes(path)),
      [],
    )
  })

  it('leaves no deadline behind: a version that is archived again and again has one', () => {
    const network = withKeys(1, 'archived')
    for (let revision = 0; revision < 20; revision++) {
      const retainUntilMs = network.nowMs + 1_000_000 + revision
      const retire = { type: 'retire-version', name: 'k0', version: 1, revision, change: 'archive' } as const
      network.submit(network.principal, { ...retire, retainUntilMs })
      network.run(network.nowMs + 10)
    }
    const deadlines = (): string[] => paths(network, 'deadline/').filter(path => path.includes('retention/'))
    assert.equal(deadlines().length, 1)
    const of = { type: 'retire-version', name: 'k0', version: 1 } as const
    network.submit(network.principal, { ...of, revision: 20, change: 'archive' })
    network.run(network.nowMs + 10)
    assert.deepEqual(deadlines(), [], 'it is kept for good now')
    network.submit(network.principal, { ...of, revision: 21, change: 'destroy' })
    network.run(network.nowMs + 1000)
    network.submit(network.principal, NOTHING)
    network.run(network.nowMs + 1000)
    const { keyId } = network.key('k0')
    const rest = paths(network).filter(path => path.includes(Buffer.from(keyId).toString('hex')))
    assert.deepEqual(rest.sort(), [keyPaths.keyName(keyId), keyPaths.version(keyId, 1)])
  })
})

describe('a member that leaves', () => {
  it('has all its slots given to others, a few versions at a time, and nothing is left of the work', () => {
    const network = withKeys(20, 'leaves')
    const gone = network.nodes[3]!.peerId
    remove(network, 3)
    let most = 0
    for (let slice = 0; slice < 600; slice++) {
      network.run(network.nowMs + 100)
      most = Math.max(most, paths(network, 'ceremony/').length)
    }
    for (const { value } of network.ledger.records.entries<VersionRecord>('version/')) {
      assert.ok(value.slots.every(({ peerId }) => peerId !== gone))
    }
    assert.ok(most <= MAX_OPEN_HANDOFFS + 1, `${most} ceremonies at once`)
    assert.deepEqual([...paths(network, 'handoff/'), ...paths(network, 'queued/')], [])
  }).timeout(60_000)

  it('has the versions repaired first that can lose the fewest others', () => {
    const network = withKeys(12, 'margins')
    network.create('strong', { threshold: 2, shares: 6 })
    network.run(network.nowMs + 20_000)
    // no room: nothing is opened, so that the whole queue can be seen
    for (const node of network.nodes) node.isDown = true
    remove(network, 2)
    network.run(network.nowMs + 400)
    const queue = paths(network, 'handoff/')
    const margins = queue.map(path => Number(path.split('/')[1]!.slice(2)))
    assert.deepEqual(
      margins,
      [...margins].sort((a, b) => a - b),
    )
    const strong = network.key('strong').keyId
    const queued = network.ledger.records.get<QueuedHandoff>(keyPaths.queued(strong, 1))
    if (queued !== undefined && queued.place !== '') assert.equal(queue.at(-1), queued.place)
  })
})

import assert from 'node:assert/strict'
import { Secret, utf8 } from '../../src/base/index.ts'
import { creatorPath, type UsageRecord, usagePath } from '../../src/control/records.ts'
import { cryptoReady, SigningKey, sha256 } from '../../src/crypto/index.ts'
import { DEFAULT_QUOTA, type Quota } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const other = new SigningKey(new Secret(sha256(utf8('another creator'))))

/** A network whose principal is no operator, as most are not, beside another one. */
function withQuota(seed: string, quota: Partial<Quota>): CeremonyNetwork {
  const operator = new SigningKey(new Secret(sha256(utf8('operator'))))
  const network = new CeremonyNetwork(5, seed, {
    operators: [operator.publicKey],
    quota: { ...DEFAULT_QUOTA, ...quota },
  })
  const { records } = network.ledger
  const creator = { isAllowed: true, revision: 1 }
  network.ledger = { ...network.ledger, records: records.set(creatorPath(other.publicKey), creator) }
  return network
}

function create(network: CeremonyNetwork, count: number, prefix = 'k', by = network.principal): void {
  for (let index = 0; index < count; index++) {
    network.create(`${prefix}${String(index).padStart(3, '0')}`, { threshold: 2, shares: 3, kind: 'toy' }, by)
  }
}

function codes(network: CeremonyNetwork): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const result of network.results) {
    const code = result.ok ? 'ok' : result.code
    counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

function count(network: CeremonyNetwork, prefix: string): number {
  return [...network.ledger.records.entries(prefix)].length
}

function usage(network: CeremonyNetwork, by = network.principal): UsageRecord {
  return network.ledger.records.get<UsageRecord>(usagePath(by.publicKey))!
}

/** Runs a moment at a time, looking in between. */
function watch(network: CeremonyNetwork, forMs: number, look: () => void): void {
  const endMs = network.nowMs + forMs
  while (network.nowMs < endMs) {
    network.run(network.nowMs + 1)
    network.nowMs += 50
    look()
  }
}

describe('a creator’s quota', () => {
  it('admits 200 creations at once: they wait in the log, begin in their order, and all succeed', () => {
    const network = withQuota('two hundred', { ceremonies: 4 })
    create(network, 200)
    const order: string[] = []
    let most = 0
    watch(network, 60_000, () => {
      most = Math.max(most, count(network, 'ceremony/'))
      for (const { path } of network.ledger.records.entries('key/k')) {
        const name = path.slice('key/'.length)
        if (network.key(name).activeVersion === 1 && !order.includes(name)) order.push(name)
      }
    })
    assert.equal(order.length, 200)
    assert.ok(most <= 5, `${most} ceremonies at once, that of the network’s own key included`)
    const height = (name: string): number => network.version(name)!.height
    const heights = [...order].sort().map(height)
    assert.deepEqual(
      heights,
      [...heights].sort((a, b) => a - b),
    )
    assert.equal(usage(network).versions, 200)
    assert.equal(usage(network).queued, 0)
    assert.equal(count(network, 'creation/'), 0)
  }).timeout(120_000)

  it('refuses those beyond the queue as overloaded, and says when to come again', () => {
    const network = withQuota('beyond', { ceremonies: 1, queued: 2 })
    create(network, 5)
    network.run(network.nowMs + 1)
    assert.deepEqual(
      network.results.slice(0, 5).map(result => (result.ok ? 'ok' : result.code)),
      ['ok', 'ok', 'ok', 'overloaded', 'overloaded'],
    )
    const refused = network.results[3]!
    assert.ok(!refused.ok && Number(refused.details.retryAfterMs) > 0)
    network.run(network.nowMs + 30_000)
    assert.equal(count(network, 'key/k'), 3)
  })

  it('bounds the versions it has; one that is destroyed, or was aborted, makes room', () => {
    const network = withQuota('versions', { versions: 2 })
    create(network, 3)
    network.run(network.nowMs + 20_000)
    assert.equal(codes(network).overloaded, 1)
    network.submit(network.principal, {
      ...{ type: 'retire-version', name: 'k000', version: 1, revision: 0, change: 'destroy' },
    })
    network.run(network.nowMs + 1000)
    for (const node of network.nodes.slice(1)) node.isDown = true
    create(network, 1, 'aborted')
    network.run(network.nowMs + 20_000)
    assert.equal(usage(network).versions, 1)
    for (const node of network.nodes.slice(1)) network.restart(node)
    create(network, 1, 'again')
    network.run(network.nowMs + 20_000)
    assert.equal(network.key('again000').activeVersion, 1)
  })

  it('bounds its bytes in the log, failures included, and drains within the hour', () => {
    const network = withQuota('bytes', { logBytesPerHour: 8_000 })
    create(network, 20)
    network.run(network.nowMs + 1)
    const { ok, overloaded } = codes(network)
    assert.ok(ok! > 2 && ok! < 10 + 15 && overloaded! > 5, JSON.stringify(codes(network)))
    const { bytes } = usage(network)
    assert.ok(bytes <= 8_000)
    network.run(network.nowMs + 20_000)
    for (let failing = 0; failing < 40; failing++) {
      const rules = [] as const
      network.submit(network.principal, { type: 'set-policy', name: 'none', revision: failing, rules })
    }
    network.run(network.nowMs + 1)
    assert.equal(codes(network).overloaded! > overloaded!, true, 'what fails costs too')
    network.nowMs += 3_600_000
    const before = codes(network).overloaded
    create(network, 1, 'later')
    network.run(network.nowMs + 20_000)
    assert.equal(codes(network).overloaded, before)
    assert.equal(network.key('later000').activeVersion, 1)
  })

  it('is its own: one that spams creations, archivals and changes leaves the others their ceremonies', () => {
    const network = withQuota('spam', { ceremonies: 2, queued: 8, versions: 30 })
    create(network, 30, 'spam')
    create(network, 3, 'mine', other)
    network.run(network.nowMs + 20_000)
    const height = (name: string): number => network.version(name)!.height
    for (const name of ['mine000', 'mine001', 'mine002']) {
      assert.ok(height(name) < height('spam006'), `${name} waits for the spam`)
    }
    assert.equal(count(network, 'key/spam'), 10, 'two that ran, and eight that waited')
    for (let round = 0; round < 50; round++) {
      const retainUntilMs = network.nowMs + 10_000 + round
      const retire = {
        type: 'retire-version',
        name: 'spam000',
        version: 1,
        revision: round,
        change: 'archive',
      } as const
      network.submit(network.principal, { ...retire, retainUntilMs })
      network.run(network.nowMs + 10)
    }
    const before = network.ledger.chain.height
    network.run(network.nowMs + 9_000)
    assert.ok(network.ledger.chain.height < before + 10, 'the archivals make no blocks')
  })

  it('holds up no word of a holder: deals and acknowledgements pass though it is used up', () => {
    const network = withQuota('holders', { logBytesPerHour: 3_000, ceremonies: 1 })
    create(network, 1)
    network.run(network.nowMs + 20_000)
    assert.equal(network.key('k000').activeVersion, 1)
    assert.deepEqual(
      network.results.filter(result => !result.ok),
      [],
    )
  })

  it('is what operators give it, else what the genesis says', () => {
    const network = withQuota('granted', { versions: 1 })
    const operator = new SigningKey(new Secret(sha256(utf8('operator'))))
    const grant = (revision: number, quota?: Quota): void =>
      network.submit(operator, {
        type: 'grant-create',
        principal: network.principal.publicKey,
        ...{ revision, isAllowed: true },
        ...(quota === undefined ? {} : { quota }),
      })
    grant(0, { ...DEFAULT_QUOTA, versions: 3 })
    create(network, 5)
    network.run(network.nowMs + 20_000)
    assert.equal(count(network, 'key/k'), 3)
    grant(1)
    create(network, 1, 'more')
    network.run(network.nowMs + 20_000)
    assert.equal(count(network, 'key/more'), 0)
  })
})

import assert from 'node:assert/strict'
import { OstrakaError } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { keyPaths, type VersionRecord, vaultPaths } from '../../src/keys/index.ts'
import { type RetireVersion, refusalOf, type Transaction, VERSION_STATES } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'
import { ExportNetwork } from './export-network.ts'

await cryptoReady

const DELAY_MS = 600_000
const TIMING = {
  ...{ epochMs: 30_000, proposeMs: 100, voteMs: 100, roundDeltaMs: 100 },
  ...{ dealMs: 4_000, acknowledgeMs: 4_000, destroyDelayMs: DELAY_MS },
}

function made(seed: string, timing: Partial<typeof TIMING> & { readonly refreshMs?: number } = {}) {
  const network = new CeremonyNetwork(5, seed, { timing: { ...TIMING, ...timing } })
  network.create('k')
  network.run(network.nowMs + 1_000)
  const { keyId } = network.key('k')
  const version = (number = 1): VersionRecord =>
    network.ledger.records.get<VersionRecord>(keyPaths.version(keyId, number))!
  /** What the reducer makes of it: `ok`, or the code of its refusal. */
  const outcome = (transaction: Transaction): string => {
    const from = network.results.length
    network.submit(network.principal, transaction)
    network.run(network.nowMs)
    const result = network.results[from]!
    return result.ok ? 'ok' : result.code
  }
  const retire = (change: RetireVersion['change'], revision = version().revision, number = 1): string =>
    outcome({ type: 'retire-version', name: 'k', version: number, revision, change })
  const rotate = (): void => {
    const { generation, version: number } = network.version('k')!
    const nonce = network.rng.bytes(16)
    const change = {
      type: 'change-key',
      nonce,
      name: 'k',
      change: 'rotate',
      version: number,
      generation,
    } as const
    assert.equal(outcome(change), 'ok')
    network.run(network.nowMs + 1_000)
  }
  const holdersWithShares = (): number =>
    network.nodes.filter(({ disk }) =>
      [...disk.keys()].some(key => key.startsWith(vaultPaths.shares(keyId, 1))),
    ).length
  return { network, version, outcome, retire, rotate, holdersWithShares }
}

describe('issue 10.2: a version that is to be destroyed', () => {
  it('waits as long as the genesis says, with its shares, and is then destroyed', () => {
    const { network, version, retire, holdersWithShares } = made('waits')
    assert.equal(retire('destroy'), 'ok')
    const { state, destruction } = version()
    assert.deepEqual(
      [state, destruction],
      ['pending-destruction', { atMs: network.ledger.chain.timeMs + DELAY_MS, from: 'active' }],
    )
    network.run(destruction!.atMs - 1_000)
    assert.deepEqual([version().state, holdersWithShares()], ['pending-destruction', 5])
    network.run(destruction!.atMs + 60_000)
    assert.deepEqual(
      [version().state, version().destruction, holdersWithShares()],
      ['destroyed', undefined, 0],
    )
  })

  it('waits a week where the genesis says nothing, whatever the network is called', () => {
    const { destroyDelayMs: _, ...timing } = TIMING
    const network = new CeremonyNetwork(5, 'default', { name: 'testnet', timing })
    network.create('k')
    network.run(network.nowMs + 1_000)
    network.submit(network.principal, {
      type: 'retire-version',
      name: 'k',
      version: 1,
      revision: 0,
      change: 'destroy',
    })
    network.run(network.nowMs)
    assert.equal(network.version('k')!.destruction!.atMs, network.ledger.chain.timeMs + 7 * 86_400_000)
  })

  it('is kept when its owner says so in time, and no copy of the first transaction destroys it again', () => {
    const { network, version, retire } = made('kept')
    assert.equal(retire('destroy'), 'ok')
    assert.equal(retire('destroy'), 'conflict', 'it waits already')
    assert.equal(retire('archive'), 'conflict')
    assert.equal(retire('cancel-destroy'), 'ok')
    assert.deepEqual([version().state, version().destruction], ['active', undefined])
    assert.equal(retire('destroy', 0), 'conflict', 'a copy')
    network.run(network.nowMs + 2 * DELAY_MS)
    assert.equal(version().state, 'active')
    assert.equal(retire('cancel-destroy'), 'conflict')
  })

  it('comes back archived when a rotation has replaced it, and expired when its retention has ended', () => {
    const { network, version, retire, rotate, outcome } = made('back')
    assert.equal(retire('destroy'), 'ok')
    rotate()
    assert.deepEqual([version().state, version(2).state], ['pending-destruction', 'active'])
    assert.equal(retire('cancel-destroy'), 'ok')
    assert.equal(version().state, 'archived')
    const retainUntilMs = network.nowMs + 10_000
    const archive = {
      type: 'retire-version',
      name: 'k',
      version: 1,
      change: 'archive',
      retainUntilMs,
    } as const
    assert.equal(outcome({ ...archive, revision: version().revision }), 'ok')
    assert.equal(retire('destroy'), 'ok')
    network.nowMs = retainUntilMs + 1_000
    assert.equal(retire('cancel-destroy'), 'ok')
    assert.equal(version().state, 'expired')
  })

  it('gets no new shares when its time comes in the middle of a refresh, and none is made of it afterwards', () => {
    const { network, version, retire, holdersWithShares, outcome } = made('refresh', {
      refreshMs: DELAY_MS - 500,
    })
    assert.equal(retire('destroy'), 'ok')
    const { atMs } = version().destruction!
    const late = network.nodes[4]!
    network.tamper = (effect, node) =>
      node === late && effect.type === 'submit' && effect.transaction.type === 'acknowledge' ? [] : [effect]
    network.run(atMs + 10_000)
    assert.deepEqual([version().state, holdersWithShares()], ['destroyed', 0])
    network.tamper = effect => [effect]
    network.run(network.nowMs + 3 * DELAY_MS)
    const { generation } = version()
    const nonce = network.rng.bytes(16)
    const refresh = {
      type: 'change-key',
      nonce,
      name: 'k',
      change: 'refresh',
      version: 1,
      generation,
    } as const
    assert.equal(outcome(refresh), 'version_destroyed')
    assert.equal(retire('cancel-destroy'), 'version_destroyed')
    assert.equal(holdersWithShares(), 0)
  })

  it('is destroyed without waiting when the operators approve, and not after its owner has kept it', () => {
    const network = new ExportNetwork('now', 4, { timing: TIMING })
    network.create('k', { threshold: 2, shares: 3 })
    network.run(network.nowMs + 20_000)
    const { keyId } = network.key('k')
    const state = (): string => network.ledger.records.get<VersionRecord>(keyPaths.version(keyId, 1))!.state
    const retire = (revision: number, change: RetireVersion['change']): string =>
      network.decide(network.principal, { type: 'retire-version', name: 'k', version: 1, revision, change })
    const act = { type: 'destroy-version', name: 'k', keyId, version: 1 } as const
    const ask = (by = network.principal, nonce = network.rng.bytes(16)): string =>
      network.decide(by, { type: 'propose', nonce, act, reason: 'stolen', expiresMs: network.nowMs + 60_000 })
    assert.equal(ask(), 'conflict', 'it does not wait')
    assert.equal(retire(0, 'destroy'), 'ok')
    assert.equal(ask(network.operators[0]), 'forbidden')
    const kept = network.propose(act)
    assert.equal(retire(1, 'cancel-destroy'), 'ok')
    assert.deepEqual(network.approve(kept, network.operators[0]!, network.operators[1]!), ['ok', 'conflict'])
    assert.equal(state(), 'active')
    assert.equal(retire(2, 'destroy'), 'ok')
    const again = network.propose(act)
    assert.deepEqual(network.approve(again, network.operators[0]!, network.operators[1]!), ['ok', 'ok'])
    assert.equal(state(), 'destroyed')
  })

  it('each state has its refusal, and only an active and an archived version are of any use', () => {
    const codes = VERSION_STATES.map(state => refusalOf(state, {})?.code)
    assert.deepEqual(codes, [
      undefined,
      undefined,
      'version_expired',
      'pending_destruction',
      'version_destroyed',
    ])
    assert.ok(refusalOf('expired', {}) instanceof OstrakaError)
  })
})

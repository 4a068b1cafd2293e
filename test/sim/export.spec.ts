import assert from 'node:assert/strict'
import { openExport } from '../../src/api/export-client.ts'
import { fromHex, isOstrakaError, Secret, SeededRng } from '../../src/base/index.ts'
import { networkIdOf, proposalIdOf, proveFounders } from '../../src/control/index.ts'
import { cryptoReady, generateSealingKey, SigningKey, signValue } from '../../src/crypto/index.ts'
import { Findings } from '../../src/sim/checks/findings.ts'
import { SecretCheck } from '../../src/sim/checks/secrets.ts'
import { FaultCounts } from '../../src/sim/fault-counts.ts'
import { GossipMesh } from '../../src/sim/gossip.ts'
import { SimHost } from '../../src/sim/host.ts'
import { type Conditions, SimNetwork } from '../../src/sim/network.ts'
import { RecordMesh } from '../../src/sim/records.ts'
import { VirtualTime } from '../../src/sim/time.ts'
import { Trace } from '../../src/sim/trace.ts'
import type { Consent, Genesis, GenesisDocument, Transaction } from '../../src/wire/index.ts'
import { exportedJson } from '../api/exported.ts'

await cryptoReady

const START_MS = 1_800_000_000_000
const SEEDS = [1, 2, 3]
const ROUGH: Conditions = {
  ...{ lossRate: 0.02, duplicateRate: 0.05, reorderRate: 0.1, slowRate: 0.05 },
  ...{ minDelayMs: 2, maxDelayMs: 40, slowMs: 400 },
}

/** What a node answers with that is cut off, or a block behind the one that was asked before. */
const BEHIND: ReadonlySet<string> = new Set([
  ...['no_quorum', 'deadline_exceeded', 'not_ready', 'not_found', 'unknown_version', 'conflict'],
])

/** Five nodes, three operators of whom two decide, over wires that lose, delay, double and mix up. */
class World {
  readonly time = new VirtualTime(START_MS)
  readonly faults = new FaultCounts()
  readonly network: SimNetwork
  readonly hosts: readonly SimHost[]
  readonly owner: SigningKey
  readonly operators: readonly SigningKey[]
  readonly genesis: Genesis
  readonly networkId: Uint8Array
  readonly findings = new Findings(() => {})
  readonly secrets: SecretCheck
  /** Notices by node and type. */
  readonly notices: string[] = []
  readonly rng: SeededRng

  constructor(seed: number) {
    this.rng = new SeededRng(`exports ${seed}`)
    const context = { time: this.time, rng: this.rng.fork('wires'), faults: this.faults, trace: new Trace() }
    this.network = new SimNetwork(context)
    this.network.conditions = ROUGH
    const keyNamed = (name: string) => new SigningKey(new Secret(this.rng.fork(name).bytes(32)))
    this.owner = keyNamed('owner')
    this.operators = ['one', 'two', 'three'].map(keyNamed)
    const gossip = new GossipMesh(this.network)
    const records = new RecordMesh(this.network)
    const fail = (text: string): void => this.findings.add('no node throws', text)
    this.hosts = Array.from(
      { length: 5 },
      (_, index) =>
        new SimHost(`node-${index + 1}`, {
          ...{ seed: String(seed), network: this.network, gossip, records, beaconIntervalMs: 1000 },
          log: (_host, _level, text, details) => {
            if ((details as { code?: string }).code === 'internal') fail(text)
          },
          started: (host, port) => port.onNotice(({ type }) => this.notices.push(`${host.name} ${type}`)),
          failed: (host, error) => fail(`${host.name}: ${error}`),
        }),
    )
    this.genesis = this.#genesis(seed)
    this.networkId = networkIdOf(this.genesis)
    this.secrets = new SecretCheck(this.findings, () =>
      this.hosts.map(host => [host.peerId, (prefix: string) => host.shares(prefix)] as const),
    )
    this.network.observe = frame => this.secrets.see(frame)
  }

  #genesis(seed: number): Genesis {
    const document: GenesisDocument = {
      name: `sim exports ${seed}`,
      createdMs: START_MS,
      operators: this.operators.map(({ publicKey }) => publicKey),
      approvals: 2,
      members: this.hosts.map(({ peerId, sealingKeys }) => ({
        peerId,
        sealingKey: sealingKeys.publicKey.bytes,
        location: { region: 'sim', latitude: 0, longitude: 0 },
      })),
      creators: [this.owner.publicKey],
      timing: {
        ...{ epochMs: 5000, proposeMs: 600, voteMs: 300, roundDeltaMs: 200 },
        ...{ dealMs: 6000, acknowledgeMs: 6000 },
      },
    }
    const pairs = this.hosts.map(({ sealingKeys }) => sealingKeys)
    return proveFounders(document, pairs, new SeededRng(`founders/${seed}`))
  }

  /** Runs `script` in virtual time. */
  async run(script: () => Promise<void>): Promise<void> {
    for (const host of this.hosts) void host.start(this.genesis)
    let failure: unknown
    void script()
      .catch(error => {
        failure = error
      })
      .finally(() => this.time.stop())
    await this.time.run(START_MS + 600_000)
    for (const host of this.hosts) host.crash()
    if (failure !== undefined) throw failure
    assert.deepEqual(this.findings.list, [])
  }

  sleep(ms: number): Promise<void> {
    return new Promise(resolve => this.time.schedule(ms, resolve))
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const limitMs = this.time.nowMs + 120_000
    while (!condition()) {
      assert.ok(this.time.nowMs < limitMs, `not in time: ${what}`)
      await this.sleep(100)
    }
  }

  /** Hands a transaction in until the log has decided, whatever the wires do. Gives its id. */
  async submit(key: SigningKey, value: Transaction): Promise<Uint8Array> {
    const signed = signValue(key, 'transaction', this.networkId, value)
    for (;;) {
      const up = this.hosts.filter(({ port }) => port !== undefined)
      const { port } = up[this.rng.bytes(1)[0]! % up.length]!
      try {
        return (await port!.submit(signed)).transactionId
      } catch (error) {
        if (!isOstrakaError(error) || !BEHIND.has(error.code)) throw error
        await this.sleep(500)
      }
    }
  }
}

describe('an export in simulation', () => {
  for (const seed of SEEDS) {
    it(`seed ${seed}: gives the one secret over bad wires and without a crashed holder, then the shares are new`, async () => {
      const world = new World(seed)
      await world.run(() => scenario(world))
      assert.ok(world.faults.counts.loss > 0 && world.faults.counts.delay > 0, 'the wires were good')
    })
  }
})

async function scenario(world: World): Promise<void> {
  const { hosts, owner, operators, networkId, rng } = world
  await world.sleep(2000)
  const sizes = { threshold: 3, shares: 5, rules: [], entropy: 0 }
  const create = {
    type: 'create-key',
    name: 'k',
    kind: 'ristretto255',
    origin: 'generate',
    ...sizes,
  } as const
  await world.submit(owner, { ...create, nonce: rng.bytes(16), isExportable: true })
  const view = () => hosts.find(({ port }) => port !== undefined)!.port!.key('k')
  await world.until('the key is active', () => view()?.state === 'active')
  const { keyId, publicKey } = view()!
  const oneTime = generateSealingKey(rng.fork('one-time'))
  const recipient = oneTime.publicKey.bytes
  const act = { type: 'export-key', name: 'k', keyId: fromHex(keyId), version: 1, recipient } as const
  const about = { act, reason: 'the simulation', expiresMs: START_MS + 3_000_000 }
  const id = proposalIdOf(await world.submit(owner, { type: 'propose', nonce: rng.bytes(16), ...about }))
  const consent: Consent = { proposal: id, proposer: owner.publicKey, ...about }
  for (const operator of operators.slice(1)) {
    // nobody gives anything before both have signed and the owner has said when
    await assert.rejects(hosts[0]!.port!.exportShares(id), { code: 'not_found' })
    const { signature } = signValue(operator, 'approval', networkId, consent)
    await world.submit(operator, { type: 'approve', proposal: id, signature })
  }
  const crashed = hosts[4]!
  crashed.crash()
  await world.submit(owner, { type: 'use-approval', proposal: id })
  const gateway = hosts[oneOf(rng, 4)]!
  await world.until('the gateway knows of the use', () =>
    gateway.port!.approvals().proposals.some(({ state }) => state === 'done'),
  )
  const json = exportedJson(await gateway.port!.exportShares(id), 'ristretto255')
  const exported = await openExport(oneTime.secretKey, networkId, json)
  assert.deepEqual(exported.publicKey, publicKey)
  void crashed.start(world.genesis)
  await world.until('the shares are new', () => (view()?.generation ?? 0) > 0)
  await assert.rejects(gateway.port!.exportShares(id), { code: 'expired' })
  assert.deepEqual(view()!.publicKey, publicKey)
  await world.until('everyone has told of it', () =>
    hosts.every(({ name }) => world.notices.includes(`${name} use-approval`)),
  )
  const sharesOf = (generation: number) =>
    hosts.reduce((sum, host) => sum + host.shares(`keys/share/${keyId}/1/${generation}/`).size, 0)
  await world.until('all old shares are gone', () => sharesOf(0) === 0 && sharesOf(1) === 5)
  // the checker puts the new ones together by itself
  const claim = { ...view()!, threshold: 3 }
  assert.ok(world.secrets.demand(claim) !== undefined)
  world.secrets.checkWires([claim])
}

function oneOf(rng: SeededRng, below: number): number {
  return rng.bytes(1)[0]! % below
}

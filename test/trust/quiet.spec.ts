import assert from 'node:assert/strict'
import * as dagCbor from '@ipld/dag-cbor'
import { SeededRng } from '../../src/base/index.ts'
import { proveFounders } from '../../src/control/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { FaultCounts } from '../../src/sim/fault-counts.ts'
import { GossipMesh } from '../../src/sim/gossip.ts'
import { type HostContext, SimHost } from '../../src/sim/host.ts'
import { SimNetwork } from '../../src/sim/network.ts'
import { RecordMesh } from '../../src/sim/records.ts'
import { VirtualTime } from '../../src/sim/time.ts'
import { Trace } from '../../src/sim/trace.ts'
import { START_MS } from '../control/fixture.ts'

const NODES = 16
const EPOCH_MS = 30_000
const EPOCHS = 3
/** By then the network has made its own key, and the audit logs have told of that. */
const MADE_EPOCHS = 3

/** A whole network in virtual time, with nothing to do; its frames by what they are. */
class QuietNetwork {
  readonly time: VirtualTime = new VirtualTime(START_MS)
  readonly hosts: readonly SimHost[]
  /** Bytes since `reset`, over all nodes. */
  readonly sent: Map<string, number> = new Map()

  constructor() {
    const rng = new SeededRng('quiet')
    const network = new SimNetwork({ time: this.time, rng, faults: new FaultCounts(), trace: new Trace() })
    network.observe = ({ kind, bytes }) => {
      const name = kind === 'message' ? (dagCbor.decode(bytes) as { readonly type: string }).type : kind
      this.sent.set(name, (this.sent.get(name) ?? 0) + bytes.length)
    }
    const context: HostContext = {
      seed: 'quiet',
      network,
      gossip: new GossipMesh(network),
      records: new RecordMesh(network),
      beaconIntervalMs: 7500,
      log: () => {},
      started: () => {},
      failed: (_, error) => assert.fail(String(error)),
    }
    this.hosts = Array.from({ length: NODES }, (_, index) => new SimHost(`node-${index}`, context))
  }

  async start(): Promise<void> {
    const members = this.hosts.map(({ peerId, sealingKeys }) => ({
      peerId,
      sealingKey: sealingKeys.publicKey.bytes,
      location: { region: 'sim', latitude: 0, longitude: 0 },
    }))
    const timing = {
      ...{ epochMs: EPOCH_MS, proposeMs: 1000, voteMs: 500, roundDeltaMs: 250 },
      ...{ dealMs: 10_000, acknowledgeMs: 10_000 },
    }
    const principals = { operators: [], approvals: 1, creators: [] }
    const document = { name: 'sim quiet', createdMs: START_MS, members, timing, ...principals }
    const pairs = this.hosts.map(({ sealingKeys }) => sealingKeys)
    const genesis = proveFounders(document, pairs, new SeededRng('founders'))
    for (const host of this.hosts) void host.start(genesis)
    await this.time.run(START_MS + MADE_EPOCHS * EPOCH_MS)
    this.sent.clear()
  }
}

describe('a quiet network of 16 with epochs of 30 s', function () {
  this.timeout(300_000)

  it('makes one block an epoch, which holds every report and every part of its randomness, for little', async () => {
    await cryptoReady
    const network = new QuietNetwork()
    await network.start()
    const port = network.hosts[0]!.port!
    const from = port.status().height
    await network.time.run(START_MS + (MADE_EPOCHS + EPOCHS) * EPOCH_MS)
    const blocks = await port.blocks(from + 1, 100)
    assert.equal(blocks.length, EPOCHS)
    for (const { block } of blocks) {
      assert.deepEqual(block.transactions.map(({ value }) => value.type).sort(), [
        ...new Array(NODES).fill('randomness'),
        ...new Array(NODES).fill('report'),
      ])
    }
    const perSecond = (name: string): number => network.sent.get(name)! / NODES / ((EPOCHS * EPOCH_MS) / 1000)
    // in, and out, before framing and encryption
    assert.ok(perSecond('transactions') < 50, `${perSecond('transactions')} B/s on their way to a block`)
    assert.ok(perSecond('status') < 20, `${perSecond('status')} B/s to say how far they are`)
    const { scores, reports } = port.trust()
    assert.ok(scores.every(({ score }) => score === 1))
    assert.equal(reports.length, NODES)
    const drawn = port.randomness(0)
    assert.equal(drawn?.source, 'key')
    assert.equal(drawn.partials?.length, NODES)
  })
})

import assert from 'node:assert/strict'
import { peerIdOf, Secret, SeededRng, type Write } from '../../src/base/index.ts'
import { cryptoReady, generateSealingKey, SigningKey } from '../../src/crypto/index.ts'
import { startNode } from '../../src/node/index.ts'
import type { Genesis } from '../../src/wire/index.ts'
import { peerMessageCodec } from '../../src/wire/index.ts'

await cryptoReady

const START_MS = 1_000_000

/** One of two members, on ports that the test holds in its hands: time moves when `at` is set and timers are run. */
async function member() {
  const rng = new SeededRng('driver')
  const parts = [0, 1].map(() => ({
    identity: new SigningKey(new Secret(rng.bytes(32))),
    sealingKeys: generateSealingKey(rng),
  }))
  const genesis: Genesis = {
    name: 'sim driver',
    createdMs: START_MS,
    operators: [],
    approvals: 1,
    members: parts.map(({ identity, sealingKeys }) => ({
      peerId: peerIdOf(identity.publicKey),
      sealingKey: sealingKeys.publicKey.bytes,
      location: { region: 'eu', latitude: 0, longitude: 0 },
    })),
    creators: [],
    timing: {
      epochMs: 1000,
      proposeMs: 100,
      voteMs: 100,
      roundDeltaMs: 100,
      dealMs: 1000,
      acknowledgeMs: 1000,
    },
  }
  const world = {
    nowMs: START_MS,
    tasks: [] as { atMs: number; task: () => void }[],
    votes: 0,
    walWrites: 0,
    letThrough: [] as (() => void)[],
  }
  const write = (batch: readonly Write[]): Promise<void> =>
    new Promise(resolve => {
      if (!batch.some(({ key }) => key.startsWith('log/wal/'))) resolve()
      else {
        world.walWrites++
        world.letThrough.push(resolve)
      }
    })
  const send = (_to: string, frame: Uint8Array): void => {
    const { type } = peerMessageCodec.decode(frame)
    if (type === 'vote' || type === 'proposal') world.votes++
  }
  const node = await startNode({
    genesis,
    ...parts[0]!,
    storageKey: new Secret(rng.bytes(32)),
    software: 'test',
    beaconIntervalMs: 250,
    measureLoad: () => ({ cpu: 0, memoryBytes: 0 }),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ports: {
      rng,
      clock: {
        nowMs: () => world.nowMs,
        schedule(delayMs, task) {
          const entry = { atMs: world.nowMs + delayMs, task }
          world.tasks.push(entry)
          return () => {
            world.tasks = world.tasks.filter(other => other !== entry)
          }
        },
      },
      store: { get: async () => undefined, scan: async () => [], write, close: async () => {} },
      transport: {
        start: async () => {},
        send,
        request: () => Promise.reject(new Error('nobody answers')),
        stop: async () => {},
      },
      gossip: { subscribe() {}, publish() {} },
      records: { put: async () => {}, get: async () => undefined },
    },
  })
  const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
  const run = async (untilMs: number): Promise<void> => {
    while (world.nowMs < untilMs) {
      world.nowMs += 10
      const due = world.tasks.filter(({ atMs }) => atMs <= world.nowMs)
      world.tasks = world.tasks.filter(({ atMs }) => atMs > world.nowMs)
      for (const { task } of due) task()
      await turn()
    }
  }
  return { node, world, run, turn }
}

describe('the driver', () => {
  it('lets no vote leave before it is on disk, nor anything that later steps want to send', async () => {
    const { node, world, run, turn } = await member()
    await run(START_MS + 3000)
    assert.equal(world.walWrites, 1, 'a vote waits for the disk')
    assert.equal(world.votes, 0)
    world.letThrough.shift()!()
    await turn()
    assert.ok(world.votes > 0, 'and leaves once it is there')
    await node.stop()
  })
})

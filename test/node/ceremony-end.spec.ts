import assert from 'node:assert/strict'
import { Secret, SeededRng } from '../../src/base/index.ts'
import { cryptoReady, SigningKey, signValue } from '../../src/crypto/index.ts'
import type { RunningNode } from '../../src/node/index.ts'
import { member, START_MS, World } from './world.ts'

await cryptoReady

/** What the log gives a ceremony in these tests, and the minute beyond that. */
const WAIT_MS = 1000 + 1000 + 60_000

/** A network of one, in which a client is to deal for an imported key, and does not: a block after a minute aborts that. */
async function withOpenCeremony(): Promise<{ world: World; node: RunningNode }> {
  const rng = new SeededRng('ceremony end')
  const principal = new SigningKey(new Secret(rng.bytes(32)))
  const world = new World()
  world.isHeld = false
  const node = await member(world, 1, [principal.publicKey])
  const create = {
    ...({ type: 'create-key', name: 'k', kind: 'toy', threshold: 1, shares: 1, origin: 'import' } as const),
    ...{ nonce: rng.bytes(16), rules: [], isExportable: false, entropy: 0 },
  }
  const networkId = Buffer.from(node.port.status().networkId, 'hex')
  const submitted = node.port.submit(signValue(principal, 'transaction', networkId, create))
  await world.run(START_MS + 100)
  await submitted
  assert.equal(node.port.key('k')?.state, 'creating')
  return { world, node }
}

describe('waiting for a ceremony', () => {
  it('ends with deadline_exceeded when no block ends it, and can be tried again', async () => {
    const { world, node } = await withOpenCeremony()
    world.isHeld = true
    const sinceMs = world.nowMs
    let endedMs: number | undefined
    const end = node.port.ceremonyEnd('k').finally(() => {
      endedMs = world.nowMs
    })
    const refused = assert.rejects(end, {
      code: 'deadline_exceeded',
      details: { name: 'k', waitMs: WAIT_MS },
    })
    await world.run(sinceMs + WAIT_MS - 10)
    assert.equal(endedMs, undefined)
    await world.run(sinceMs + WAIT_MS)
    await refused
    assert.equal(endedMs, sinceMs + WAIT_MS)
    world.release()
    await world.run(world.nowMs + 2000)
    await assert.rejects(node.port.ceremonyEnd('k'), { code: 'ceremony_aborted' })
    await node.stop()
  })

  it('ends with the ceremony, and leaves no deadline behind', async () => {
    const { world, node } = await withOpenCeremony()
    const deadlineMs = world.nowMs + WAIT_MS
    const isScheduled = (): boolean => world.tasks.some(({ atMs }) => atMs === deadlineMs)
    const aborted = assert.rejects(node.port.ceremonyEnd('k'), { code: 'ceremony_aborted' })
    assert.ok(isScheduled())
    await world.run(deadlineMs - 1000)
    await aborted
    assert.ok(!isScheduled())
    await node.stop()
  })
})

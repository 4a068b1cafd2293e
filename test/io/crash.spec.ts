import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Io } from '../../src/io/index.ts'
import { bent } from '../../testnet/slowness.ts'
import { bytesOf, failsWith, keyOf, realTime } from './contracts/world.ts'
import { type Network, peerIdAt, startNetwork, temporaryDirectory } from './network.ts'

describe('a peer in another process', function () {
  this.timeout(60_000)
  let network: Network
  let node: Io
  let peer: ChildProcess
  let directory: string
  const connected = new Set<string>()

  beforeEach(async () => {
    connected.clear()
    directory = await temporaryDirectory()
    network = await startNetwork(1, {
      overrides: () => ({ members: () => [peerIdAt(1)], isMember: peerId => peerId === peerIdAt(1) }),
    })
    node = network.nodes[0] as Io
    await node.transport.start({
      message: () => {},
      request: async (_from, frame) => frame,
      peer: (peerId, isConnected) => (isConnected ? connected.add(peerId) : connected.delete(peerId)),
    })
    peer = fork(fileURLToPath(new URL('./peer-process.ts', import.meta.url)), [directory])
    const [addresses] = (await once(peer, 'message')) as [string[]]
    node.learnAddress(peerIdAt(1), addresses)
    await realTime.until(() => connected.size === 1)
  })
  afterEach(async () => {
    peer.kill('SIGKILL')
    if (peer.exitCode === null && peer.signalCode === null) await once(peer, 'exit')
    await network.close()
    await rm(directory, { recursive: true })
  })

  it('killed in the middle of a request: unreachable at once', async () => {
    const pending = node.transport.request(peerIdAt(1), bytesOf('x'), 60_000)
    pending.catch(() => {})
    await once(peer, 'message')
    const startedMs = performance.now()
    peer.kill('SIGKILL')
    await failsWith(pending, 'unreachable')
    await realTime.until(() => connected.size === 0)
    await failsWith(node.transport.request(peerIdAt(1), bytesOf('x'), 60_000), 'unreachable')
    // by what the system says of the connection: silence alone is taken for an end after 10 s
    assert.ok(performance.now() - startedMs < bent(8000))
  })

  it('frozen: requests end at their deadline, and a put does not wait for long', async () => {
    const record = bytesOf('a record')
    await node.records.put(keyOf(record), record)
    peer.kill('SIGSTOP')
    await failsWith(node.transport.request(peerIdAt(1), bytesOf('x'), 100), 'deadline_exceeded')
    const startedMs = performance.now()
    const another = bytesOf('another record')
    await node.records.put(keyOf(another), another)
    assert.equal(await node.records.get(keyOf(bytesOf('unknown'))), undefined)
    // 2.5 s for the one and 4 s for the other, and twice as long again
    assert.ok(performance.now() - startedMs < bent(15_000))
    assert.deepEqual(await node.records.get(keyOf(another)), another)
  })
})

import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import type { Io } from '../../src/io/index.ts'
import { realTime } from './contracts/world.ts'
import { type Network, startNetwork } from './network.ts'

/** Enough for one thing kept per reconnection to stand out from the breathing of a pair's connections. */
const RECONNECTIONS = 25
const WARM_UP = 3

/** What `process.getActiveResourcesInfo` only names. */
interface Handles {
  _getActiveHandles(): readonly object[]
}

function openSockets(): Socket[] {
  const handles = (process as unknown as Handles)._getActiveHandles()
  return handles.filter(
    (handle): handle is Socket => handle instanceof Socket && handle.remotePort !== undefined,
  )
}

describe('two nodes whose connection is cut again and again', function () {
  this.timeout(120_000)
  let network: Network

  before(async () => {
    network = await startNetwork(2)
    const echo = async (_from: string, payload: Uint8Array): Promise<Uint8Array> => payload
    for (const node of network.nodes) await node.transport.start({ message() {}, request: echo, peer() {} })
  })

  after(() => network?.close())

  const pair = (): readonly [Io, Io] => [network.nodes[0]!, network.nodes[1]!]

  /** As when the other end's process is killed: every socket between the two ends without a word. */
  const cutAndWait = async (): Promise<void> => {
    const [a, b] = pair()
    await a.transport.request(b.peerId, new Uint8Array([1]), 5000)
    await b.transport.request(a.peerId, new Uint8Array([2]), 5000)
    const before = network.nodes.map(({ counters }) => counters.get('peer_connected'))
    for (const socket of openSockets()) socket.destroy()
    await realTime.until(() =>
      network.nodes.every(
        ({ counters, connectedPeers }, index) =>
          counters.get('peer_connected') > before[index]! && connectedPeers().length === 1,
      ),
    )
  }

  it('have as many sockets after it as before, and still answer each other', async () => {
    for (let i = 0; i < WARM_UP; i++) await cutAndWait()
    // both may have dialled at once: each end of two connections
    const MOST_SOCKETS = 4
    assert.ok(openSockets().length <= MOST_SOCKETS)
    const streamsBefore = network.nodes.map(({ counters }) => counters.get('rpc_stream_opened'))
    for (let i = 0; i < RECONNECTIONS; i++) await cutAndWait()
    assert.ok(openSockets().length <= MOST_SOCKETS, `${openSockets().length} sockets`)
    // one stream of each direction for each connection, and no more than that
    for (const [index, { counters }] of network.nodes.entries()) {
      const opened = counters.get('rpc_stream_opened') - streamsBefore[index]!
      assert.ok(opened <= 2 * RECONNECTIONS, `${opened} streams`)
    }
    const [a, b] = pair()
    assert.deepEqual(await a.transport.request(b.peerId, new Uint8Array([3]), 5000), new Uint8Array([3]))
  })
})

import { Secret } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { silentLogger, startIo } from '../../src/io/index.ts'
import { LOOPBACK, NETWORK_ID, peerIdAt, seedOf } from './network.ts'

/** A node in a process of its own, for tests that kill or freeze it. It never answers requests. Its argument is its directory. */
const index = 1
const node = await startIo({
  identitySeed: new Secret(seedOf(index)),
  networkId: NETWORK_ID,
  directory: process.argv[2] as string,
  listen: LOOPBACK,
  members: () => [],
  isMember: peerId => peerId === peerIdAt(0),
  recordKey: record => sha256(record),
  recordJudge: () => undefined,
  logger: silentLogger(),
})
await node.transport.start({
  message: () => {},
  request: () => new Promise(() => process.send?.('asked')),
  peer: () => {},
})
process.send?.(node.addresses())
process.once('disconnect', () => process.exit())

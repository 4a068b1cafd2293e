import { transportContract } from './contracts/transport.ts'
import { realTime } from './contracts/world.ts'
import { startNetwork } from './network.ts'

transportContract('libp2p', async count => {
  const network = await startNetwork(count)
  return { ...realTime, peers: network.nodes, kill: network.kill, close: network.close }
})

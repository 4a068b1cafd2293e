import { recordStoreContract } from './contracts/records.ts'
import { realTime } from './contracts/world.ts'
import { startNetwork } from './network.ts'

recordStoreContract('kad-dht', async count => {
  const network = await startNetwork(count)
  return { ...realTime, peers: network.nodes, kill: network.kill, close: network.close }
})

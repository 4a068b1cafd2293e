import { recordStoreContract } from './contracts/records.ts'
import { realTime } from './contracts/world.ts'
import { startNetwork } from './network.ts'

recordStoreContract('kad-dht', async count => {
  const network = await startNetwork(count)
  return {
    ...realTime,
    peers: network.nodes,
    kill: network.kill,
    taken: () => realTime.until(() => network.nodes[0]!.counters.get('dht_put_taken') > 0),
    close: network.close,
  }
})

import { identify } from '@libp2p/identify'
import { createLibp2p } from 'libp2p'
import { equalBytes, type Gossip, type PeerId } from '../../src/base/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { deflation as deflationOf } from '../../src/io/deflation.ts'
import { gossipService, MAX_GOSSIP_BYTES } from '../../src/io/gossip.ts'
import { silentLogger } from '../../src/io/index.ts'
import { Misconduct } from '../../src/io/misconduct.ts'
import { type Liar, otherBeacon } from '../../src/sim/lies.ts'
import { type Beacon, beaconCodec, type Signed } from '../../src/wire/index.ts'

const deflation = deflationOf(() => MAX_GOSSIP_BYTES)

interface Rpc {
  readonly messages?: ReadonlyArray<{ readonly topic: string; readonly data?: Uint8Array }>
}

/** Where gossipsub hands what it sends to one peer's stream: not for others to call, so an upgrade may move it. */
interface Sender {
  sendRpc(this: unknown, to: PeerId, rpc: Rpc): boolean
}

/**
 * From now on every second peer of this process's gossipsub is sent another beacon of the same sequence in the place of each of
 * the liar's own: on the wire, so that no peer hears both from it.
 */
export async function tellTwoStories(liar: Liar): Promise<void> {
  const counters = new Counters()
  const misconduct = new Misconduct({ gate: { disconnect() {} }, counters, logger: silentLogger() })
  const services = { identify: identify(), gossip: gossipService({ networkId: '', misconduct, counters }) }
  const { gossip } = (await createLibp2p({ start: false, services: services as never })).services as {
    readonly gossip: object
  }
  const prototype = Object.getPrototypeOf(gossip) as Sender
  const { sendRpc } = prototype
  if (typeof sendRpc !== 'function') throw new Error('gossipsub sends in another way now')
  const sides = new Map<PeerId, boolean>()
  prototype.sendRpc = function (to, rpc) {
    const side = sides.get(to) ?? sides.size % 2 === 1
    sides.set(to, side)
    if (!side || rpc.messages === undefined) return sendRpc.call(this, to, rpc)
    const messages = rpc.messages.map(message => ({ ...message, ...otherwise(liar, message) }))
    return sendRpc.call(this, to, { ...rpc, messages })
  }
}

function otherwise(
  liar: Liar,
  { topic, data }: NonNullable<Rpc['messages']>[number],
): { readonly data?: Uint8Array } {
  if (!topic.startsWith('beacons/') || data === undefined) return {}
  const own = ownBeacon(liar, deflation.inboundTransform(topic, data))
  return own === undefined ? {} : { data: deflation.outboundTransform(topic, otherBeacon(liar, own.value)) }
}

function ownBeacon({ identity }: Liar, message: Uint8Array): Signed<Beacon> | undefined {
  const beacon = beaconCodec.decode(message)
  return equalBytes(beacon.signer, identity.publicKey) ? beacon : undefined
}

/** Its node does not hear what it says of itself to others: an honest one would hand the proof in. */
export function deafToItself(gossip: Gossip, liar: Liar): Gossip {
  return {
    publish: (topic, message) => gossip.publish(topic, message),
    subscribe: (topic, judge) =>
      gossip.subscribe(topic, (from, message) => {
        const isOwn = topic === 'beacons' && ownBeacon(liar, message) !== undefined
        return isOwn ? 'ignore' : judge(from, message)
      }),
  }
}

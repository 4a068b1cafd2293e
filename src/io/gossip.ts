import { createHash } from 'node:crypto'
import {
  type GossipSub,
  type GossipSubComponents,
  gossipsub,
  type Message,
  StrictNoSign,
  TopicValidatorResult,
} from '@libp2p/gossipsub'
import { type Gossip, type GossipVerdict, OstrakaError, type PeerId, utf8 } from '../base/index.ts'
import type { Counters } from './counters.ts'
import { deflation } from './deflation.ts'
import type { Logger } from './logger.ts'

/** The largest gossiped message: a certified block. Topics with smaller messages refuse larger ones in their judge. */
export const MAX_GOSSIP_BYTES: number = 1024 * 1024
// Signature, topic, control messages and framing around a message of the largest size; the library's default is 4 MiB.
const MAX_RPC_BYTES = MAX_GOSSIP_BYTES + 64 * 1024
// A peer this far behind loses its stream (and gets a new one when it reconnects) rather than our memory.
const MAX_OUTBOUND_BYTES = 8 * 1024 * 1024
// Members keep a connection to each other, so an author reaches them all itself: copies through a mesh would only repeat
// what it sends. Whoever a broken link keeps from an author learns from others' advertisements, and asks for the message.
const NO_MESH = { D: 0, Dlo: 0, Dhi: 0, Dout: 0, Dscore: 0 }
// Each message is advertised by each node to two others, in two heartbeats: of 15 nodes that have it, none tells a 16th in
// one case of 70, and hardly more often in larger networks.
const ADVERTISING = { Dlazy: 2, gossipFactor: 0, mcacheGossip: 2, heartbeatInterval: 5000 }
// How many heartbeats a message can be asked for after it came: longer than anyone advertises it.
const KEPT_HEARTBEATS = 4
// Advertisements are lists of ids. To make two messages of one id, so that nodes hear one or the other, takes 2^64 tries.
const MESSAGE_ID_BYTES = 16
// Every message and advertisement repeats its topic. This tells two networks of one node apart; were it not to, their judges
// would: what they accept is signed for their network.
const TOPIC_ID_DIGITS = 4

const VERDICTS: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}
const VERDICT_COUNTERS = {
  accept: 'gossip_accepted',
  ignore: 'gossip_ignored',
  reject: 'gossip_rejected',
} as const

/** The libp2p service to hand to the host. */
export function gossipService(): (components: GossipSubComponents) => GossipSub {
  return gossipsub({
    ...NO_MESH,
    ...ADVERTISING,
    mcacheLength: KEPT_HEARTBEATS,
    // what travels here is signed by whom it speaks for already, or certified; the judges check that
    globalSignaturePolicy: StrictNoSign,
    dataTransform: deflation,
    fallbackToFloodsub: false,
    floodPublish: true,
    emitSelf: false,
    canRelayMessage: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    msgIdFn: contentId,
    maxInboundDataLength: MAX_RPC_BYTES,
    maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
    // members are known by key, so sharing an address says nothing; the penalty would start at 10 peers on loopback
    scoreParams: { IPColocationFactorWeight: 0 },
  })
}

export interface GossipOptions {
  readonly service: GossipSub
  readonly networkId: string
  readonly counters: Counters
  readonly logger: Logger
}

/** The `Gossip` port over gossipsub. A node does not hear its own messages. */
export class GossipsubGossip implements Gossip {
  readonly #options: GossipOptions

  constructor(options: GossipOptions) {
    this.#options = options
  }

  subscribe(topic: string, judge: (from: PeerId, message: Uint8Array) => GossipVerdict): void {
    const { service, counters } = this.#options
    const name = this.#topicName(topic)
    service.topicValidators.set(name, (relay, message) => {
      const verdict = this.#judge(topic, relay.toString(), message, judge)
      counters.add(VERDICT_COUNTERS[verdict])
      return VERDICTS[verdict]
    })
    service.subscribe(name)
  }

  /** Errors: `too_large`. Best effort beyond that: failures are counted and logged. */
  publish(topic: string, message: Uint8Array): void {
    const { service, counters, logger } = this.#options
    if (message.length > MAX_GOSSIP_BYTES) {
      const details = { topic, sizeBytes: message.length, limitBytes: MAX_GOSSIP_BYTES }
      throw new OstrakaError('too_large', 'gossip message over the cap', details)
    }
    service.publish(this.#topicName(topic), message).catch(error => {
      counters.add('gossip_publish_failed')
      logger.debug({ topic, reason: String(error) }, 'publishing failed')
    })
  }

  /** How many connected peers listen to the topic, as far as they have told. */
  subscriberCount(topic: string): number {
    return this.#options.service.getSubscribers(this.#topicName(topic)).length
  }

  #judge(
    topic: string,
    from: PeerId,
    message: Message,
    judge: (from: PeerId, message: Uint8Array) => GossipVerdict,
  ): GossipVerdict {
    if (message.data.length > MAX_GOSSIP_BYTES) return 'reject'
    try {
      return judge(from, message.data)
    } catch (error) {
      this.#options.logger.error({ topic, from, reason: String(error) }, 'a gossip judge threw')
      return 'ignore'
    }
  }

  #topicName(topic: string): string {
    return `${topic}/${this.#options.networkId.slice(0, TOPIC_ID_DIGITS)}`
  }
}

/** One id per content: the same block published by several nodes travels once. */
function contentId(message: Message): Uint8Array {
  const hash = createHash('sha256').update(utf8(message.topic)).update(new Uint8Array(1)).update(message.data)
  return new Uint8Array(hash.digest().subarray(0, MESSAGE_ID_BYTES))
}

import { createHash } from 'node:crypto'
import {
  type GossipSub,
  type GossipSubComponents,
  gossipsub,
  type Message,
  StrictNoSign,
  TopicValidatorResult,
} from '@libp2p/gossipsub'
import { createTopicScoreParams } from '@libp2p/gossipsub/score'
import { type Gossip, type GossipVerdict, OstrakaError, type PeerId, utf8 } from '../base/index.ts'
import { isTopic, TOPIC_BYTES, type Topic } from '../wire/index.ts'
import type { Counters } from './counters.ts'
import { deflation } from './deflation.ts'
import { guardReading } from './gossip-reading.ts'
import type { Logger } from './logger.ts'
import type { Misconduct } from './misconduct.ts'

/** The largest gossiped message, and the most that one answer to an advertisement's reader carries. */
export const MAX_GOSSIP_BYTES: number = Math.max(...Object.values(TOPIC_BYTES))
// Topic, control messages and framing around a message of the largest size; the library's default is 4 MiB.
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

// What an honest peer puts into one RPC stays far below; the library's limits are 5,000 each.
const RPC_LIMITS = {
  maxSubscriptions: 64,
  maxMessages: 1024,
  maxControlMessages: 64,
  maxIhaveMessageIDs: 5000,
  maxIwantMessageIDs: 5000,
  maxIdontwantMessageIDs: 512,
  maxPeerInfos: 0,
}
// One stream in each direction, and room for the one that replaces it.
const STREAMS_PER_PROTOCOL = 4
// The library counts invalid messages only on topics that have parameters. Nine in some seconds, and what a peer sends is
// no longer looked at (its threshold is -80); nothing that a peer does well makes up for it.
const TOPIC_SCORE = createTopicScoreParams({
  topicWeight: 1,
  timeInMeshWeight: 0,
  firstMessageDeliveriesWeight: 0,
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.9,
})

export interface GossipServiceOptions {
  readonly networkId: string
  readonly misconduct: Misconduct
  readonly counters: Counters
}

/** The libp2p service to hand to the host. */
export function gossipService(options: GossipServiceOptions): (components: GossipSubComponents) => GossipSub {
  const { networkId, misconduct, counters } = options
  const topics = new Map(
    Object.entries(TOPIC_BYTES).map(([topic, bytes]) => [topicName(topic as Topic, networkId), bytes]),
  )
  const create = gossipsub({
    ...NO_MESH,
    ...ADVERTISING,
    mcacheLength: KEPT_HEARTBEATS,
    // what travels here is signed by whom it speaks for already, or certified; the judges check that
    globalSignaturePolicy: StrictNoSign,
    allowedTopics: [...topics.keys()],
    dataTransform: deflation(topic => topics.get(topic)),
    fallbackToFloodsub: false,
    floodPublish: true,
    emitSelf: false,
    canRelayMessage: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    msgIdFn: contentId,
    decodeRpcLimits: RPC_LIMITS,
    maxInboundStreams: STREAMS_PER_PROTOCOL,
    maxOutboundStreams: STREAMS_PER_PROTOCOL,
    maxInboundDataLength: MAX_RPC_BYTES,
    maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
    // members are known by key, so sharing an address says nothing; the penalty would start at 10 peers on loopback
    scoreParams: {
      IPColocationFactorWeight: 0,
      topics: Object.fromEntries([...topics.keys()].map(topic => [topic, TOPIC_SCORE])),
    },
  })
  return components =>
    guardReading(create(components), {
      isTopic: name => topics.has(name),
      maxAnswerBytes: MAX_GOSSIP_BYTES,
      misconduct,
      counters,
    })
}

export interface GossipOptions {
  readonly service: GossipSub
  readonly networkId: string
  readonly misconduct: Misconduct
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
    const { service, counters, misconduct } = this.#options
    const name = this.#topicName(topic)
    service.topicValidators.set(name, (relay, message) => {
      const verdict = this.#judge(topic, relay.toString(), message, judge)
      counters.add(VERDICT_COUNTERS[verdict])
      if (verdict === 'reject') misconduct.note(relay.toString(), `gossip on ${topic} that nobody accepts`)
      return VERDICTS[verdict]
    })
    service.subscribe(name)
  }

  /** Errors: `too_large`, `malformed` (no such topic). Best effort beyond that: failures are counted and logged. */
  publish(topic: string, message: Uint8Array): void {
    const { service, counters, logger } = this.#options
    const name = this.#topicName(topic)
    const limitBytes = TOPIC_BYTES[topic as Topic]
    if (message.length > limitBytes) {
      const details = { topic, sizeBytes: message.length, limitBytes }
      throw new OstrakaError('too_large', 'gossip message over the cap', details)
    }
    service.publish(name, message).catch(error => {
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
    try {
      return judge(from, message.data)
    } catch (error) {
      this.#options.logger.error({ topic, from, reason: String(error) }, 'a gossip judge threw')
      return 'ignore'
    }
  }

  #topicName(topic: string): string {
    if (!isTopic(topic)) throw new OstrakaError('malformed', 'no such topic', { topic })
    return topicName(topic, this.#options.networkId)
  }
}

function topicName(topic: Topic, networkId: string): string {
  return `${topic}/${networkId.slice(0, TOPIC_ID_DIGITS)}`
}

/** One id per content: the same block published by several nodes travels once. */
function contentId(message: Message): Uint8Array {
  const hash = createHash('sha256').update(utf8(message.topic)).update(new Uint8Array(1)).update(message.data)
  return new Uint8Array(hash.digest().subarray(0, MESSAGE_ID_BYTES))
}

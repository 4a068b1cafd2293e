import { createHash } from 'node:crypto'
import { type Gossip, type GossipVerdict, OstrakaError, type PeerId, randomBelow } from '../base/index.ts'
import { isTopic, TOPIC_BYTES } from '../wire/index.ts'
import type { SimNetwork } from './network.ts'

type Judge = (from: PeerId, message: Uint8Array) => GossipVerdict

interface Rumour {
  readonly author: PeerId
  readonly topic: string
}

/** As gossipsub's: by content, so that two versions of one message are two messages. */
function idOf(topic: string, message: Uint8Array): string {
  return createHash('sha256').update(topic).update(message).digest('base64')
}

/** An author pushes a rumour to all neighbours; whoever has it tells so many, who ask for what they lack: here at once. */
const FANOUT = 3

/** Rumours spread from neighbour to neighbour over the simulated wires. */
export class GossipMesh {
  readonly #network: SimNetwork
  readonly #ends = new Map<PeerId, SimGossip>()

  constructor(network: SimNetwork) {
    this.#network = network
  }

  open(peerId: PeerId): SimGossip {
    const end = new SimGossip(peerId, this)
    this.#ends.set(peerId, end)
    return end
  }

  spread(rumour: Rumour, message: Uint8Array, from: PeerId): void {
    for (const to of this.#neighbours(rumour, from)) {
      this.#network.carry({ from, to, kind: 'gossip', bytes: message }, bytes => {
        this.#ends.get(to)?.hear(from, rumour, bytes)
      })
    }
  }

  #neighbours({ author }: Rumour, from: PeerId): PeerId[] {
    const neighbours = this.#network.connectedTo(from).filter(peerId => peerId !== author)
    if (from === author) return neighbours
    while (neighbours.length > FANOUT)
      neighbours.splice(randomBelow(this.#network.context.rng, neighbours.length), 1)
    return neighbours
  }
}

/** The largest message of a topic. Errors: `malformed` when there is no such topic. */
function limitOf(topic: string): number {
  if (!isTopic(topic)) throw new OstrakaError('malformed', 'no such topic', { topic })
  return TOPIC_BYTES[topic]
}

/** One process's end of the mesh. */
export class SimGossip implements Gossip {
  readonly #peerId: PeerId
  readonly #mesh: GossipMesh
  readonly #judges = new Map<string, Judge>()
  readonly #seen = new Set<string>()
  #isDead = false

  constructor(peerId: PeerId, mesh: GossipMesh) {
    this.#peerId = peerId
    this.#mesh = mesh
  }

  subscribe(topic: string, judge: Judge): void {
    limitOf(topic)
    this.#judges.set(topic, judge)
  }

  publish(topic: string, message: Uint8Array): void {
    if (message.length > limitOf(topic)) throw new OstrakaError('too_large', 'gossip message over the cap')
    const id = idOf(topic, message)
    if (this.#isDead || this.#seen.has(id)) return
    this.#seen.add(id)
    this.#mesh.spread({ author: this.#peerId, topic }, message, this.#peerId)
  }

  hear(from: PeerId, rumour: Rumour, message: Uint8Array): void {
    const judge = this.#judges.get(rumour.topic)
    const id = idOf(rumour.topic, message)
    if (this.#isDead || this.#seen.has(id) || judge === undefined) return
    this.#seen.add(id)
    if (judge(from, message) === 'accept') this.#mesh.spread(rumour, message, this.#peerId)
  }

  /** The process is gone. */
  kill(): void {
    this.#isDead = true
  }
}

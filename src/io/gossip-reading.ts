import type { GossipSub } from '@libp2p/gossipsub'
import type { PeerId as Libp2pPeerId, Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { Allowances } from './allowance.ts'
import type { Counters } from './counters.ts'
import type { Misconduct } from './misconduct.ts'

/**
 * What one peer's gossip may cost, in bytes. The honest send a beacon in five seconds and a block now and then; after a
 * partition some hundred messages at once. A peer that sends more is read later, and feels it by its own full window.
 */
const GOSSIP_RATE = { perSecond: 2 * 1024 * 1024, burst: 8 * 1024 * 1024 }
/** One message costs its judge some signatures: as if it were so long. 64 a second of them are 5 % of a core. */
const MESSAGE_COST = 32 * 1024

/** The parts of gossipsub that its types keep to themselves. */
interface Reading {
  streamsInbound: Map<string, { readonly rawStream: Stream }>
  pipePeerReadStream(peerId: Libp2pPeerId, source: AsyncIterable<Uint8ArrayList>): Promise<void>
  decodeRpc(bytes: Uint8Array): Rpc
  handleReceivedRpc(peerId: Libp2pPeerId, rpc: Rpc): Promise<void>
  handlePeerReadStreamError(error: Error, peerId: Libp2pPeerId): void
  handleIWant(id: string, iwant: unknown): Message[]
  score: { rejectInvalidMessage(from: string, topic: string): void }
}

interface Message {
  readonly topic: string
  readonly data?: Uint8Array
}

interface Rpc {
  readonly messages: readonly Message[]
}

export interface ReadingPorts {
  readonly isTopic: (name: string) => boolean
  /** The most bytes of messages that fit into one answer. */
  readonly maxAnswerBytes: number
  readonly misconduct: Misconduct
  readonly counters: Counters
}

/**
 * Replaces gossipsub's loop over a peer's stream. The library's own reads as fast as a peer sends, tells nobody of what it
 * cannot decode or has no topic for, and puts all that a peer asks for into one message, which may be too long to be read.
 */
export function guardReading(service: GossipSub, ports: ReadingPorts): GossipSub {
  const reading = service as unknown as Reading
  const { misconduct } = ports
  const allowances = new Allowances(GOSSIP_RATE)
  reading.pipePeerReadStream = async (peerId, source) => {
    const id = peerId.toString()
    const stream = reading.streamsInbound.get(id)?.rawStream
    try {
      for await (const data of source) {
        const rpc = decode(reading, data)
        const messages = rpc?.messages.length ?? 0
        const debtMs = allowances
          .of(id)
          .charge(data.byteLength + MESSAGE_COST * (1 + messages), performance.now())
        if (rpc === undefined) misconduct.note(id, 'gossip that cannot be decoded')
        else {
          if (!rpc.messages.every(({ topic }) => ports.isTopic(topic)))
            misconduct.note(id, 'gossip on an unknown topic')
          // what follows need not wait until this is judged
          void reading.handleReceivedRpc(peerId, rpc).catch(() => ports.counters.add('gossip_ignored'))
        }
        if (debtMs > 0) {
          ports.counters.add('gossip_reading_paused')
          await pause(stream, debtMs)
        }
      }
    } catch (error) {
      reading.handlePeerReadStreamError(error as Error, peerId)
    }
  }
  guardScore(reading, misconduct)
  guardAnswers(reading, ports.maxAnswerBytes)
  return service
}

function decode(reading: Reading, data: Uint8ArrayList): Rpc | undefined {
  try {
    return reading.decodeRpc(data.subarray())
  } catch {
    return undefined
  }
}

/** Messages that cannot be inflated, or carry a field that they must not, come here: before any judge. */
function guardScore({ score }: Reading, misconduct: Misconduct): void {
  const reject = score.rejectInvalidMessage.bind(score)
  score.rejectInvalidMessage = (from, topic) => {
    reject(from, topic)
    misconduct.note(from, `gossip on ${topic} of the wrong form`)
  }
}

function guardAnswers(reading: Reading, maxAnswerBytes: number): void {
  const answer = reading.handleIWant.bind(reading)
  reading.handleIWant = (id, iwant) => {
    let bytes = 0
    return answer(id, iwant).filter(({ data }) => {
      bytes += data?.length ?? 0
      return bytes <= maxAnswerBytes
    })
  }
}

async function pause(stream: Stream | undefined, delayMs: number): Promise<void> {
  if (stream?.readStatus === 'readable') stream.pause()
  await new Promise(resolve => setTimeout(resolve, delayMs))
  if (stream?.readStatus === 'paused') stream.resume()
}

import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { GossipsubOpts } from '@libp2p/gossipsub'
import { concat } from '../base/index.ts'
import { beaconSkeleton } from '../wire/index.ts'

/** Larger messages are rare, and compressing them would hold the event loop up. */
const MAX_DEFLATED_BYTES = 4096

const PLAIN = new Uint8Array([0])
const DEFLATED = new Uint8Array([1])

// Nothing here is longer than the dictionary and one message; windows of 15 bits would take 128 KiB a message.
const ZLIB = { dictionary: beaconSkeleton, windowBits: 13, memLevel: 5, level: 9 } as const

/**
 * How gossiped messages travel: one byte 0 and the message, or one byte 1 and the message as RFC 1951 has it, with the
 * skeleton of a beacon for a dictionary. Most of what an idle network sends are beacons, and two thirds of a beacon
 * are the same in all of them. Ids are taken of the message itself. `maxBytes` gives a topic's largest message, undefined
 * for an unknown topic: nothing is inflated for one, and nothing to more than its topic's largest message.
 */
export function deflation(
  maxBytes: (topic: string) => number | undefined,
): NonNullable<GossipsubOpts['dataTransform']> {
  return {
    outboundTransform(_topic, message) {
      if (message.length > MAX_DEFLATED_BYTES) return concat(PLAIN, message)
      const deflated = deflateRawSync(message, ZLIB)
      return deflated.length < message.length ? concat(DEFLATED, deflated) : concat(PLAIN, message)
    },
    /** Throws for what cannot be inflated: gossipsub then counts the message against whoever sent it. */
    inboundTransform(topic, data) {
      const limitBytes = maxBytes(topic)
      if (limitBytes === undefined) throw new Error('an unknown topic')
      const body = data.subarray(1)
      if (body.length > limitBytes) throw new Error('longer than any message of its topic')
      if (data[0] === PLAIN[0]) return body
      if (data[0] !== DEFLATED[0]) throw new Error('neither plain nor deflated')
      const maxOutputLength = Math.min(limitBytes, MAX_DEFLATED_BYTES)
      return new Uint8Array(inflateRawSync(body, { ...ZLIB, maxOutputLength }))
    },
  }
}

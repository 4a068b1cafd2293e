import assert from 'node:assert/strict'
import { deflateRawSync } from 'node:zlib'
import { concat, SeededRng } from '../../src/base/index.ts'
import { deflation } from '../../src/io/deflation.ts'
import { type Beacon, beaconCodec, beaconSkeleton, type Signed } from '../../src/wire/index.ts'

const TOPIC = 'any'
const rng = new SeededRng('deflation')

/** As a node publishes it: nothing in it but the names of its fields is the skeleton's. */
function someBeacon(): Uint8Array {
  const skeleton: Signed<Beacon> = beaconCodec.decode(beaconSkeleton)
  return beaconCodec.encode({
    value: {
      ...skeleton.value,
      sequence: 1_923_456_789_123_456,
      member: rng.bytes(8),
      measurements: [rng.bytes(8)],
      height: 1_234_567,
      load: { cpuPermille: 173, memoryMiB: 375, operations: 17, linkKbps: 10_000_000, trafficKbps: 12_340 },
      coordinate: { positionUs: [-12_340, 56_789, 74_321], heightUs: 2_100, errorPermille: 123 },
    },
    signer: rng.bytes(32),
    signature: rng.bytes(64),
  })
}

describe('deflation', () => {
  it('has a beacon travel in 200 bytes, 96 of which are its signer and signature, and gives it back', () => {
    for (let count = 0; count < 20; count++) {
      const beacon = someBeacon()
      const travelling = deflation.outboundTransform(TOPIC, beacon)
      assert.ok(travelling.length <= 200, `${travelling.length} of ${beacon.length} bytes`)
      assert.deepEqual(deflation.inboundTransform(TOPIC, travelling), beacon)
    }
  })

  for (const sizeBytes of [0, 1, 4096, 4097, 100_000]) {
    it(`gives back ${sizeBytes} bytes that nothing can make smaller, with one more byte on the way`, () => {
      const message = rng.bytes(sizeBytes)
      const travelling = deflation.outboundTransform(TOPIC, message)
      assert.equal(travelling.length, sizeBytes + 1)
      assert.deepEqual(deflation.inboundTransform(TOPIC, travelling), message)
    })
  }

  it('refuses to inflate more than any message that is deflated', () => {
    const bomb = concat(new Uint8Array([1]), deflateRawSync(new Uint8Array(1_000_000)))
    assert.throws(() => deflation.inboundTransform(TOPIC, bomb), { code: 'ERR_BUFFER_TOO_LARGE' })
  })

  it('refuses what is neither plain nor deflated', () => {
    for (const bytes of [[], [2, 1], [1], [1, 255, 255, 255]]) {
      assert.throws(() => deflation.inboundTransform(TOPIC, new Uint8Array(bytes)))
    }
  })
})

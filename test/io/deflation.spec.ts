import assert from 'node:assert/strict'
import { deflateRawSync } from 'node:zlib'
import { concat, SeededRng } from '../../src/base/index.ts'
import { deflation as deflationOf } from '../../src/io/deflation.ts'
import { type Beacon, beaconCodec, beaconSkeleton, type Signed } from '../../src/wire/index.ts'

const TOPIC = 'any'
const deflation = deflationOf(topic => ({ any: 100_000, small: 100 })[topic])
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

  it('inflates nothing on an unknown topic', () => {
    for (const marker of [0, 1]) {
      const small = concat(new Uint8Array([marker]), deflateRawSync(new Uint8Array(10)))
      assert.throws(() => deflation.inboundTransform('unknown', small), /unknown topic/)
    }
  })

  it('inflates nothing to more than the largest message of its topic, nor takes a longer one as it is', () => {
    const longer = new Uint8Array(101)
    assert.throws(() => deflation.inboundTransform('small', deflation.outboundTransform('small', longer)), {
      code: 'ERR_BUFFER_TOO_LARGE',
    })
    const plain = concat(new Uint8Array([0]), longer)
    assert.throws(() => deflation.inboundTransform('small', plain), /longer than any message/)
    const fits = new Uint8Array(100)
    assert.deepEqual(deflation.inboundTransform('small', deflation.outboundTransform('small', fits)), fits)
  })

  it('refuses what is neither plain nor deflated', () => {
    for (const bytes of [[], [2, 1], [1], [1, 255, 255, 255]]) {
      assert.throws(() => deflation.inboundTransform(TOPIC, new Uint8Array(bytes)))
    }
  })
})

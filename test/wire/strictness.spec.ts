import { equal, ok, throws } from 'node:assert/strict'
import * as dagCbor from '@ipld/dag-cbor'
import { concat, type ErrorCode, fromHex, isOstrakaError, toHex } from '../../src/base/index.ts'
import {
  beaconCodec,
  type Codec,
  genesisCodec,
  MAX_BLOCK_BYTES,
  MAX_BLOCK_TRANSACTIONS,
  MAX_FRAME_BYTES,
  MAX_INPUTS,
  MAX_RECORD_BYTES,
  MAX_SLOTS,
  partialRequestCodec,
  peerMessageCodec,
  peerRequestCodec,
  sealedDealingCodec,
  transactionCodec,
  transactionListCodec,
  voteCodec,
} from '../../src/wire/index.ts'
import { SAMPLED } from './samples.ts'

type Tree = Record<string, unknown>

function refuses(codec: Codec<unknown>, bytes: Uint8Array, code: ErrorCode = 'malformed'): void {
  throws(
    () => codec.decode(bytes),
    error => isOstrakaError(error, code),
  )
}

/** Every map inside a decoded value, the value itself included. */
function maps(value: unknown): Tree[] {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return []
  const inner = Object.values(value).flatMap(maps)
  return Array.isArray(value) ? inner : [value as Tree, ...inner]
}

/** The value of a sample, decoded afresh so that it may be bent. */
function fresh(name: string, sample?: string): Tree {
  const { codec, samples } = SAMPLED[name]!
  return dagCbor.decode(codec.encode(sample === undefined ? [...samples.values()][0] : samples.get(sample)))
}

/** Sets the field at `path` (`value.rules.0.principal`) and encodes whatever comes of it. */
function bent(name: string, path: string, value: unknown, sample?: string): Uint8Array {
  const root = fresh(name, sample)
  const steps = path.split('.')
  const last = steps.pop()!
  const parent = steps.reduce<Tree>((at, step) => at[step] as Tree, root)
  ok(last in parent || value !== undefined, `${path} is no field of ${name}`)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return dagCbor.encode(root)
}

describe('every decoder', () => {
  for (const [name, { codec, samples }] of Object.entries(SAMPLED)) {
    describe(name, () => {
      it('refuses an unknown field at any depth', () => {
        for (const [, sample] of samples) {
          const count = maps(dagCbor.decode(codec.encode(sample))).length
          for (let index = 0; index < count; index++) {
            const root = dagCbor.decode<unknown>(codec.encode(sample))
            maps(root)[index]!.surplus = 1
            refuses(codec, dagCbor.encode(root))
          }
        }
      })

      it('refuses a field of another type, or takes it exactly as it stands', () => {
        for (const [, sample] of samples) {
          const bytes = codec.encode(sample)
          maps(dagCbor.decode(bytes)).forEach((map, index) => {
            for (const field of Object.keys(map)) {
              for (const wrong of [{ deep: 1 }, [[]], true, 'x'.repeat(70), -1.5, 2 ** 53 - 1]) {
                const root = dagCbor.decode<unknown>(bytes)
                maps(root)[index]![field] = wrong
                const encoded = dagCbor.encode(root)
                try {
                  equal(toHex(codec.encode(codec.decode(encoded))), toHex(encoded))
                } catch (error) {
                  ok(isOstrakaError(error), String(error))
                }
              }
            }
          })
        }
      })

      it('refuses trailing and missing bytes', () => {
        for (const [, sample] of samples) {
          const bytes = codec.encode(sample)
          refuses(codec, concat(bytes, new Uint8Array([0])))
          refuses(codec, concat(bytes, bytes))
          for (let length = 0; length < bytes.length; length += 7) refuses(codec, bytes.subarray(0, length))
        }
      })

      it('refuses a second encoding of the same value', () => {
        for (const [, sample] of samples) {
          const bytes = codec.encode(sample)
          // definite length n as the two-byte form 0x.8 n: the same value, one byte longer
          const head = bytes[0]!
          refuses(codec, concat(new Uint8Array([(head & 0xe0) | 24, head & 0x1f]), bytes.subarray(1)))
          // an indefinite length, ended by 0xff
          refuses(
            codec,
            concat(new Uint8Array([(head & 0xe0) | 31]), bytes.subarray(1), new Uint8Array([0xff])),
          )
        }
      })

      it('refuses nothing, null and text', () => {
        for (const hex of [
          '',
          'f6',
          'f7',
          '60',
          '6161',
          '00',
          'ff',
          'a1',
          'd82a4100',
          'fb7ff8000000000000',
        ]) {
          refuses(codec, fromHex(hex))
        }
      })
    })
  }
})

describe('canonical bytes', () => {
  it('refuses map keys out of order', () => {
    const vote = { height: 1, round: 2, blockId: new Uint8Array(0) }
    equal(toHex(voteCodec.encode(vote)), 'a365726f756e64026668656967687401676' + '26c6f636b496440')
    refuses(voteCodec, fromHex('a366686569676874016' + '5726f756e640267626c6f636b496440'))
  })

  it('refuses a key that stands twice', () => {
    refuses(voteCodec, fromHex('a465726f756e640265726f756e64026668656967687401' + '67626c6f636b496440'))
  })

  it('refuses integers that are longer than they need be, and integral floats', () => {
    refuses(voteCodec, fromHex('a365726f756e6418026668656967687401' + '67626c6f636b496440'))
    refuses(voteCodec, fromHex('a365726f756e64fb40000000000000006668656967687401' + '67626c6f636b496440'))
  })

  it('refuses tags, prototypes and numbers outside the safe integers', () => {
    refuses(voteCodec, fromHex('a365726f756e64c1026668656967687401' + '67626c6f636b496440'))
    refuses(voteCodec, fromHex('a365726f756e641b00200000000000006668656967687401' + '67626c6f636b496440'))
    refuses(peerRequestCodec, fromHex('a2647479706564' + '70696e67695f5f70726f746f5f5fa0'))
  })

  it('refuses nesting without end by an error, not by a crash', () => {
    refuses(peerMessageCodec, new Uint8Array(500_000).fill(0x81))
  })
})

describe('caps', () => {
  it('refuses what is over a codec’s size before looking inside', () => {
    refuses(voteCodec, new Uint8Array(257), 'too_large')
    refuses(beaconCodec, new Uint8Array(2049), 'too_large')
    refuses(sealedDealingCodec, new Uint8Array(MAX_RECORD_BYTES + 1), 'too_large')
    refuses(transactionListCodec, new Uint8Array(MAX_BLOCK_BYTES + 1), 'too_large')
    refuses(peerMessageCodec, new Uint8Array(MAX_FRAME_BYTES + 1), 'too_large')
    refuses(peerMessageCodec, new Uint8Array(10 * 1024 * 1024), 'too_large')
  })

  it('refuses lists that are too long', () => {
    const rule = { principal: new Uint8Array(32), operations: [] }
    refuses(transactionCodec, bent('transaction', 'value.rules', new Array(65).fill(rule)))
    const [, anything] = [...SAMPLED.transaction!.samples][2]!
    refuses(transactionListCodec, dagCbor.encode(new Array(MAX_BLOCK_TRANSACTIONS + 1).fill(anything)))
    const inputs = new Array(MAX_INPUTS + 1).fill(new Uint8Array(0))
    refuses(partialRequestCodec, bent('partial-request', 'request.value.inputs', inputs))
  })

  it('refuses byte strings and texts that are too long', () => {
    refuses(
      peerMessageCodec,
      bent('peer-message', 'record', new Uint8Array(MAX_RECORD_BYTES + 1), 'record'),
      'too_large',
    )
    refuses(transactionCodec, bent('transaction', 'value.name', 'a'.repeat(65)))
    refuses(genesisCodec, bent('genesis', 'name', 'a'.repeat(65)))
  })
})

describe('identifiers and ranges', () => {
  const zero: readonly (readonly [string, string, string?])[] = [
    ['transaction', 'value.slot', 'complain'],
    ['transaction', 'value.threshold', 'create-key'],
    ['transaction', 'value.shares', 'create-key'],
    ['transaction', 'value.epoch', 'randomness'],
    ['transaction', 'value.version', 'randomness'],
    ['transaction', 'value.partials.0.slot', 'randomness'],
    ['partial-request', 'version'],
    ['partial-request', 'slots.0'],
    ['partial-request', 'packages.0.0.slot'],
    ['partial', 'value.partials.0.slot'],
    ['sealed-dealing', 'value.version'],
    ['sealed-dealing', 'value.shares.0.slot'],
    ['header', 'height'],
    ['header', 'timeMs'],
    ['certificate', 'height'],
    ['vote', 'height'],
    ['proposal', 'height'],
    ['beacon', 'value.sequence'],
    ['genesis', 'approvals'],
    ['transaction', 'value.act.version', 'propose'],
    ['exported-shares', 'value.version'],
    ['peer-request', 'count', 'nonces'],
    ['peer-request', 'from', 'blocks'],
  ]
  for (const [name, path, sample] of zero) {
    it(`refuses zero, negative, fractional and huge ${name} ${path}`, () => {
      for (const wrong of [0, -1, 1.5, 2 ** 60]) {
        refuses(SAMPLED[name]!.codec, bent(name, path, wrong, sample))
      }
    })
  }

  it('refuses hashes, keys and signatures of other lengths', () => {
    for (const [name, path, sample] of [
      ['transaction', 'signer'],
      ['transaction', 'signature'],
      ['transaction', 'value.nonce'],
      ['transaction', 'value.root', 'deal'],
      ['transaction', 'value.commitments.0', 'deal'],
      ['transaction', 'value.evidence.closed.ceremony', 'late-complaint'],
      ['transaction', 'value.evidence.closed.slots.0.sealingKey', 'late-complaint'],
      ['transaction', 'value.evidence.closed.deals.0.recordHash', 'late-deal'],
      ['transaction', 'value.evidence.closed.deals.0.encapsulation.enc', 'late-deal'],
      ['transaction', 'value.evidence.complaint.signature', 'late-complaint'],
      ['transaction', 'value.evidence.deal.signer', 'late-deal'],
      ['transaction', 'value.partials.0.element', 'randomness'],
      ['transaction', 'value.partials.0.proof.response', 'randomness'],
      ['header', 'previous'],
      ['partial-request', 'request.value.nonce'],
    ] as const) {
      for (const length of [0, 31, 34, 63, 65]) {
        refuses(SAMPLED[name]!.codec, bent(name, path, new Uint8Array(length), sample))
      }
    }
  })

  it('refuses a preimage of a ceremony with more slots or deals, or a place beyond them', () => {
    const { slots, deals } = (fresh('transaction', 'late-deal').value as { evidence: { closed: Tree } })
      .evidence.closed as { slots: Tree[]; deals: Tree[] }
    const path = 'value.evidence.closed'
    for (const [name, value] of [
      ['slots', Array.from({ length: MAX_SLOTS + 1 }, () => slots[0])],
      ['deals', Array.from({ length: MAX_SLOTS + 1 }, () => deals[0])],
      ['deals.0.place', MAX_SLOTS],
      ['deals.0.place', -1],
      ['deals.0.fromSlot', MAX_SLOTS + 1],
      ['slots.0.slot', 0],
      ['version', 0],
      ['kind', 'rsa'],
    ] as const) {
      refuses(transactionCodec, bent('transaction', `${path}.${name}`, value, 'late-deal'))
    }
  })

  it('refuses digests in beacons that are not 8 bytes', () => {
    for (const length of [0, 7, 9, 32]) {
      refuses(beaconCodec, bent('beacon', 'value.member', new Uint8Array(length)))
      refuses(beaconCodec, bent('beacon', 'value.measurements.0', new Uint8Array(length), 'measured'))
    }
  })

  it('takes a vote for a whole block id or for nil, and nothing between', () => {
    voteCodec.decode(bent('vote', 'blockId', new Uint8Array(0)))
    for (const length of [1, 31]) refuses(voteCodec, bent('vote', 'blockId', new Uint8Array(length)))
    refuses(voteCodec, bent('vote', 'blockId', new Uint8Array(33)), 'too_large')
  })

  it('refuses names, regions and peer ids that are none', () => {
    for (const wrong of ['', '-a', 'a b', 'a/b', 'a\n', 'ä', 'a'.repeat(65), 7]) {
      refuses(transactionCodec, bent('transaction', 'value.name', wrong))
    }
    for (const wrong of ['', 'EU', 'a_b', 'a'.repeat(33)]) {
      refuses(genesisCodec, bent('genesis', 'members.0.location.region', wrong))
    }
    for (const wrong of ['', '12D3KooW', 'z'.repeat(52), 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N']) {
      refuses(genesisCodec, bent('genesis', 'members.0.peerId', wrong))
    }
  })

  it('refuses reasons that an operator’s terminal would not show as they are', () => {
    transactionCodec.decode(bent('transaction', 'value.reason', 'Feuer im Rechenzentrum: 火事', 'propose'))
    const hidden = ['\u001b[2J', 'a\nb', '\u007f', '\u0085', '\u200b', '\u202e', '\u2066', '\u061c', '\ufeff']
    for (const wrong of ['', ...hidden, 'a'.repeat(257), 7]) {
      refuses(transactionCodec, bent('transaction', 'value.reason', wrong, 'propose'))
    }
  })

  it('refuses kinds, operations, steps and types outside the closed lists', () => {
    refuses(transactionCodec, bent('transaction', 'value.kind', 'rsa'))
    refuses(transactionCodec, bent('transaction', 'value.origin', 'stolen'))
    refuses(transactionCodec, bent('transaction', 'value.type', 'mint'))
    refuses(transactionCodec, bent('transaction', 'value.act.type', 'mint', 'propose'))
    refuses(partialRequestCodec, bent('partial-request', 'request.value.operation', 'export'))
    refuses(peerMessageCodec, bent('peer-message', 'step', 'commit', 'vote'))
    refuses(peerMessageCodec, bent('peer-message', 'type', 'constructor', 'status'))
  })

  it('takes an absent optional field, never null', () => {
    partialRequestCodec.decode(bent('partial-request', 'packages', undefined))
    refuses(partialRequestCodec, bent('partial-request', 'packages', null))
    refuses(transactionCodec, bent('transaction', 'value.rules.1.untilMs', null))
  })
})

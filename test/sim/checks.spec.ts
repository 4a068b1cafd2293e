import { deepEqual, equal, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import {
  ed25519,
  ristretto255,
  ristretto255_hasher,
  ristretto255_oprf,
  x25519,
} from '@noble/curves/ed25519.js'
import { schnorr } from '@noble/curves/secp256k1.js'
import { peerIdOf, Secret, SeededRng } from '../../src/base/index.ts'
import { cryptoReady, SigningKey, signValue } from '../../src/crypto/index.ts'
import { AcknowledgementCheck } from '../../src/sim/checks/acknowledgements.ts'
import { AgreementCheck } from '../../src/sim/checks/agreement.ts'
import {
  fromLittleEndian,
  interpolate,
  orderOf,
  publicKeyOf,
  toLittleEndian,
} from '../../src/sim/checks/arithmetic.ts'
import { Findings } from '../../src/sim/checks/findings.ts'
import { FloodCheck } from '../../src/sim/checks/flood.ts'
import { NonceCheck } from '../../src/sim/checks/nonces.ts'
import { RandomnessCheck } from '../../src/sim/checks/randomness.ts'
import { SecretCheck } from '../../src/sim/checks/secrets.ts'
import { isSingleKeyResult } from '../../src/sim/checks/single-key.ts'
import { VoteCheck } from '../../src/sim/checks/votes.ts'
import type { Frame } from '../../src/sim/network.ts'
import type { CertifiedBlock, Header } from '../../src/wire/index.ts'

await cryptoReady

const rng = new SeededRng('checks')
const networkId = new Uint8Array(32).fill(5)
const keys = [1, 2, 3, 4].map(() => new SigningKey(new Secret(rng.bytes(32))))
const peers = keys.map(key => peerIdOf(key.publicKey))
const sha256 = (value: unknown): Uint8Array =>
  new Uint8Array(createHash('sha256').update(dagCbor.encode(value)).digest())
const frame = (kind: Frame['kind'], value: unknown, from = 0): Frame => ({
  from: peers[from]!,
  to: peers[1]!,
  kind,
  bytes: dagCbor.encode(value),
})

function rules(findings: Findings): string[] {
  return findings.list.map(each => each.split(':')[0]!)
}

function certified(
  height: number,
  previous: Uint8Array,
  signers: readonly SigningKey[],
  salt = 0,
): CertifiedBlock {
  const header: Header = {
    height,
    previous,
    stateRoot: new Uint8Array(32).fill(salt),
    timeMs: 1000 * height,
    round: 0,
    proposer: keys[0]!.publicKey,
    certificateHash: new Uint8Array(32),
    transactionsHash: sha256([]),
  }
  const blockId = sha256(header)
  const vote = { height, round: 0, blockId }
  const signatures = signers.map(key => {
    const { signer, signature } = signValue(key, 'precommit', networkId, vote)
    return { signer, signature }
  })
  const certificate = { height, round: 0, blockId, signatures }
  return { block: { header, previousCertificate: null, transactions: [] }, certificate }
}

describe('the agreement checker', () => {
  const see = (...blocks: readonly CertifiedBlock[]): string[] => {
    const findings = new Findings(() => {})
    const check = new AgreementCheck(findings, networkId, peers)
    for (const block of blocks) check.see(peers[0]!, block)
    return rules(findings)
  }
  const first = certified(1, networkId, keys.slice(0, 3))

  it('is content with a chain of certified blocks', () => {
    deepEqual(see(first, first, certified(2, first.certificate.blockId, keys)), [])
  })

  it('finds two blocks at one height', () => {
    equal(see(first, certified(1, networkId, keys, 1)).length, 1)
  })

  it('finds a broken chain', () => {
    equal(see(first, certified(2, networkId, keys)).length, 1)
  })

  it('finds certificates of too few, doubled, foreign and forged signatures', () => {
    const stranger = new SigningKey(new Secret(rng.bytes(32)))
    equal(see(certified(1, networkId, keys.slice(0, 2))).length, 1)
    equal(see(certified(1, networkId, [keys[0]!, keys[0]!, keys[1]!])).length, 1)
    equal(see(certified(1, networkId, [...keys.slice(0, 2), stranger])).length, 1)
    const [a, b, c] = first.certificate.signatures
    const forged = { ...first.certificate, signatures: [a!, b!, { ...c!, signature: b!.signature }] }
    equal(see({ ...first, certificate: forged }).length, 1)
  })
})

describe('the vote checker', () => {
  const vote = (key: number, blockId: Uint8Array, step: 'prevote' | 'precommit' = 'prevote') => ({
    type: 'vote',
    step,
    vote: signValue(keys[key]!, step, networkId, { height: 3, round: 1, blockId }),
  })
  const see = (...frames: readonly Frame[]): string[] => {
    const findings = new Findings(() => {})
    const check = new VoteCheck(findings, networkId, peerId => peerId !== peers[3])
    for (const each of frames) check.see(each)
    return rules(findings)
  }
  const one = new Uint8Array(32).fill(1)
  const nil = new Uint8Array(0)

  it('finds a node that votes twice, in words of its own or in another’s mouth', () => {
    deepEqual(see(frame('message', vote(0, one)), frame('message', vote(0, nil))), ['no contradicted vote'])
    deepEqual(see(frame('message', vote(0, one)), frame('message', vote(0, nil), 2)), [
      'no contradicted vote',
    ])
  })

  it('is content with repetition, other steps, liars, and votes that liars forge', () => {
    deepEqual(see(frame('message', vote(0, one)), frame('message', vote(0, one))), [])
    deepEqual(see(frame('message', vote(0, one)), frame('message', vote(0, nil, 'precommit'))), [])
    deepEqual(see(frame('message', vote(3, one), 3), frame('message', vote(3, nil), 3)), [])
    const forged = vote(0, nil)
    const signature = new Uint8Array(64)
    deepEqual(
      see(
        frame('message', vote(0, one)),
        frame('message', { ...forged, vote: { ...forged.vote, signature } }, 2),
      ),
      [],
    )
  })
})

describe('the nonce checker', () => {
  const line = { slot: 2, hiding: new Uint8Array(32).fill(1), binding: new Uint8Array(32).fill(2) }
  const exchange = (input: number, from = 0): Frame[] => {
    const request = { key: 'a', inputs: [new Uint8Array([input])] }
    const call = { request: { value: request }, version: 1, slots: [2], packages: [[line]] }
    const value = { requestHash: sha256(call), partials: [{ slot: 2, values: [new Uint8Array(32)] }] }
    const partial = { value, signer: keys[from]!.publicKey, signature: new Uint8Array(64) }
    return [
      frame('request', { type: 'partial', call, refill: 0 }, 1),
      frame('answer', { type: 'partial', partial, nonces: [] }, from),
    ]
  }
  const see = (...frames: readonly Frame[]): string[] => {
    const findings = new Findings(() => {})
    const check = new NonceCheck(findings, () => true)
    for (const each of frames) check.see(each)
    return rules(findings)
  }

  it('finds a nonce that has signed two messages, and lets the same answer be repeated', () => {
    deepEqual(see(...exchange(1), ...exchange(1), ...exchange(2, 2)), [])
    deepEqual(see(...exchange(1), ...exchange(2)), ['one challenge per nonce pair'])
  })
})

describe('the flood checker', () => {
  const line = { hiding: new Uint8Array(32), binding: new Uint8Array(32) }
  const nonces = (count: number): Frame =>
    frame('answer', {
      type: 'nonces',
      nonces: [{ slot: 1, commitments: new Array(count).fill(line) }],
    })

  it('finds a node that makes more nonces for a peer than its budget allows, and begins anew when it restarts', () => {
    const findings = new Findings(() => {})
    const check = new FloodCheck(findings, () => true)
    check.see(nonces(2900), 0)
    check.see(nonces(200), 2000)
    deepEqual(rules(findings), [])
    check.restarted(peers[0]!)
    check.see(nonces(3000), 3000)
    deepEqual(rules(findings), [])
    check.see(nonces(100), 3500)
    deepEqual(rules(findings), ['a peer gets no more than its budget'])
  })
})

describe('the secret checker', () => {
  const order = orderOf('ristretto255')
  const [a0, a1] = [123456789n, 987654321n]
  const share = (slot: number, a = a1): Uint8Array => toLittleEndian((a0 + a * BigInt(slot)) % order)
  const claim = {
    name: 'k',
    kind: 'ristretto255',
    keyId: 'id',
    version: 1,
    threshold: 2,
    publicKey: publicKeyOf('ristretto255', a0),
  } as const
  /** Shares of nodes by slot, all of the first generation, or by `generation/slot`. */
  const checked = (vaults: readonly ReadonlyMap<number | string, Uint8Array>[]) => {
    const findings = new Findings(() => {})
    const named = vaults.map((vault, index) => {
      const place = (key: number | string): string => (typeof key === 'number' ? `0/${key}` : key)
      const paths = new Map([...vault].map(([key, bytes]) => [`keys/share/id/1/${place(key)}`, bytes]))
      return [`node-${index}`, () => paths] as const
    })
    return { findings, check: new SecretCheck(findings, () => named) }
  }

  it('interpolates', () => {
    equal(
      interpolate(
        new Map([
          [1, 5n],
          [2, 7n],
        ]),
        11n,
      ),
      3n,
    )
    const { check, findings } = checked([
      new Map([[1, share(1)]]),
      new Map([[3, share(3)]]),
      new Map([[5, share(5)]]),
    ])
    equal(check.demand(claim)?.secret, a0)
    deepEqual(findings.list, [])
  })

  it('finds a share that is wrong, shares of another key, too few of them, and too many in one place', () => {
    const wrong = checked([new Map([[1, share(1)]]), new Map([[2, share(2)]]), new Map([[3, share(4)]])])
    equal(wrong.check.assemble(claim), undefined)
    equal(wrong.findings.list.length, 1)
    const other = checked([new Map([[1, share(2)]]), new Map([[2, share(3)]])])
    other.check.assemble(claim)
    equal(other.findings.list.length, 1)
    const few = checked([new Map([[1, share(1)]])])
    few.check.demand(claim)
    equal(few.findings.list.length, 1)
    const many = checked([
      new Map([
        [1, share(1)],
        [2, share(2)],
      ]),
    ])
    many.check.assemble(claim)
    equal(many.findings.list.length, 1)
  })

  it('takes each generation by itself: amid a refresh shares of both lie about', () => {
    const next = (slot: number): Uint8Array => share(slot, a1 + 1n)
    const amid = checked([
      new Map([['0/1', share(1)]]),
      new Map([
        ['0/2', share(2)],
        ['1/2', next(2)],
      ]),
      new Map([['1/3', next(3)]]),
    ])
    equal(amid.check.demand(claim)?.secret, a0)
    deepEqual(amid.findings.list, [])
    const neither = checked([new Map([['0/1', share(1)]]), new Map([['1/3', next(3)]])])
    equal(neither.check.demand(claim), undefined)
    equal(neither.findings.list.length, 1)
    const wrong = checked([
      new Map([['0/1', share(1)]]),
      new Map([['0/2', share(2)]]),
      new Map([['1/1', next(1)]]),
      new Map([['1/3', share(3)]]),
    ])
    wrong.check.assemble(claim)
    equal(wrong.findings.list.length, 1)
  })

  it('finds a share that crossed a wire in the clear, however deep', () => {
    const { check, findings } = checked([new Map([[1, share(1)]]), new Map([[2, share(2)]])])
    check.see(frame('message', { record: dagCbor.encode({ x: [new Uint8Array(32)] }) }))
    check.checkWires([claim])
    deepEqual(findings.list, [])
    check.see(frame('message', { record: dagCbor.encode({ x: [share(2)] }) }))
    check.checkWires([claim])
    equal(findings.list.length, 1)
  })
})

describe('the randomness checker', () => {
  const secret = 7n
  const value = (epoch: number, by: bigint): Uint8Array => {
    const context = Buffer.from('ostraka/v1/randomness')
    const number = Buffer.from([0, 0, 0, 0, 0, 0, 0, epoch])
    const DST = Buffer.concat([Buffer.from('HashToGroup-'), context])
    const element = ristretto255_hasher.hashToCurve(number, { DST }).multiply(by).toBytes()
    const framed = [context, number, element].flatMap(part => [0, part.length, ...part])
    return new Uint8Array(createHash('sha256').update(Buffer.from(framed)).digest())
  }
  const view = (epoch: number, by = secret, seed = value(epoch, by)) => ({
    ...{ epoch, value: value(epoch, by), height: 1, source: 'key' as const, version: 1 },
    inUse: { epoch, seed },
  })
  const vaults = [1, 2, 3].map(
    slot =>
      [
        peers[slot]!,
        () => new Map([[`keys/share/ab/1/0/${slot}`, toLittleEndian(secret + BigInt(slot) * 5n)]]),
      ] as const,
  )
  const key = { keyId: 'ab', version: 1, generation: 0, threshold: 2 } as NonNullable<
    Parameters<RandomnessCheck['prove']>[0]
  >

  it('is content when all nodes have what the whole key gives, and says how often it looked', () => {
    const findings = new Findings(() => {})
    const check = new RandomnessCheck(findings)
    for (const peer of peers) for (const epoch of [1, 2]) check.see(peer, view(epoch))
    check.prove(key, vaults)
    deepEqual(findings.list, [])
    equal(check.proven, 2)
  })

  it('finds nodes that differ, another seed in use, and a value that is not the key’s', () => {
    const findings = new Findings(() => {})
    const check = new RandomnessCheck(findings)
    check.see(peers[0]!, view(1))
    check.see(peers[1]!, view(1, 8n))
    check.see(peers[0]!, view(2, secret, value(1, secret)))
    check.see(peers[0]!, view(3, 8n))
    check.prove(key, vaults)
    deepEqual(rules(findings), new Array(3).fill('one randomness in an epoch'))
  })
})

describe('the acknowledgement checker', () => {
  const create = signValue(keys[0]!, 'transaction', networkId, { type: 'create-key', name: 'k' })
  const id = createHash('sha256').update(dagCbor.encode(create)).digest()
  const ceremony = new Uint8Array(createHash('sha256').update('ostraka/1/ceremony\0').update(id).digest())
  const dealing = { type: 'deal', ceremony, fromSlot: 0, root: new Uint8Array(32).fill(2) }
  const deal = signValue(keys[0]!, 'transaction', networkId, dealing)
  const word = signValue(keys[0]!, 'transaction', networkId, { type: 'acknowledge', ceremony, dealings: [0] })
  const see = (durable: readonly string[], unsynced: readonly string[], isMaking: boolean): string[] => {
    const findings = new Findings(() => {})
    const machine = { durableKeys: () => durable, unsyncedKeys: () => unsynced, isMaking: () => isMaking }
    const check = new AcknowledgementCheck(
      findings,
      () => true,
      () => machine,
    )
    check.see(frame('message', { type: 'transactions', transactions: [create, deal, word] }))
    return rules(findings)
  }

  it('finds a word that was given before the share was durable, or without one', () => {
    deepEqual(see([], ['share'], true), ['acknowledged is durable'])
    deepEqual(see([], ['share'], false), ['acknowledged is durable'])
    deepEqual(see([], [], true), ['acknowledged is durable'])
  })

  it('is content with durable shares, and with a word repeated when they have been added up', () => {
    deepEqual(see(['share'], [], true), [])
    deepEqual(see([], [], false), [])
  })
})

describe('the single-key oracle', () => {
  const message = rng.bytes(40)

  it('knows the public keys that noble makes', () => {
    const scalar = ed25519.utils.getExtendedPublicKey(rng.bytes(32)).scalar
    deepEqual(publicKeyOf('ed25519', scalar), ed25519.Point.BASE.multiply(scalar).toBytes())
    deepEqual(publicKeyOf('ristretto255', scalar), ristretto255.Point.BASE.multiply(scalar).toBytes())
    const seed = rng.bytes(32)
    const clamped = Uint8Array.from(seed)
    clamped[0]! &= 248
    clamped[31] = (clamped[31]! & 127) | 64
    deepEqual(publicKeyOf('x25519', fromLittleEndian(clamped)), x25519.getPublicKey(seed))
  })

  it('accepts what the whole key would give, and nothing else', () => {
    const seed = rng.bytes(32)
    const secp = new Uint8Array(32).fill(9)
    const results = [
      [{ kind: 'ed25519', secret: 1n, publicKey: ed25519.getPublicKey(seed) }, ed25519.sign(message, seed)],
      [{ kind: 'secp256k1', secret: 1n, publicKey: schnorr.getPublicKey(secp) }, schnorr.sign(message, secp)],
    ] as const
    for (const [key, output] of results) {
      ok(isSingleKeyResult(key, message, output))
      equal(isSingleKeyResult(key, rng.bytes(40), output), false)
    }
    const prf = ristretto255_oprf.voprf.deriveKeyPair(seed, new Uint8Array(0))
    const { blind, blinded } = ristretto255_oprf.voprf.blind(message)
    const { evaluated, proof } = ristretto255_oprf.voprf.blindEvaluate(prf.secretKey, prf.publicKey, blinded)
    const output = ristretto255_oprf.voprf.finalize(message, blind, evaluated, blinded, prf.publicKey, proof)
    const key = {
      kind: 'ristretto255',
      secret: fromLittleEndian(prf.secretKey),
      publicKey: prf.publicKey,
    } as const
    ok(isSingleKeyResult(key, message, output))
    equal(isSingleKeyResult(key, rng.bytes(40), output), false)
    const peer = x25519.getPublicKey(rng.bytes(32))
    const scalar = Uint8Array.from(seed)
    scalar[0]! &= 248
    scalar[31] = (scalar[31]! & 127) | 64
    const whole = {
      kind: 'x25519',
      secret: fromLittleEndian(scalar),
      publicKey: x25519.getPublicKey(seed),
    } as const
    ok(isSingleKeyResult(whole, peer, x25519.getSharedSecret(seed, peer)))
    equal(isSingleKeyResult(whole, peer, x25519.getSharedSecret(rng.bytes(32), peer)), false)
  })
})

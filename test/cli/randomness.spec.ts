import assert from 'node:assert/strict'
import type { BlockJson, KeyJson, ProvenKey, RandomnessJson } from '../../src/api/index.ts'
import { fromBase64, OstrakaError, SeededRng, toBase64, utf8 } from '../../src/base/index.ts'
import { checkRandomness } from '../../src/cli/randomness-verify.ts'
import {
  combineDraws,
  cryptoReady,
  drawPartial,
  fallbackRandomness,
  ristretto255 as group,
  sha256,
} from '../../src/crypto/index.ts'
import { shareKey } from '../crypto/shared-key.ts'

await cryptoReady

const rng = new SeededRng('randomness of a daemon')
const shared = shareKey(group, group.randomScalar(rng), [3, 5], rng)
const commitments = shared.commitments.map(element => toBase64(element.bytes))

/** The true word of a daemon on an epoch. */
function wordOn(epoch: number): RandomnessJson {
  const partials = [1, 2, 4].map(
    slot => drawPartial(epoch, slot, shared.shares.get(slot)!, shared.commitments, rng)!,
  )
  const value = toBase64(combineDraws(epoch, partials))
  return {
    ...{ epoch, value, height: 40, source: 'key', version: 1, generation: 0, commitments },
    partials: partials.map(({ slot, element, proof }) => ({
      slot,
      element: toBase64(element.bytes),
      proof: { challenge: toBase64(proof.challenge), response: toBase64(proof.response) },
    })),
    inUse: { epoch, seed: value },
  }
}

const beacon = {
  versions: [{ version: 1, generation: 0, publicKey: commitments[0] }],
  holders: [1, 2, 3, 4, 5].map(slot => ({ slot, peerId: `peer ${slot}` })),
} as unknown as KeyJson

const PROVEN = {
  ...{
    keyId: new Uint8Array(32),
    name: 'beacon',
    kind: 'ristretto255',
    version: 1,
    state: 'active' as const,
    generation: 0,
    threshold: 3,
    commitments: [],
  },
  verified: { networkId: '', height: 41, time: '' },
}

/** A daemon that has `said` of its epoch, and knows nothing of others. */
function daemon(said: RandomnessJson, key: KeyJson = beacon, certificateHash = '') {
  const block = { block: { header: { certificateHash } } } as unknown as BlockJson
  return {
    api: 'http://daemon',
    key: async () => key,
    provenKey: async (): Promise<ProvenKey> => ({
      ...PROVEN,
      publicKey: fromBase64(key.versions[0]!.publicKey, 'publicKey'),
    }),
    log: async () => ({ height: 41, blocks: [block] }),
    randomness: async (epoch?: number) => {
      if (epoch === said.epoch) return said
      throw new OstrakaError('not_found', 'not kept')
    },
  }
}

async function problemsOf(
  said: RandomnessJson,
  at = daemon(said),
  witness?: RandomnessJson,
  isProving = false,
): Promise<string[]> {
  const witnesses = witness === undefined ? [] : [daemon(witness)]
  const checks = await checkRandomness(at, said, witnesses, isProving)
  return checks.flatMap(({ problem }) => problem ?? [])
}

describe('what a daemon says of the randomness', () => {
  const said = wordOn(7)
  const [first, ...others] = said.partials!

  it('is found right when it is', async () => {
    assert.deepEqual(await problemsOf(said), [])
    assert.deepEqual(await problemsOf(said, daemon(said), said), [])
  })

  it('is found wrong in every part that can be', async () => {
    const other = wordOn(8)
    const value = other.value
    for (const [what, wrong] of [
      ['the partials give another value', { value }],
      ['ranked by another', { inUse: { epoch: 7, seed: value } }],
      ['bad_partial', { partials: [{ ...first!, element: others[0]!.element }, ...others] }],
      ['bad_partial', { partials: other.partials! }],
      ['bad_partial', { commitments: commitments.toReversed() }],
      ['insufficient_shares', { partials: others }],
      ['has no version 2', { version: 2 }],
    ] as const) {
      const problems = await problemsOf({ ...said, ...wrong } as RandomnessJson)
      assert.ok(
        problems.some(problem => problem.includes(what)),
        `${what}: ${problems.join()}`,
      )
    }
  })

  it('is wrong when it is of another key, by the daemon’s own word or by the certified state', async () => {
    const foreign = { ...beacon, versions: [{ ...beacon.versions[0]!, publicKey: commitments[1]! }] }
    for (const isProving of [false, true]) {
      assert.deepEqual(await problemsOf(said, daemon(said), undefined, isProving), [])
      const problems = await problemsOf(said, daemon(said, foreign), undefined, isProving)
      assert.match(problems.join(), /another public key/)
    }
    const unproven = { ...daemon(said), provenKey: () => Promise.reject(new OstrakaError('unproven', 'no')) }
    assert.match((await problemsOf(said, unproven, undefined, true)).join(), /unproven/)
  })

  it('is wrong when a witness says otherwise, or nothing', async () => {
    assert.match((await problemsOf(said, daemon(said), { ...said, value: 'x' })).join(), /something else/)
    const moved = { ...said, commitments: commitments.toReversed() }
    assert.match((await problemsOf(said, daemon(said), moved)).join(), /other commitments/)
    assert.match((await problemsOf(said, daemon(said), wordOn(9))).join(), /not_found/)
  })

  it('of a fallback or a certificate is compared with what it was made of', async () => {
    const before = sha256(utf8('before'))
    const value = toBase64(fallbackRandomness(7, before))
    const inUse = { epoch: 7, seed: value }
    const fallback: RandomnessJson = {
      ...{ epoch: 7, value, height: 40, source: 'fallback', inUse },
      previous: toBase64(before),
    }
    assert.deepEqual(await problemsOf(fallback), [])
    assert.deepEqual(await problemsOf({ ...fallback, previous: said.value }), ['it is not'])
    const certificate: RandomnessJson = { epoch: 7, value, height: 40, source: 'certificate', inUse }
    assert.deepEqual(await problemsOf(certificate, daemon(certificate, beacon, value)), [])
    assert.deepEqual(await problemsOf(certificate), ['it is not'])
  })
})

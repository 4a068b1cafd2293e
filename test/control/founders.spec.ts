import assert from 'node:assert/strict'
import { type ErrorCode, type PeerId, peerIdOf, SeededRng } from '../../src/base/index.ts'
import {
  checkFounders,
  genesisCheckpoint,
  initialState,
  networkIdOf,
  proveFounder,
  proveSealingKey,
  recoverLog,
} from '../../src/control/index.ts'
import { ristretto255, type SealingKeyPair } from '../../src/crypto/index.ts'
import type { Genesis, Member } from '../../src/wire/index.ts'
import { makeGenesis, nodeKeys, sealingPairOf, testReducer } from './fixture.ts'

const keys = nodeKeys(4)
const pairs = keys.map(sealingPairOf) as [SealingKeyPair, SealingKeyPair, SealingKeyPair, SealingKeyPair]
const peers = keys.map(key => peerIdOf(key.publicKey)) as [PeerId, PeerId, PeerId, PeerId]
const genesis = makeGenesis(keys)
const rng = new SeededRng('founders')

/** As a node does when it starts, and as the inspection of a stopped node's store does. */
const recover = (of: Genesis) => recoverLog({ genesis: of, key: keys[0]!, reducer: testReducer }, [])

/** Whoever reads a genesis goes through one of these. */
function refuses(bad: Genesis, code: ErrorCode, culprit?: PeerId): void {
  for (const read of [checkFounders, initialState, genesisCheckpoint, recover]) {
    assert.throws(() => read(bad), {
      code,
      ...(culprit === undefined ? {} : { details: { peerId: culprit } }),
    })
  }
}

/** The genesis with another second member, and what its owner claims to prove. */
function withSecond(member: Partial<Member>, keyPair: SealingKeyPair): Genesis {
  const [first, second, ...others] = genesis.members as [Member, Member, ...Member[]]
  const { possessions: _, ...document } = {
    ...genesis,
    members: [first, { ...second, ...member }, ...others],
  }
  const possessions = document.members.map(({ peerId }, at) =>
    proveFounder(document, peerId, at === 1 ? keyPair : pairs[at]!, rng),
  )
  return { ...document, possessions }
}

/** The genesis with another proof of its second member. */
function withProof(possession: Genesis['possessions'][number]): Genesis {
  return { ...genesis, possessions: genesis.possessions.map((own, at) => (at === 1 ? possession : own)) }
}

describe('the founders of a network', () => {
  it('are taken when each proves its sealing key for this network', () => {
    checkFounders(genesis)
    assert.equal(initialState(genesis).validators.length, 4)
  })

  it('cannot name a sealing key that they derived from another’s', () => {
    const shifted = ristretto255.add(pairs[0].publicKey, pairs[1].publicKey)
    refuses(withSecond({ sealingKey: shifted.bytes }, pairs[1]), 'unproven', peers[1])
    const sealingKey = new Uint8Array(32).fill(0xff)
    refuses(withSecond({ sealingKey }, pairs[1]), 'unproven', peers[1])
  })

  it('cannot copy a proof from another founder, network or revision', () => {
    refuses(withProof(genesis.possessions[0]!), 'unproven', peers[1])
    const elsewhere = makeGenesis(keys, { epochMs: 20_000 })
    refuses(withProof(elsewhere.possessions[1]!), 'unproven', peers[1])
    refuses({ ...genesis, name: 'renamed' }, 'unproven', peers[0])
    const renewed = { networkId: networkIdOf(genesis), peerId: peers[1], revision: 1 }
    refuses(withProof(proveSealingKey(renewed, pairs[1], rng)), 'unproven', peers[1])
  })

  it('have a network id without the proofs, so that swapped proofs are found by checking them', () => {
    const [first, second, ...others] = genesis.possessions
    const swapped = { ...genesis, possessions: [second!, first!, ...others] }
    assert.deepEqual(networkIdOf(swapped), networkIdOf(genesis))
    refuses(swapped, 'unproven', peers[0])
  })

  it('have one proof each, and one peer id and sealing key each', () => {
    refuses({ ...genesis, possessions: genesis.possessions.slice(1) }, 'malformed')
    refuses({ ...genesis, possessions: [...genesis.possessions, genesis.possessions[0]!] }, 'malformed')
    refuses({ ...genesis, members: [], possessions: [] }, 'malformed')
    refuses(withSecond({ peerId: peers[0] }, pairs[1]), 'malformed', peers[0])
    refuses(withSecond({ sealingKey: pairs[0].publicKey.bytes }, pairs[0]), 'malformed', peers[1])
  })
})

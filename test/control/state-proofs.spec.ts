import assert from 'node:assert/strict'
import { peerIdOf, toHex } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import { makeCertificate } from '../../src/control/certificates.ts'
import {
  applyBlock,
  blockIdOf,
  type Checkpoint,
  genesisCheckpoint,
  initialState,
  type LedgerState,
  type MemberRecord,
  memberPath,
  proveState,
  quorumOf,
  type Reducer,
  verifyState,
} from '../../src/control/index.ts'
import { isHandover } from '../../src/control/state-proofs.ts'
import { type SigningKey, signValue } from '../../src/crypto/index.ts'
import { type Certificate, type StateProof, stateProofCodec } from '../../src/wire/index.ts'
import { createKey, keyNamed, makeGenesis, nodeKeys, START_MS, signed, testReducer } from './fixture.ts'

/** Names that begin with `join.` bring in a member; else the fixture's reducer. */
const reducer: Reducer = {
  ...testReducer,
  transactions: {
    ...testReducer.transactions,
    'create-key': (ledger, transaction, context) => {
      if (!transaction.name.startsWith('join.')) {
        return testReducer.transactions['create-key']!(ledger, transaction, context)
      }
      const peerId = transaction.name.slice('join.'.length)
      const [founder] = ledger.list<MemberRecord>('member/')
      ledger.put(memberPath(peerId), { ...founder!.value, peerId })
    },
  },
}

/** The decided blocks of a network whose validators' keys are all here. */
class Chain {
  readonly keys: readonly SigningKey[] = [
    ...nodeKeys(4),
    ...[4, 5, 6, 7].map(index => keyNamed(`node-${index}`)),
  ]
  readonly genesis = makeGenesis(this.keys.slice(0, 4))
  readonly handovers: StateProof[] = []
  before: LedgerState = initialState(this.genesis)
  state: LedgerState = this.before
  tip: { header: StateProof['header']; certificate: Certificate } | null = null

  /** A block that does what the names say, decided by a bare quorum. */
  block(...names: readonly string[]): void {
    const transactions = names.map(name => signed(this.genesis, createKey(name)))
    const { state } = this
    const timeMs = START_MS + 1000 * (state.chain.height + 1)
    const block = makeBlock(state, this.tip?.certificate ?? null, transactions, 0, timeMs)
    const vote = { height: block.header.height, round: 0, blockId: blockIdOf(block.header) }
    const voters = state.validators.slice(0, quorumOf(state.validators.length))
    const precommits = voters.map(({ peerId }) =>
      signValue(this.keyOf(peerId), 'precommit', state.networkId, vote),
    )
    this.tip = { header: block.header, certificate: makeCertificate(precommits) }
    if (isHandover(state)) this.handovers.push(proveState({ tip: this.tip, records: state.records }, []))
    const applied = applyBlock(state, block, reducer)
    assert.deepEqual(
      applied.results.filter(result => !result.ok),
      [],
    )
    this.before = state
    this.state = applied.state
  }

  keyOf(peerId: string): SigningKey {
    return this.keys.find(key => peerIdOf(key.publicKey) === peerId)!
  }

  prove(...paths: readonly string[]): StateProof {
    // over the wire and back
    const proof = proveState({ tip: this.tip!, records: this.before.records }, paths)
    return stateProofCodec.decode(stateProofCodec.encode(proof))
  }

  get checkpoint(): Checkpoint {
    return genesisCheckpoint(this.genesis)
  }
}

function refused(known: Checkpoint, proof: StateProof, message?: RegExp): void {
  assert.throws(() => verifyState(known, proof), { code: 'unproven', ...(message && { message }) })
}

describe('proofs of the state', () => {
  const chain = new Chain()
  chain.block('release')
  chain.block('other')

  it('show a record, and that there is none, to whoever knows the genesis alone', () => {
    const { records, checkpoint } = verifyState(chain.checkpoint, chain.prove('key/release', 'key/none'))
    assert.equal((records.get('key/release') as { height: number }).height, 1)
    assert.equal(records.get('key/none'), null)
    assert.equal(records.get('key/other'), undefined)
    assert.equal(checkpoint.height, 2)
    assert.deepEqual(checkpoint.validators.length, 4)
  })

  it('are of the state before the block: what it changed is proven from the next one on', () => {
    assert.equal(verifyState(chain.checkpoint, chain.prove('key/other')).records.get('key/other'), null)
  })

  it('refuse another record, a hidden one, another header, and a certificate that does not fit', () => {
    const proof = chain.prove('key/release')
    const [voters, record] = proof.records as [StateProof['records'][0], StateProof['records'][0]]
    const bent = record.bytes!.slice()
    bent[bent.length - 1]! ^= 1
    const known = chain.checkpoint
    refused(known, { ...proof, records: [voters, { ...record, bytes: bent }] }, /not in the certified state/)
    refused(known, { ...proof, records: [voters, { ...record, bytes: null }] }, /not in the certified state/)
    refused(
      known,
      { ...proof, records: [voters, { ...record, path: 'key/another' }] },
      /not in the certified/,
    )
    refused(known, { ...proof, records: [record] }, /who votes/)
    refused(
      known,
      { ...proof, header: { ...proof.header, timeMs: proof.header.timeMs + 1 } },
      /no certificate/,
    )
    const { signatures } = proof.certificate
    const fewer = { ...proof.certificate, signatures: signatures.slice(1) }
    refused(known, { ...proof, certificate: fewer }, /too few signatures/)
  })

  it('refuse a state that strangers have certified among themselves', () => {
    const strangers = [1, 2, 3, 4].map(index => keyNamed(`stranger-${index}`))
    const other = new Chain()
    const proof = chain.prove('key/release')
    const vote = { height: proof.header.height, round: 0, blockId: blockIdOf(proof.header) }
    const signatures = strangers.map(key => signValue(key, 'precommit', other.checkpoint.networkId, vote))
    refused(
      chain.checkpoint,
      { ...proof, certificate: makeCertificate(signatures) },
      /too few known validators/,
    )
  })

  it('refuse one that is older than what is known', () => {
    const longer = new Chain()
    longer.block('release')
    longer.block()
    const old = longer.prove('key/release')
    longer.block()
    const { checkpoint } = verifyState(longer.checkpoint, longer.prove())
    refused(checkpoint, old, /older/)
  })
})

describe('proofs across changes of who votes', () => {
  const peers = (chain: Chain, from: number, to: number): string[] =>
    chain.keys.slice(from, to).map(key => peerIdOf(key.publicKey))

  it('one that leaves enough of the known is skipped over', () => {
    const chain = new Chain()
    chain.block(`join.${peers(chain, 4, 5)[0]}`)
    for (const _ of [1, 2]) chain.block()
    assert.equal(chain.handovers.length, 1)
    const { checkpoint } = verifyState(chain.checkpoint, chain.prove())
    assert.equal(checkpoint.validators.length, 5)
  })

  it('after all founders have left, the handovers lead there, one after the other, and nothing else does', () => {
    const chain = new Chain()
    for (const peer of peers(chain, 4, 8)) chain.block(`join.${peer}`)
    for (const peer of peers(chain, 0, 4)) chain.block(`suspend.${peer}`)
    chain.block('late')
    chain.block()
    const proof = chain.prove('key/late')
    refused(chain.checkpoint, proof, /too few known validators/)
    assert.equal(chain.handovers.length, 8)
    let known = chain.checkpoint
    for (const handover of chain.handovers) known = verifyState(known, handover).checkpoint
    const verified = verifyState(known, proof)
    assert.equal((verified.records.get('key/late') as { height: number }).height, 9)
    assert.deepEqual(
      new Set(verified.checkpoint.validators.map(each => each.peerId)),
      new Set(peers(chain, 4, 8)),
    )
    refused(chain.checkpoint, chain.handovers.at(-1)!)
    assert.equal(toHex(verified.checkpoint.networkId), toHex(chain.checkpoint.networkId))
  })

  it('a set that the state does not name is refused, though its quorum has signed', () => {
    // the gateway pads the record with keys of its own, over a genuine certificate
    const chain = new Chain()
    chain.block('release')
    chain.block()
    const proof = chain.prove()
    const [voters] = proof.records
    const padded = { ...voters!, bytes: new Uint8Array([...voters!.bytes!, 0]) }
    refused(chain.checkpoint, { ...proof, records: [padded] }, /not in the certified state/)
  })
})

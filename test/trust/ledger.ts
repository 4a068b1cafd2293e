import { type PeerId, peerIdOf } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import {
  applyBlock,
  initialState,
  type LedgerReader,
  type LedgerState,
  type MemberRecord,
  memberPath,
  type TransactionResult,
} from '../../src/control/index.ts'
import type { SigningKey } from '../../src/crypto/index.ts'
import { REDUCER } from '../../src/node/state.ts'
import type { ScoreEntry } from '../../src/trust/index.ts'
import { trustOf } from '../../src/trust/index.ts'
import type { Certificate, Genesis, Observation, SignedTransaction } from '../../src/wire/index.ts'
import { makeGenesis, nodeKeys, signed } from '../control/fixture.ts'

const certificate: Certificate = { height: 1, round: 0, blockId: new Uint8Array(32), signatures: [] }

/** An observation of one who did all it should, but for what is given. */
export function observed(subject: PeerId, flaws: Partial<Observation> = {}): Observation {
  return { subject, beaconsDue: 6, beaconsSeen: 6, answers: 6, late: 0, wrong: 0, excess: 0, ...flaws }
}

/** The node's reducer over one block an epoch, with whatever reports the test hands in. */
export class TrustLedger {
  readonly genesis: Genesis
  readonly keys: readonly SigningKey[]
  readonly peers: readonly PeerId[]
  state: LedgerState

  constructor(nodes: number) {
    this.keys = nodeKeys(nodes)
    this.peers = this.keys.map(key => peerIdOf(key.publicKey))
    this.genesis = makeGenesis(this.keys)
    this.state = initialState(this.genesis)
  }

  get reader(): LedgerReader {
    const { records } = this.state
    return {
      get: path => records.get(path),
      list: prefix => [...records.entries(prefix)] as never,
      page: (prefix, after, limit) => records.page(prefix, after, limit),
    }
  }

  member(node: number): MemberRecord {
    return this.reader.get<MemberRecord>(memberPath(this.peers[node]!))!
  }

  score(node: number): ScoreEntry {
    return trustOf(this.reader).scores.find(entry => entry.peerId === this.peers[node])!
  }

  report(
    reporter: number,
    observations: readonly Observation[],
    epoch: number = this.state.chain.epoch,
  ): SignedTransaction {
    const sorted = [...observations].sort((a, b) => (a.subject < b.subject ? -1 : 1))
    return signed(this.genesis, { type: 'report', epoch, observations: sorted }, this.keys[reporter]!)
  }

  block(
    transactions: readonly SignedTransaction[],
    atMs: number = this.state.chain.timeMs + 10,
  ): readonly TransactionResult[] {
    const isFirst = this.state.chain.height === 0
    const block = makeBlock(this.state, isFirst ? null : certificate, transactions, 0, atMs)
    const { state, results, faults } = applyBlock(this.state, block, REDUCER)
    if (faults.length > 0) throw faults[0]
    this.state = state
    return results
  }

  /** The block that opens the next epoch, with every reporter's word on every other. */
  epoch(
    say: (reporter: number, subject: number) => Partial<Observation> | undefined,
    silent: readonly number[] = [],
  ): void {
    const reports = this.peers.flatMap((_, reporter) => {
      if (silent.includes(reporter) || this.member(reporter).state !== 'active') return []
      const observations = this.peers.flatMap((peerId, subject) => {
        const flaws = subject === reporter ? undefined : say(reporter, subject)
        return flaws === undefined ? [] : [observed(peerId, flaws)]
      })
      return [this.report(reporter, observations)]
    })
    const { epochMs } = this.genesis.timing
    const results = this.block(reports, this.genesis.createdMs + (this.state.chain.epoch + 1) * epochMs)
    for (const result of results) if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
  }
}

import { deepEqual, equal, throws } from 'node:assert/strict'
import {
  CompactRange,
  leafHash,
  originOf,
  planConsistency,
  proofOf,
  signCheckpoint,
} from '../../src/audit/index.ts'
import { peerIdOf, utf8 } from '../../src/base/index.ts'
import { initialState, LedgerDraft, type TransactionContext } from '../../src/control/index.ts'
import type { SigningKey } from '../../src/crypto/index.ts'
import {
  type AuditRecord,
  auditLosses,
  type ConvictionRecord,
  keyPaths,
  recordCheckpoint,
  reportEvidence,
  resetAudit,
} from '../../src/keys/index.ts'
import type { AuditCheckpoint, CheckpointHalf } from '../../src/wire/index.ts'
import { identity, owner, peerId, Solo } from './solo.ts'

const { genesis, networkId } = new Solo()
const at: TransactionContext = {
  ...{ genesis, networkId, height: 7, timeMs: genesis.createdMs + 7, epoch: 0, blockId: new Uint8Array(32) },
  ...{ transactionId: new Uint8Array(32).fill(5), signer: identity.publicKey },
}

/** A log of `size` leaves; `branch` says which. */
function treeOf(size: number, branch = 'a', shared = size): CompactRange {
  const tree = new CompactRange()
  for (let leaf = 0; leaf < size; leaf++)
    tree.append(leafHash(utf8(leaf < shared ? `${leaf}` : `${branch}${leaf}`)))
  return tree
}

function checkpointOf(
  tree: CompactRange,
  key: SigningKey = identity,
  proof: readonly Uint8Array[] = [],
  generation = 0,
): AuditCheckpoint {
  const origin = originOf(networkId, peerIdOf(key.publicKey), generation)
  const signed = signCheckpoint(key, origin, { size: tree.size, root: tree.root() })
  return { type: 'audit-checkpoint', ...(generation > 0 && { generation }), ...signed, proof }
}

function proofBetween(first: number, second: number): Uint8Array[] {
  return proofOf(planConsistency(first, second), ({ level, index }) => {
    const range = new CompactRange(index * 2 ** level)
    for (let leaf = range.begin; leaf < (index + 1) * 2 ** level; leaf++)
      range.append(leafHash(utf8(`${leaf}`)))
    return range.hashes[0]!
  })
}

describe('checkpoints in the control log', () => {
  let ledger: LedgerDraft
  const record = (): AuditRecord | undefined => ledger.get<AuditRecord>(keyPaths.audit(peerId))
  const conviction = (): ConvictionRecord | undefined => ledger.get(keyPaths.conviction(peerId))

  beforeEach(() => {
    ledger = new LedgerDraft(initialState(genesis).records, at)
    recordCheckpoint(ledger, checkpointOf(treeOf(5)), at)
  })

  it('are recorded, and continued by those that prove it', () => {
    equal(record()?.size, 5)
    recordCheckpoint(ledger, checkpointOf(treeOf(12), identity, proofBetween(5, 12)), at)
    equal(record()?.size, 12)
    deepEqual(record()?.root, treeOf(12).root())
  })

  it('never shrink, and a replay changes nothing and convicts nobody', () => {
    for (const size of [4, 5]) {
      throws(() => recordCheckpoint(ledger, checkpointOf(treeOf(size)), at), { code: 'conflict' })
    }
    equal(record()?.size, 5)
    equal(conviction(), undefined)
  })

  it('that do not continue the one on record are refused', () => {
    const forked = checkpointOf(treeOf(12, 'b', 3), identity, proofBetween(5, 12))
    throws(() => recordCheckpoint(ledger, forked, at), { code: 'conflict' })
    throws(() => recordCheckpoint(ledger, checkpointOf(treeOf(12)), at), { code: 'conflict' })
    equal(record()?.size, 5)
  })

  it('with a second root for the size on record convict their node', () => {
    recordCheckpoint(ledger, checkpointOf(treeOf(5, 'b', 4)), at)
    equal(conviction()?.reason, 'forked_audit')
    throws(() => recordCheckpoint(ledger, checkpointOf(treeOf(12), identity, proofBetween(5, 12)), at), {
      code: 'forbidden',
    })
  })

  it('of strangers, or with another’s signature, are refused', () => {
    const foreign = { ...at, signer: owner.publicKey }
    throws(() => recordCheckpoint(ledger, checkpointOf(treeOf(6), owner), foreign), { code: 'stranger' })
    throws(() => recordCheckpoint(ledger, checkpointOf(treeOf(6), owner), at), { code: 'bad_signature' })
  })

  describe('of a log that was written off', () => {
    const byOperator: TransactionContext = { ...at, height: 9, signer: owner.publicKey }
    const reset = (generation: number, context = byOperator): void =>
      resetAudit(ledger, { type: 'reset-audit', peerId, generation, approvals: [] }, context)

    it('stay on record as a loss, and another log begins', () => {
      reset(1)
      equal(record(), undefined)
      const [loss, ...others] = auditLosses(ledger, peerId)
      deepEqual(others, [])
      deepEqual([loss?.size, loss?.height, loss?.operator], [5, 9, owner.publicKey])
      deepEqual(loss?.root, treeOf(5).root())
      throws(() => recordCheckpoint(ledger, checkpointOf(treeOf(12), identity, proofBetween(5, 12)), at), {
        code: 'conflict',
      })
      recordCheckpoint(ledger, checkpointOf(treeOf(3, 'b', 0), identity, [], 1), at)
      deepEqual([record()?.size, record()?.generation], [3, 1])
    })

    it('take an operator’s word, and the same word once', () => {
      throws(() => reset(1, at), { code: 'unauthorized' })
      throws(() => reset(2), { code: 'conflict' })
      reset(1)
      throws(() => reset(1), { code: 'conflict' })
      reset(2)
      equal(auditLosses(ledger, peerId).length, 2)
    })

    it('contradict no checkpoint of the next one, while two of the next one do', () => {
      reset(1)
      const next = checkpointOf(treeOf(5, 'b', 0), identity, [], 1)
      recordCheckpoint(ledger, next, at)
      equal(conviction(), undefined)
      recordCheckpoint(ledger, checkpointOf(treeOf(5, 'c', 0), identity, [], 1), at)
      equal(conviction()?.reason, 'forked_audit')
    })
  })

  it('make evidence when a node signs two roots for one size, whoever brings it', () => {
    const half = (branch: string, key = identity): CheckpointHalf => {
      const { root, signature } = checkpointOf(treeOf(9, branch, 8), key)
      return { root, signature }
    }
    const log = identity.publicKey
    const report = (first: CheckpointHalf, second: CheckpointHalf): void =>
      reportEvidence(
        ledger,
        { type: 'report-evidence', evidence: { type: 'forked-audit', log, size: 9, first, second } },
        { ...at, signer: owner.publicKey },
      )
    throws(() => report(half('a'), half('a')), { code: 'malformed' })
    throws(() => report(half('a'), half('b', owner)), { code: 'malformed' })
    equal(conviction(), undefined)
    report(half('a'), half('b'))
    equal(conviction()?.reason, 'forked_audit')
  })
})

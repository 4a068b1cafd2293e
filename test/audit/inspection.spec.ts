import { deepEqual, equal, match, ok } from 'node:assert/strict'
import {
  type AuditFinding,
  auditEntryCodec,
  auditKeys,
  CompactRange,
  leafHash,
  originOf,
  signCheckpoint,
} from '../../src/audit/index.ts'
import { encodeHead } from '../../src/audit/log.ts'
import { inspectDirectory, type Witnessed } from '../../src/node/index.ts'
import { eventually, identity, peerId, Solo, type TestStore } from './solo.ts'

const entryKeys = (store: TestStore): string[] =>
  [...store.entries.keys()].filter(key => key.startsWith('audit/entry/')).sort()

/** Writes a whole new log, sound in itself: what a patient liar does. */
function replace(store: TestStore, values: readonly Uint8Array[]): CompactRange {
  const keys = entryKeys(store)
  for (const key of keys.slice(values.length)) store.entries.delete(key)
  const tree = new CompactRange()
  for (const [at, value] of values.entries()) {
    store.entries.set(keys[at]!, value)
    for (const node of tree.append(leafHash(value))) store.entries.set(auditKeys(0).node(node), node.hash)
  }
  store.entries.set('audit/head', encodeHead(tree))
  store.entries.delete('audit/checkpoint')
  return tree
}

function edited(value: Uint8Array): Uint8Array {
  return auditEntryCodec.encode({ ...auditEntryCodec.decode(value), action: 'nothing' })
}

describe('verifying a stopped node’s audit log', function () {
  this.timeout(30_000)
  let solo: Solo
  let values: Uint8Array[]

  beforeEach(async () => {
    solo = await new Solo().start()
    await solo.createKey('seeds', 'ristretto255')
    for (let round = 0; round < 3; round++) await solo.port.operate(solo.asks('seeds', 'derive'))
    await eventually(() => (solo.port.auditCheckpoints()[0]?.size ?? 0) >= 9)
    await solo.stop()
    values = entryKeys(solo.store).map(key => solo.store.entries.get(key)!)
  })

  const inspect = async (witnessed: readonly Witnessed[] = []): Promise<readonly AuditFinding[]> =>
    (await inspectDirectory(solo.store, solo.genesis, peerId, witnessed)).findings
  const faults = (findings: readonly AuditFinding[]): string[] => [
    ...new Set(findings.map(each => each.fault)),
  ]

  it('finds nothing where nothing was done', async () => {
    deepEqual(await inspect(), [])
  })

  it('finds entries cut off at the end, however tidily', async () => {
    replace(solo.store, values.slice(0, 8))
    const findings = await inspect()
    deepEqual(faults(findings), ['truncated'])
    equal(findings[0]?.sequence, 8)
  })

  it('finds an entry that is gone from the middle', async () => {
    solo.store.entries.delete(entryKeys(solo.store)[4]!)
    const findings = await inspect()
    ok(faults(findings).includes('truncated'))
    equal(findings.find(each => each.fault === 'truncated')?.sequence, 4)
  })

  it('finds an edited entry, and names it', async () => {
    solo.store.entries.set(entryKeys(solo.store)[3]!, edited(values[3]!))
    const findings = await inspect()
    deepEqual(faults(findings), ['edited'])
    equal(findings[0]?.sequence, 2)
    match(findings[0]!.text, /entries 2 to 3/)
  })

  it('finds a log that was written anew, sound in itself', async () => {
    replace(
      solo.store,
      values.map((value, at) => (at === 5 ? edited(value) : value)),
    )
    deepEqual(faults(await inspect()), ['rewritten'])
  })

  it('finds a fork: the node has signed another head of this size for someone else', async () => {
    const size = solo.port.auditCheckpoints()[0]!.size
    const other = new CompactRange()
    for (const value of values.slice(0, size)) other.append(leafHash(edited(value)))
    const head = { size, root: other.root() }
    const signed = signCheckpoint(identity, originOf(solo.networkId, peerId), head)
    const checkpoint = { ...signed, generation: 0 }
    const findings = await inspect([{ source: 'a witness', checkpoint }])
    deepEqual(faults(findings).sort(), ['forked', 'rewritten'])
    match(findings[0]!.text, /a witness/)
  })

  it('does not believe a witness whose checkpoint the node has not signed', async () => {
    const checkpoint = { generation: 0, size: 3, root: new Uint8Array(32), signature: new Uint8Array(64) }
    deepEqual(faults(await inspect([{ source: 'a liar', checkpoint }])), ['unsigned'])
  })
})

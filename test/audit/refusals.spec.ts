import assert from 'node:assert/strict'
import { emptyLog } from '../../src/audit/index.ts'
import { OstrakaError, utf8 } from '../../src/base/index.ts'
import { createAuditing, Scribe } from '../../src/node/auditing.ts'
import { identity, peerId } from './solo.ts'

const PROPOSAL = utf8('a proposal that nobody knows       ').subarray(0, 32)
const START_MS = 1_000_000

describe('refusals', () => {
  const made = () => createAuditing(emptyLog({ networkId: PROPOSAL, peerId, identity, generation: 0 }))

  /** A request that is refused at this moment: how many entries come of it, and when counted ones are due. */
  function refuse(auditing: ReturnType<typeof made>, nowMs: number) {
    const scribe = new Scribe(auditing, nowMs)
    const error = new OstrakaError('forbidden', 'nobody has approved it')
    scribe.exported('export-share', PROPOSAL, undefined, { peer: peerId, error })
    const { timerEffect } = scribe
    return { entries: scribe.finish()?.appended.writes.length ?? 0, timerEffect }
  }

  it('make no entries while the disk takes none, and are counted in one once it does', () => {
    const auditing = made()
    auditing.log.unwritten = new OstrakaError('storage_full', 'no space is left')
    for (let count = 0; count < 1000; count++) assert.equal(refuse(auditing, START_MS).entries, 0)
    const { timerEffect } = refuse(auditing, START_MS)
    assert.ok(timerEffect !== undefined)
    const early = new Scribe(auditing, timerEffect.atMs)
    early.timer(timerEffect.id)
    const again = early.timerEffect
    assert.ok(early.finish() === undefined && again !== undefined && again.atMs > timerEffect.atMs)
    auditing.log.unwritten = undefined
    const scribe = new Scribe(auditing, again.atMs)
    scribe.timer(again.id)
    assert.equal(scribe.finish()?.appended.size, 1)
  })

  it('make an entry each, as long as they are few', () => {
    const auditing = made()
    for (let count = 0; count < 5; count++) assert.ok(refuse(auditing, START_MS).entries > 0)
    assert.equal(auditing.log.tree.size, 5)
  })
})

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client, ProposalJson } from '../../src/api/index.ts'
import { fromHex, OstrakaError, Secret } from '../../src/base/index.ts'
import { proposalNamed } from '../../src/cli/approving.ts'
import { exportKey } from '../../src/cli/exporting.ts'

const ID = '5f1c09ab'.repeat(8)
const act = { type: 'export-key', name: 'wallet', version: 1, keyId: '00', recipient: 'AAAA' } as const

function proposalIn(state: string, approvals: readonly string[] = []): ProposalJson {
  const times = { expiresMs: 2, height: 1, timeMs: 1, closedMs: 0 }
  return { id: ID, proposer: '', act, reason: 'why', state, needed: 2, approvals, ...times }
}

/** A daemon whose proposal goes through these states, one for each question. */
function daemon(
  states: string[],
  collect: () => Promise<Secret>,
): Client & { proposed: number; keys: string[] } {
  const fake = {
    proposed: 0,
    keys: [] as string[],
    async proposeExport() {
      fake.proposed++
      return { proposal: proposalIn('open'), oneTimeKey: new Secret(new Uint8Array(32).fill(7)) }
    },
    async approvals() {
      const state = states.length > 1 ? states.shift()! : states[0]!
      return { needed: 2, operators: [], proposals: state === 'unknown' ? [] : [proposalIn(state)] }
    },
    status: async () => ({ height: 1 }),
    log: async () => ({ height: 1, blocks: [] }),
    async collectExport(_name: string, _id: string, key: Secret) {
      fake.keys.push(Buffer.from(key.expose()).toString('hex'))
      const secret = await collect()
      return { kind: 'ed25519', version: 1, publicKey: new Uint8Array(32), secret, form: 'scalar' }
    },
  }
  return fake as never
}

describe('key export', () => {
  let dir: string
  let out: string
  const secret = async (): Promise<Secret> => new Secret(new Uint8Array(32).fill(9))

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-export-'))
    out = join(dir, 'wallet.key')
  })

  afterEach(() => rmSync(dir, { recursive: true }))

  const run = (client: Client, isWaiting: boolean, name = 'wallet') =>
    exportKey(client, name, { out, reason: 'why', version: 0, ttlMs: 1000, isWaiting }, () => {})

  it('waits, collects, and leaves the secret alone behind, for its owner’s eyes', async () => {
    const client = daemon(['open', 'open', 'approved'], secret)
    const done = await run(client, true)
    assert.equal(done.state, 'exported')
    assert.deepEqual(new Uint8Array(readFileSync(out)), new Uint8Array(32).fill(9))
    assert.equal(statSync(out).mode & 0o777, 0o600)
    assert.ok(!existsSync(`${out}.request`))
  })

  it('is taken up again with the same one-time key, and proposes once', async () => {
    const client = daemon(['open', 'approved'], secret)
    const waiting = await run(client, false)
    assert.deepEqual([waiting.state, waiting.proposal], ['waiting', ID])
    assert.equal(statSync(`${out}.request`).mode & 0o777, 0o600)
    await assert.rejects(run(client, false, 'another'), { code: 'conflict' })
    assert.equal((await run(client, false)).state, 'exported')
    assert.equal(client.proposed, 1)
    assert.deepEqual(client.keys, ['07'.repeat(32)])
  })

  it('touches no file that is there', async () => {
    writeFileSync(out, 'precious')
    const client = daemon(['approved'], secret)
    await assert.rejects(run(client, true), { code: 'conflict' })
    assert.equal(readFileSync(out, 'utf8'), 'precious')
    assert.equal(client.proposed, 0)
  })

  it('keeps the one-time key while anything may yet come of it, and forgets it when nothing can', async () => {
    const request = `${out}.request`
    const failing = (code: 'insufficient_shares' | 'expired') => async (): Promise<Secret> => {
      throw new OstrakaError(code, 'no')
    }
    await assert.rejects(run(daemon(['unknown'], secret), false), { code: 'not_found' })
    assert.ok(existsSync(request), 'a daemon that lags took the key')
    await assert.rejects(run(daemon(['done'], failing('insufficient_shares')), false), {
      code: 'insufficient_shares',
    })
    assert.ok(existsSync(request))
    for (const [state, code] of [
      ['expired', 'expired'],
      ['withdrawn', 'not_found'],
    ] as const) {
      await assert.rejects(run(daemon([state], secret), false), { code })
      assert.ok(!existsSync(request))
    }
    await assert.rejects(run(daemon(['done'], failing('expired')), false), { code: 'expired' })
    assert.ok(!existsSync(request))
  })
})

describe('a proposal’s name', () => {
  it('is the beginning of its id, long enough and of one alone', () => {
    const other = { ...proposalIn('open'), id: `5f1c09ab${'0'.repeat(56)}` }
    const list = { needed: 2, operators: [], proposals: [proposalIn('open'), other] }
    assert.equal(proposalNamed(list, ID.slice(0, 12)).id, ID)
    assert.throws(() => proposalNamed(list, '5f1c09ab'), { code: 'conflict' })
    assert.throws(() => proposalNamed(list, '5f1'), { code: 'malformed' })
    assert.throws(() => proposalNamed(list, 'not a hex'), { code: 'malformed' })
    assert.throws(() => proposalNamed(list, 'ffffffff'), { code: 'not_found' })
    assert.equal(fromHex(ID).length, 32)
  })
})

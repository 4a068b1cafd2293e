import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { Secret, utf8 } from '../../src/base/index.ts'
import { verifyWithPlatform } from '../../testnet/verification.ts'
import { eventually, Testnet } from './testnet.ts'

const anyKey = (): Secret => new Secret(new Uint8Array(32).fill(1))

describe('export of a key, as real processes', function () {
  this.timeout(120_000)
  let net: Testnet
  let publicKey: string
  let proposal: string
  let usedAt: number

  before(async () => {
    net = await Testnet.start({ nodes: 4, operators: 3 })
  })

  after(() => net?.stop())

  const command = (node: string, ...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka(node, ...args)
    return { status, stdout: String(stdout).trim(), stderr: String(stderr) }
  }

  const json = (node: string, ...args: string[]) => {
    const { status, stdout, stderr } = command(node, ...args, '--json')
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }

  const sizes = ['--threshold', '2', '--shares', '3']
  const exportOf = (name: string, ...args: string[]) => [
    ...['key', 'export', name, '--out', net.file(`${name}.secret`), '--reason', 'the test ends'],
    ...args,
  ]
  const approves = (node: string, operator: number) =>
    json(node, 'approve', 'sign', proposal, '--operator-file', net.operator(operator))

  it('a key that was not created exportable is never proposed', () => {
    json('node-1', 'key', 'create', 'closed', '--kind', 'ed25519', ...sizes)
    assert.match(command('node-1', ...exportOf('closed')).stderr, /^not_exportable:/)
  })

  it('an export waits for the operators, and nobody gets past them', async () => {
    publicKey = json(
      'node-1',
      'key',
      'create',
      'wallet',
      '--kind',
      'ed25519',
      '--exportable',
      ...sizes,
    ).publicKey
    const waiting = json('node-1', ...exportOf('wallet', '--no-wait'))
    proposal = waiting.proposal
    assert.deepEqual([waiting.state, waiting.needed, waiting.given], ['waiting', 2, 0])
    const [shown] = json('node-2', 'approve', 'list').proposals
    assert.equal(shown.id, proposal)
    assert.equal(shown.reason, 'the test ends')
    assert.equal(approves('node-2', 2).state, 'open')
    // the same word twice is one
    assert.equal(approves('node-3', 2).approvals.length, 1)
    assert.equal(json('node-1', ...exportOf('wallet', '--no-wait')).given, 1)
    await assert.rejects(net.client('node-1').collectExport('wallet', proposal, anyKey()), {
      code: 'conflict',
    })
    assert.match(command('node-4', 'status').stdout, /^waiting [0-9a-f]{16}: export-key, 1 of 2 approvals/m)
  })

  it('two of three operators approve, and its secret comes back together, once', async () => {
    assert.equal(approves('node-3', 3).state, 'approved')
    const exported = json('node-4', ...exportOf('wallet'))
    usedAt = Date.now()
    assert.deepEqual([exported.form, exported.publicKey], ['scalar', publicKey])
    const file = net.file('wallet.secret')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(readFileSync(file).length, 32)
    assert.match(command('node-4', ...exportOf('wallet')).stderr, /^conflict:/)
  })

  it('the secret is the key: imported elsewhere it has the same public key', async () => {
    const form = ['--secret-file', net.file('wallet.secret'), '--secret-form', 'scalar']
    const copy = json('node-2', 'key', 'import', 'copy', '--kind', 'ed25519', ...form, ...sizes)
    assert.equal(copy.publicKey, publicKey)
    const message = utf8('signed by the copy')
    const { signatures } = await net.client('node-3').sign('copy', [message])
    const key = new Uint8Array(Buffer.from(publicKey, 'base64'))
    assert.ok(verifyWithPlatform(key, message, signatures[0]!))
  })

  it('a refresh follows, after which the approval is of no use, and the key goes on', async () => {
    await eventually(
      'the shares are made anew',
      async () => (await net.client('node-1').key('wallet')).generation > 0,
    )
    assert.ok(Date.now() - usedAt > 4000, 'the refresh did not wait for the window')
    await assert.rejects(net.client('node-1').collectExport('wallet', proposal, anyKey()), {
      code: 'expired',
    })
    const key = await net.client('node-2').key('wallet')
    assert.equal(key.publicKey, publicKey)
    await net.client('node-2').sign('wallet', [utf8('still here')])
  })

  it('every node tells of every step, in its audit log and its metrics', async () => {
    for (const { name } of net.state.nodes) {
      const { entries } = await net.client(name).audit(0)
      const steps = entries.flatMap(({ entry }) => (entry?.kind === 'approval' ? [entry.action] : []))
      assert.deepEqual(steps, ['propose', 'approve', 'approve', 'use-approval'], name)
      const metrics = await net.client(name).metrics()
      assert.match(metrics, /ostraka_events\{event="exceptional_acts\/use-approval"\} 1/)
    }
    const holders = (await net.client('node-1').key('wallet')).holders.map(({ peerId }) => peerId)
    for (const { name } of net.state.nodes.filter(node => holders.includes(node.peerId))) {
      const { entries } = await net.client(name).audit(0)
      const shares = entries.filter(({ entry }) => entry?.action === 'export-share' && entry.outcome === 'ok')
      assert.equal(shares.length, 1, name)
      assert.equal(shares[0]?.entry?.key, 'wallet')
    }
  })
})

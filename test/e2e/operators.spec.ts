import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type AuditEntry, auditEntryCodec } from '../../src/audit/index.ts'
import { fromBase64, Secret } from '../../src/base/index.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const anyKey = (): Secret => new Secret(new Uint8Array(32).fill(1))

describe('what operators decide together, as real processes', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet
  let publicKey: string
  let proposal: string
  let receiver: Server
  /** Who told what of exports, `node type given`: once more when this process was too busy with commands to answer in time. */
  const notices = new Set<string>()

  before(async () => {
    receiver = createServer(async (request, response) => {
      const { networkId, node, type, proposal } = JSON.parse(await text(request))
      assert.equal(networkId, net.state.networkId)
      if (proposal.act.type === 'export-key') {
        assert.equal(proposal.reason, 'the test ends')
        notices.add(`${node} ${type} ${proposal.approvals.length}`)
      }
      response.writeHead(204).end()
    })
    await once(receiver.listen(0, '127.0.0.1'), 'listening')
    // the daemons inherit it
    process.env.OSTRAKA_NOTIFY_URL = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/notices`
    net = await Testnet.start({ nodes: 4, operators: 3 })
    delete process.env.OSTRAKA_NOTIFY_URL
  })

  after(async () => {
    await net?.stop()
    receiver.close()
  })

  const command = (node: string, ...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka(node, ...args)
    return { status, stdout: String(stdout).trim(), stderr: String(stderr) }
  }

  const json = (node: string, ...args: string[]) => {
    const { status, stdout, stderr } = command(node, ...args, '--json')
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }

  const sizes = { threshold: 2, shares: 3 }
  const exportOf = (name: string, ...args: string[]) => [
    ...['key', 'export', name, '--out', net.file(`${name}.secret`), '--reason', 'the test ends'],
    ...['--genesis', join(net.node('node-1').dir, 'genesis.json')],
    ...args,
  ]
  const signs = (operator: number) => ['--operator-file', net.operator(operator)]
  const approves = (node: string, operator: number) =>
    json(node, 'approve', 'sign', proposal, ...signs(operator))

  /** Waits until a node has learnt of so many approvals. */
  const knows = (name: string, given: number) =>
    eventually(`${name} knows of ${given} approvals`, async () => {
      const { proposals } = await net.client(name).approvals()
      return proposals.some(({ id, approvals }) => id === proposal && approvals.length === given)
    })

  /** What a node's audit log tells, all of it. */
  const auditOf = async (name: string): Promise<readonly AuditEntry[]> => {
    const told: AuditEntry[] = []
    for (;;) {
      const { entries, size } = await net.client(name).audit(told.length)
      told.push(...entries.map(({ bytes }) => auditEntryCodec.decode(fromBase64(bytes, 'bytes'))))
      if (told.length >= size) return told
    }
  }

  it('a key that was not created exportable is never proposed', async () => {
    await net.createKey('node-1', { name: 'closed', kind: 'ed25519', ...sizes })
    assert.match(command('node-1', ...exportOf('closed')).stderr, /^not_exportable:/)
  })

  it('an export waits for the operators, and nobody gets past them', async () => {
    const wallet = { name: 'wallet', kind: 'ed25519', isExportable: true, ...sizes } as const
    publicKey = (await net.createKey('node-1', wallet)).publicKey
    const waiting = json('node-1', ...exportOf('wallet', '--no-wait'))
    proposal = waiting.proposal
    assert.deepEqual([waiting.state, waiting.needed, waiting.given], ['waiting', 2, 0])
    await knows('node-2', 0)
    const { stdout } = command('node-2', 'approve', 'list')
    assert.match(stdout, /export wallet version 1 +open +0 of 2 .* the test ends/)
    assert.equal(approves('node-2', 2).state, 'open')
    // the same word twice is one
    await knows('node-3', 1)
    assert.equal(approves('node-3', 2).approvals.length, 1)
    await assert.rejects(net.client('node-1').collectExport('wallet', proposal, anyKey()), {
      code: 'conflict',
    })
    await knows('node-4', 1)
    const [notice] = (await net.client('node-4').health()).notices
    assert.equal(notice, `exceptional act ${proposal.slice(0, 16)}: export-key, open, 1 of 2 approvals`)
    assert.match(command('node-4', 'status').stdout, /^waiting [0-9a-f]{16}: export-key, 1 of 2 approvals/m)
  })

  it('two of three operators approve, and its secret comes back together, once', async () => {
    assert.equal(approves('node-3', 3).state, 'approved')
    await knows('node-4', 2)
    const exported = json('node-4', ...exportOf('wallet'))
    assert.deepEqual([exported.form, exported.publicKey], ['scalar', publicKey])
    assert.equal(exported.verified.networkId, net.state.networkId)
    const file = net.file('wallet.secret')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(readFileSync(file).length, 32)
    assert.match(command('node-4', ...exportOf('wallet')).stderr, /^conflict:/)
  })

  it('the secret is the key: imported elsewhere it has the same public key', async () => {
    const form = ['--secret-file', net.file('wallet.secret'), '--secret-form', 'scalar']
    const copy = json('node-2', 'key', 'import', 'copy', '--kind', 'ed25519', ...form)
    assert.equal(copy.publicKey, publicKey)
    await net.keepsUp('node-2')
    assert.equal(await net.signs('node-3', 'copy'), publicKey)
  })

  it('a refresh follows, after which the approval is of no use, and the key goes on', async () => {
    const client = net.client('node-1')
    await eventually('the shares are made anew', async () => (await client.key('wallet')).generation > 0)
    const { proposals } = await client.approvals()
    const { closedMs } = proposals.find(({ id }) => id === proposal)!
    const [version] = (await client.key('wallet')).versions
    const { blocks } = await client.log(version!.height, { limit: 1 })
    const { header } = blocks[0]!.block as { readonly header: { readonly timeMs: number } }
    const { dealMs, acknowledgeMs } = (await client.genesis()).genesis.timing
    const windowMs = dealMs + acknowledgeMs
    assert.ok(header.timeMs - closedMs > windowMs, 'the refresh did not wait for the window')
    await assert.rejects(client.collectExport('wallet', proposal, anyKey()), { code: 'expired' })
    assert.equal(await net.signs('node-2', 'wallet'), publicKey)
  })

  it('every node tells of every step: to the operators, in its audit log and its metrics', async () => {
    const steps = ['propose 0', 'approve 1', 'approve 2', 'use-approval 2']
    const expected = net.state.nodes.flatMap(({ peerId }) => steps.map(step => `${peerId} ${step}`))
    await eventually('all have told', async () => notices.size >= expected.length)
    assert.deepEqual([...notices].sort(), expected.toSorted())
    for (const { name } of net.state.nodes) {
      const told = (await auditOf(name)).filter(({ kind }) => kind === 'approval')
      const actions = told.map(({ action }) => action)
      assert.deepEqual(actions, ['propose', 'approve', 'approve', 'use-approval'], name)
      const metrics = await net.client(name).metrics()
      assert.match(metrics, /ostraka_events\{event="exceptional_acts\/use-approval"\} 1/)
    }
    const holders = (await net.client('node-1').key('wallet')).holders.map(({ peerId }) => peerId)
    for (const { name } of net.state.nodes.filter(node => holders.includes(node.peerId))) {
      const entries = await auditOf(name)
      const shares = entries.filter(({ action, outcome }) => action === 'export-share' && outcome === 'ok')
      assert.equal(shares.length, 1, name)
      assert.equal(shares[0]?.key, 'wallet')
    }
  })

  it('the attestation policy is replaced with the second operator’s word, who is shown what changes', async () => {
    const { program } = json('node-1', 'attest', 'measure')
    const several = [...signs(1), ...signs(2), '--propose', 'release 1']
    const allow = ['attest', 'policy', 'allow', program]
    assert.match(command('node-1', ...allow, ...several).stderr, /^malformed:/)
    assert.match(command('node-1', ...allow, ...signs(1)).stderr, /^unauthorized:/)
    proposal = json('node-1', ...allow, ...signs(1), '--propose', 'release 1').id
    await knows('node-2', 0)
    assert.equal(approves('node-2', 2).state, 'open')
    assert.deepEqual((await net.client('node-2').attestation()).policy.measurements, [])
    await knows('node-3', 1)
    const { stdout } = command('node-3', 'approve', 'sign', proposal, ...signs(3))
    assert.match(stdout, /^ {2}required {5}none, at most 20 epochs old$/m)
    assert.match(stdout, new RegExp(`^\\+ measurement {2}${program}$`, 'm'))
    assert.match(stdout, /^approved: 2 of 2, done$/m)
    await knows('node-4', 2)
    const { policy, revision } = await net.client('node-4').attestation()
    assert.deepEqual([policy.measurements, revision], [[program], 1])
  })

  it('an audit log is written off in the same way, and its node begins another', async () => {
    const { peerId } = net.node('node-2')
    const reset = ['audit', 'reset', peerId, ...signs(1)]
    assert.match(command('node-1', ...reset).stderr, /^unauthorized:/)
    proposal = json('node-1', ...reset, '--propose', 'its disk died').id
    await knows('node-3', 0)
    assert.equal(approves('node-3', 1).state, 'open')
    await knows('node-4', 1)
    const { stdout } = command('node-4', 'approve', 'sign', proposal, ...signs(3))
    assert.ok(stdout.includes(`act        write off audit log 0 of ${peerId}`))
    await eventually('its new log is on record', async () => {
      const { checkpoints, losses } = await net.client('node-1').auditRecords()
      const isNew = checkpoints.some(each => each.peerId === peerId && each.generation === 1)
      return isNew && losses.some(each => each.peerId === peerId && each.generation === 0)
    })
    const told = (await auditOf('node-1')).filter(({ peer }) => peer === peerId)
    assert.equal(told.find(({ kind }) => kind === 'approval')?.action, 'propose')
    assert.equal(told.find(({ kind }) => kind === 'administration')?.outcome, 'unauthorized')
  })

  it('one operator grants a principal the right to create keys, and takes it back', async () => {
    const [file, other] = [net.file('ci.json'), net.file('other.json')]
    const principal = json('node-1', 'principal', 'new', '--out', file).publicKey
    command('node-1', 'principal', 'new', '--out', other)
    const create = (node: string, name: string) =>
      command(node, 'key', 'create', name, '--kind', 'ed25519', '--threshold', '2', '--principal-file', file)
    const mayCreate = (node: string) => async () => {
      const { creators } = json(node, 'principal', 'list')
      return creators.find((each: { principal: string }) => each.principal === principal)?.isAllowed
    }
    assert.match(create('node-2', 'built').stderr, /^forbidden:/)
    const grant = (word: string, ...by: string[]) => command('node-1', 'principal', word, file, ...by)
    assert.match(grant('grant', '--operator-file', other).stderr, /^forbidden:/)
    assert.equal(grant('grant', ...signs(2)).status, 0)
    await eventually('node-3 knows of it', async () => (await mayCreate('node-3')()) === true)
    const made = create('node-3', 'built')
    assert.equal(made.status, 0, made.stderr)
    assert.equal(grant('revoke', ...signs(3)).status, 0)
    await eventually('node-4 knows of it', async () => (await mayCreate('node-4')()) === false)
    assert.match(create('node-4', 'more').stderr, /^forbidden:/)
    // what it has stays its own
    const signed = command(
      'node-4',
      'sign',
      'built',
      file,
      '--principal-file',
      file,
      '--out',
      net.file('sig'),
    )
    assert.equal(signed.status, 0, signed.stderr)
  })
})

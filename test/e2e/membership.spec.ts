import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestnetNode, testnetAdd } from '../../src/cli/testnet/index.ts'
import { errorOf, eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

describe('members that come and go, as real processes', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet
  let sixth: TestnetNode
  let publicKey: string

  before(async () => {
    net = await Testnet.start()
    const sizes = { threshold: 3, shares: 5 }
    publicKey = (await net.createKey('node-1', { name: 'steady', kind: 'ed25519', ...sizes })).publicKey
  })

  after(() => net?.stop())

  const membersSeenBy = async (name: string): Promise<ReadonlyMap<string, string>> =>
    new Map((await net.client(name).members()).map(({ peerId, state }) => [peerId, state]))

  const command = (...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka('node-1', ...args)
    return { status, stdout: String(stdout).trim(), stderr: String(stderr) }
  }

  const invite = (...args: string[]) => {
    const made = command('invite', 'create', '--operator-file', net.state.operator, ...args)
    assert.equal(made.status, 0, made.stderr)
    writeFileSync(net.file('invite'), made.stdout)
  }

  const joins = (name: string) =>
    command(
      ...['node', 'join', '--invite', net.file('invite'), '--dir', join(net.state.dir, name)],
      ...['--passphrase-file', net.state.passphraseFile, '--json'],
    )

  it('a node joins by an invite from the command line; the same invite serves no other', async () => {
    invite('--region', 'af-south')
    const joined = joins('late')
    assert.equal(joined.status, 0, joined.stderr)
    const { peerId } = JSON.parse(joined.stdout)
    assert.equal((await membersSeenBy('node-1')).get(peerId), 'joining')
    const again = joins('later')
    assert.equal(again.status, 3)
    assert.equal(errorOf(again), 'replayed')
  })

  it('an expired invite, and one for another node, are refused by their code', async () => {
    invite('--for', net.node('node-1').peerId)
    assert.equal(errorOf(joins('other')), 'forbidden')
    invite('--ttl', '1s')
    // joined too early it would be spent, and refused for that ever after
    const madeMs = Date.now()
    await eventually('its second is over', async () => Date.now() > madeMs + 1500)
    assert.equal(errorOf(joins('other')), 'expired')
  })

  it('a newcomer that never starts stops nothing', async () => {
    const { validators, height } = await net.client('node-2').status()
    assert.equal(validators.length, 5)
    await eventually('the log goes on', async () => (await net.client('node-2').status()).height > height)
  })

  it('a sixth daemon joins, votes, and serves', async () => {
    sixth = await testnetAdd({ dir: net.state.dir, isAttached: true })
    net.refresh()
    assert.ok((await net.client(sixth.name).status()).validators.includes(sixth.peerId))
    await eventually('all hear of it', async () => {
      const states = await Promise.all(['node-1', 'node-3', 'node-5'].map(membersSeenBy))
      return states.every(each => each.get(sixth.peerId) === 'active')
    })
    assert.equal(await net.signs(sixth.name, 'steady'), publicKey)
  })

  it('a removed member’s shares are made anew, under the same public key', async () => {
    const gone = net.node('node-2').peerId
    const removed = command('member', 'remove', gone, '--operator-file', net.state.operator)
    assert.equal(removed.status, 0, removed.stderr)
    await eventually('the key is whole without it', async () => {
      const key = await net.client('node-1').key('steady')
      assert.equal(key.publicKey, publicKey)
      const holders = new Set(key.holders.map(({ peerId }) => peerId))
      return key.generation > 0 && holders.size === 5 && !holders.has(gone) && holders.has(sixth.peerId)
    })
    assert.equal(await net.signs(sixth.name, 'steady'), publicKey)
  })

  const knows = async (name: string): Promise<boolean> => {
    const { reasons } = await net.client(name).health()
    return reasons.includes('this node has been removed from the network')
  }

  it('a removed member is dropped, and refused when it knocks', async () => {
    const gone = net.node('node-2')
    const refusals = async (): Promise<number> => {
      const line = /ostraka_events\{event="stranger_refused"\} (\d+)/.exec(
        await net.client('node-1').metrics(),
      )
      return Number(line?.[1] ?? 0)
    }
    await eventually('it is alone, and knows why', async () => {
      const { members } = await net.client('node-2').status()
      return !members.some(member => member.state === 'connected') && (await knows('node-2'))
    })
    await net.kill('node-2')
    const before = await refusals()
    await net.restart('node-2')
    await eventually('node-1 refuses it', async () => (await refusals()) > before)
    assert.equal((await membersSeenBy('node-1')).get(gone.peerId), 'removed')
    assert.equal((await net.client('node-2').health()).status, 'unavailable')
  })

  it('a node leaves by its own word: its shares move, and what it still runs says so', async () => {
    const { generation } = await net.client('node-1').key('steady')
    const left = command(
      ...['node', 'leave', '--dir', sixth.dir, '--api', net.node('node-1').api],
      ...['--passphrase-file', net.state.passphraseFile, '--json'],
    )
    assert.equal(left.status, 0, left.stderr)
    assert.equal(JSON.parse(left.stdout).member.state, 'removed')
    await eventually('the key is whole without it', async () => {
      const key = await net.client('node-1').key('steady')
      assert.equal(key.publicKey, publicKey)
      return key.generation > generation && !key.holders.some(({ peerId }) => peerId === sixth.peerId)
    })
    assert.equal(await net.signs('node-3', 'steady'), publicKey)
    await eventually('it hears of it', () => knows(sixth.name))
    // for good: no invite brings this identity back
    invite()
    const again = command(
      ...['node', 'join', '--invite', net.file('invite'), '--dir', sixth.dir],
      ...['--passphrase-file', net.state.passphraseFile],
    )
    assert.match(again.stderr, /^conflict:/)
  })

  it('an operator’s word is needed; the same word twice is one', () => {
    const stranger = net.file('stranger.json')
    assert.equal(command('principal', 'new', '--out', stranger).status, 0)
    const target = net.node('node-3').peerId
    assert.match(command('member', 'remove', target, '--operator-file', stranger).stderr, /^forbidden:/)
    // the very same transaction again: its caller may not have heard the first answer
    const gone = net.node('node-2').peerId
    const again = command('member', 'remove', gone, '--operator-file', net.state.operator)
    assert.equal(again.status, 0, again.stderr)
  })
})

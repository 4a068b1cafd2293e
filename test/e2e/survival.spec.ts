import assert from 'node:assert/strict'
import { OstrakaError, utf8 } from '../../src/base/index.ts'
import { verifyWithPlatform } from '../../testnet/verification.ts'
import { eventually, Testnet } from './testnet.ts'

const SIZES = { kind: 'ed25519', threshold: 3, shares: 5 } as const

describe('five daemons, some of them killed', function () {
  this.timeout(120_000)
  let net: Testnet

  before(async () => {
    net = await Testnet.start()
    await net.client('node-1').createKey({ name: 'steady', ...SIZES })
  })

  after(() => net?.stop())

  const signs = async (name: string, key: string): Promise<void> => {
    const message = utf8(`${name} ${key} ${Date.now()}`)
    const { publicKey, signatures } = await net.client(name).sign(key, [message])
    assert.ok(verifyWithPlatform(publicKey, message, signatures[0]!))
  }

  const isCaughtUp = async (name: string): Promise<boolean> => {
    const [here, there] = await Promise.all([net.client(name).status(), net.client('node-1').status()])
    return here.height >= there.height - 1
  }

  it('with two of five killed a 3-of-5 key signs', async () => {
    await net.kill('node-4', 'node-5')
    await signs('node-1', 'steady')
    await signs('node-2', 'steady')
  })

  it('and says that it serves, but takes no changes', async () => {
    await eventually('the silence is noticed', async () => {
      const { status, reasons } = await net.client('node-1').health()
      return status === 'degraded' && reasons.some(reason => reason.startsWith('no_quorum'))
    })
    assert.equal((await fetch(`${net.node('node-1').api}/health`)).status, 200)
    await signs('node-1', 'steady')
  })

  it('with three killed the answer is insufficient_shares, with counts, within 5 s', async () => {
    await net.kill('node-3')
    const beganMs = Date.now()
    await assert.rejects(net.client('node-1').sign('steady', [utf8('x')]), error => {
      assert.ok(error instanceof OstrakaError)
      assert.equal(error.code, 'insufficient_shares')
      assert.equal(error.details.needed, 3)
      assert.equal(error.details.answered, 2)
      return true
    })
    assert.ok(Date.now() - beganMs < 5000)
  })

  it('control changes without a quorum fail with no_quorum, not silence', async () => {
    const beganMs = Date.now()
    await assert.rejects(net.client('node-1').createKey({ name: 'never', ...SIZES }), { code: 'no_quorum' })
    assert.ok(Date.now() - beganMs < 20_000)
  })

  it('restarted daemons catch up and serve', async () => {
    await net.restart('node-3', 'node-4', 'node-5')
    for (const name of ['node-3', 'node-4', 'node-5']) {
      await eventually(`${name} catches up`, () => isCaughtUp(name))
      await signs(name, 'steady')
    }
    const { height } = await net.client('node-5').status()
    await eventually('the log goes on', async () => (await net.client('node-5').status()).height > height)
  })

  it('a key that was created while a daemon was down is complete on it afterwards', async () => {
    await net.kill('node-5')
    const key = await net.client('node-1').createKey({ name: 'absent', ...SIZES })
    assert.ok(key.holders.some(({ peerId }) => peerId === net.node('node-5').peerId))
    await net.restart('node-5')
    await eventually('node-5 catches up', () => isCaughtUp('node-5'))
    // with node-3 and node-4 gone, node-5's share is one of the three that are left
    await net.kill('node-3', 'node-4')
    await eventually('node-5 recovers its share', () =>
      signs('node-1', 'absent').then(
        () => true,
        () => false,
      ),
    )
    await signs('node-5', 'absent')
    await net.restart('node-3', 'node-4')
  })

  it('a daemon that stops gracefully leaves with exit code 0, and comes back', async () => {
    const down = net.ostraka(undefined, 'testnet', 'down', '--dir', net.state.dir, '--json')
    assert.equal(down.status, 0, String(down.stderr))
    const up = net.ostraka(undefined, 'testnet', 'up', '--dir', net.state.dir, '--detach', '--json')
    assert.equal(up.status, 0, String(up.stderr))
    await signs('node-2', 'steady')
    await signs('node-3', 'absent')
  })
})

import assert from 'node:assert/strict'
import { OstrakaError, utf8 } from '../../src/base/index.ts'
import { bent } from '../../testnet/slowness.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const SIZES = { kind: 'ed25519', threshold: 3, shares: 5 } as const

describe('five daemons, some of them killed', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet

  before(async () => {
    net = await Testnet.start()
    await net.createKey('node-1', { name: 'steady', ...SIZES })
  })

  after(() => net?.stop())

  const isCaughtUp = async (name: string): Promise<boolean> => {
    const [here, there] = await Promise.all([net.client(name).status(), net.client('node-1').status()])
    return here.height >= there.height - 1
  }

  it('with two of five killed a 3-of-5 key signs', async () => {
    await net.kill('node-4', 'node-5')
    await net.signs('node-1', 'steady')
    await net.signs('node-2', 'steady')
  })

  it('and says that it serves, but takes no changes', async () => {
    await eventually('the silence is noticed', async () => {
      const { status, reasons } = await net.client('node-1').health()
      return status === 'degraded' && reasons.some(reason => reason.startsWith('no_quorum'))
    })
    assert.equal((await fetch(`${net.node('node-1').api}/health`)).status, 200)
    await net.signs('node-1', 'steady')
  })

  it('with three killed the answer is insufficient_shares, with counts, within 5 s', async () => {
    await net.kill('node-3')
    // one of the two may be too busy to answer at first
    await eventually('it counts those who are left', async () => {
      const beganMs = performance.now()
      const error = await net
        .client('node-1')
        .sign('steady', [utf8('x')])
        .catch(reason => reason)
      assert.ok(error instanceof OstrakaError, 'two shares of three make no signature')
      const { needed, answered } = error.details
      const isCounted = error.code === 'insufficient_shares' && needed === 3 && answered === 2
      return isCounted && performance.now() - beganMs < bent(5000)
    })
  })

  it('control changes without a quorum fail with no_quorum, not silence', async () => {
    const beganMs = performance.now()
    await assert.rejects(net.client('node-1').createKey({ name: 'never', ...SIZES }), { code: 'no_quorum' })
    assert.ok(performance.now() - beganMs < bent(20_000))
  })

  it('restarted daemons catch up and serve', async () => {
    await net.restart('node-3', 'node-4', 'node-5')
    for (const name of ['node-3', 'node-4', 'node-5']) {
      await eventually(`${name} catches up`, () => isCaughtUp(name))
      await net.signs(name, 'steady')
    }
    const { height } = await net.client('node-5').status()
    await eventually('the log goes on', async () => (await net.client('node-5').status()).height > height)
  })

  it('a key that was created while a daemon was down is complete on it afterwards', async () => {
    // its long silence may have had it suspended, and then it would be given no share
    await eventually('node-5 may hold shares', async () => {
      const members = await net.client('node-1').members()
      return members.some(({ peerId, state }) => peerId === net.node('node-5').peerId && state === 'active')
    })
    await net.kill('node-5')
    const key = await net.createKey('node-1', { name: 'absent', ...SIZES })
    assert.ok(key.holders.some(({ peerId }) => peerId === net.node('node-5').peerId))
    await net.restart('node-5')
    await eventually('node-5 catches up', () => isCaughtUp('node-5'))
    await eventually('node-5 recovers its share', async () =>
      /ostraka_events\{event="missing_shares"\} 0/.test(await net.client('node-5').metrics()),
    )
    // with node-3 and node-4 gone, it is one of the three that are left
    await net.kill('node-3', 'node-4')
    await net.signs('node-1', 'absent')
    await net.signs('node-5', 'absent')
    await net.restart('node-3', 'node-4')
    await net.serves('node-3', 'node-4')
  })

  it('a daemon that stops gracefully leaves with exit code 0, and comes back', async () => {
    const down = net.ostraka(undefined, 'testnet', 'down', '--dir', net.state.dir, '--json')
    assert.equal(down.status, 0, String(down.stderr))
    const up = net.ostraka(undefined, 'testnet', 'up', '--dir', net.state.dir, '--detach', '--json')
    assert.equal(up.status, 0, String(up.stderr))
    await net.signs('node-2', 'steady')
    await net.signs('node-3', 'absent')
  })
})

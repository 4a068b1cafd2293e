import assert from 'node:assert/strict'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '../../src/base/index.ts'
import { blockKey } from '../../src/control/index.ts'
import { openDatabase } from '../../src/io/store.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

describe('a daemon whose database is gone, and whose keystore is not', function () {
  this.timeout(TEST_TIMEOUT_MS)
  const LOST = 'node-3'
  let net: Testnet

  before(async () => {
    net = await Testnet.start()
    await net.createKey('node-1', { name: 'steady', kind: 'ed25519', threshold: 3, shares: 5 })
    // so that its audit log is on record before it is lost
    await net.signs(LOST, 'steady')
    await eventually('its audit log is on record', async () => (await recordOfLost()) !== undefined)
    await net.killAndUnlock(LOST)
    rmSync(join(net.node(LOST).dir, 'db'), { recursive: true })
    await net.restart(LOST)
  })

  after(() => net?.stop())

  const recordOfLost = async () => {
    const { checkpoints } = await net.client('node-1').auditRecords()
    return checkpoints.find(({ peerId }) => peerId === net.node(LOST).peerId)
  }
  const reasons = async (): Promise<string> => (await net.client(LOST).health()).reasons.join('; ')

  it('catches up with the log and recovers its shares', async () => {
    await eventually('it has the log', async () => {
      const [here, there] = await Promise.all([net.client(LOST).status(), net.client('node-1').status()])
      return here.height >= there.height - 1
    })
    await eventually('it has its share', async () =>
      /ostraka_events\{event="missing_shares"\} 0/.test(await net.client(LOST).metrics()),
    )
  })

  it('uses no secret before an operator has written its audit log off', async () => {
    await eventually('it may vote again', async () => !(await reasons()).includes('its database was lost'))
    assert.match(await reasons(), /no secret is used: the audit log was lost with the database/)
    await assert.rejects(net.client(LOST).sign('steady', [utf8('too early')]), { code: 'storage_corrupt' })
    const { status, stderr } = net.ostraka(
      'node-1',
      ...['audit', 'reset', net.node(LOST).peerId, '--operator-file', net.state.operator],
    )
    assert.equal(status, 0, String(stderr))
    await net.serves(LOST)
  })

  it('signs again, with a share that the others need', async () => {
    await net.kill('node-4')
    await net.signs(LOST, 'steady')
    // four of five decide: without its vote there would be no more blocks
    const { height } = await net.client(LOST).status()
    await eventually('it votes', async () => (await net.client('node-1').status()).height > height + 1)
    await net.kill('node-5')
    await net.signs(LOST, 'steady')
    await net.restart('node-4', 'node-5')
    await net.serves('node-4', 'node-5')
  })

  it('comes back whole from a backup, though it has voted since', async () => {
    const name = 'node-2'
    const { dir, peerId, tokenFile } = net.node(name)
    const passphrase = ['--passphrase-file', net.state.passphraseFile]
    const run = (...args: string[]): void => {
      const { status, stderr } = net.ostraka('node-1', ...args)
      assert.equal(status, 0, String(stderr))
    }
    const file = net.file('node-2.backup')
    const running = net.ostraka(undefined, 'node', 'backup', '--dir', dir, '--out', file, ...passphrase)
    assert.match(String(running.stderr), /^conflict:/)
    await net.killAndUnlock(name)
    run('node', 'backup', '--dir', dir, '--out', file, ...passphrase)
    await net.restart(name)
    const { height } = await net.client(name).status()
    await eventually('it has voted on', async () => (await net.client(name).status()).height > height + 2)
    await net.killAndUnlock(name)
    copyFileSync(tokenFile, net.file('token'))
    rmSync(dir, { recursive: true })
    run('node', 'restore', '--in', file, '--dir', dir, ...passphrase)
    copyFileSync(net.file('token'), tokenFile)
    await net.restart(name)
    await eventually('it may vote', async () => {
      const { reasons: lacks } = await net.client(name).health()
      return !lacks.join().includes('its database was lost')
    })
    run('audit', 'reset', peerId, '--operator-file', net.state.operator)
    await net.serves(name)
    await net.signs(name, 'steady')
  })

  it('mends a damaged block of its control log from the others, and never serves it', async () => {
    const name = 'node-5'
    const { height } = await net.client(name).status()
    await net.killAndUnlock(name)
    const level = await openDatabase(join(net.node(name).dir, 'db'))
    await level.put(`node/${blockKey(height - 1)}`, utf8('not what was written'), { sync: true })
    await level.close()
    await net.restart(name)
    await eventually('it has the log', async () => (await net.client(name).status()).height > height)
    // it may have taken a snapshot since, under which it keeps none of the blocks that were damaged
    const mended = await net.blockFrom(name, height - 1)
    const sound = await net.blockFrom('node-1', mended.height)
    // nodes may have seen different quorums of votes on it
    const [here, there] = [mended, sound].map(block => ({ ...block, certificate: undefined }))
    assert.deepEqual(here, there)
    await net.serves(name)
  })

  it('is convicted of nothing, and its loss stays on record', async () => {
    assert.deepEqual((await net.client('node-1').status()).convictions, [])
    const { losses } = await net.client('node-2').auditRecords()
    const lost = losses.find(({ peerId }) => peerId === net.node(LOST).peerId)
    assert.equal(lost?.generation, 0)
    assert.ok(lost.size > 0)
  })
})

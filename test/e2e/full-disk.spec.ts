import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isOstrakaError, utf8 } from '../../src/base/index.ts'
import { createKeyPatiently } from '../../testnet/patience.ts'
import { verifyWithPlatform } from '../../testnet/verification.ts'
import { SmallDisk, whyNoSmallDisk } from './small-disk.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const FULL = 'node-4'
const MIB = 1024 * 1024
/** Room for the node's files and the reserve below which the daemon does not write. */
const DISK_MIB = 64
/** How often the disk fills up under load. */
const ROUNDS = 4
const SIZES = { kind: 'ed25519', threshold: 3, shares: 4 } as const
const yes = (): boolean => true
const no = (): boolean => false
const isFull = (error: unknown): boolean => isOstrakaError(error, 'storage_full')

describe('a daemon whose disk is full', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet
  let disk: SmallDisk

  before(async function () {
    const missing = whyNoSmallDisk()
    if (missing !== undefined) {
      console.log(`      SKIPPED: ${missing}`)
      return this.skip()
    }
    net = await Testnet.start({ nodes: 4 })
    await net.createKey('node-1', { name: 'steady', ...SIZES })
    await net.killAndUnlock(FULL)
    disk = new SmallDisk(net.node(FULL).dir, DISK_MIB)
    await net.restart(FULL)
    await serves()
  })

  after(async () => {
    await net?.kill(FULL).catch(() => {})
    disk?.unmount()
    await net?.stop()
  })

  const serves = (): Promise<void> => net.serves(FULL)

  const signs = async (name: string): Promise<void> => {
    const message = utf8(`${name} ${Date.now()}`)
    const { publicKey, signatures } = await net.client(name).sign('steady', [message])
    assert.ok(verifyWithPlatform(publicKey, message, signatures[0]!))
  }

  const saysSo = (): Promise<void> =>
    eventually('it says so', async () => {
      const { status, reasons } = await net.client(FULL).health()
      return status === 'unavailable' && reasons.includes('disk: storage_full')
    })

  /** How often this daemon's audit log on disk says that its share was used. */
  const uses = async (): Promise<number> => {
    let found = 0
    for (let from = 0; ; ) {
      const { entries } = await net.client(FULL).audit(from, { limit: 256 })
      if (entries.length === 0) return found
      from += entries.length
      found += entries.filter(({ entry }) => entry?.action === 'partial' && entry.outcome === 'ok').length
    }
  }

  it('refuses what must be stored first, and reads go on', async () => {
    disk.fill(8 * MIB)
    await saysSo()
    // one that needs no share of its own may come through before its audit log has noticed, too
    await eventually('it refuses operations', () => signs(FULL).then(no, isFull))
    await assert.rejects(net.client(FULL).createKey({ name: 'refused', ...SIZES }), { code: 'storage_full' })
    assert.equal((await net.client(FULL).key('steady')).state, 'active')
    assert.ok((await net.client(FULL).log(1, { limit: 1 })).blocks.length > 0)
    assert.ok((await net.client(FULL).audit(0, { limit: 1 })).entries.length > 0)
  })

  it('the network goes on without it', async () => {
    await net.signs('node-1', 'steady')
    const key = await createKeyPatiently(net.client('node-2'), { name: 'meanwhile', ...SIZES, threshold: 2 })
    assert.equal(key.state, 'active')
  })

  it('serves again once there is room, without a restart', async () => {
    disk.free()
    await serves()
    await net.signs(FULL, 'steady')
    const { height } = await net.client('node-1').status()
    await eventually('it has the log', async () => (await net.client(FULL).status()).height >= height)
    assert.match(
      readFileSync(join(net.node(FULL).dir, 'daemon.log'), 'utf8'),
      /cannot write to disk: .*the disk takes writes again/s,
    )
  })

  it('lets no share be used that its audit log does not tell of, though the last byte goes under load', async () => {
    // with one of four away, the other two need its share for every signature
    await net.kill('node-3')
    await eventually('the silence is noticed', () => signs('node-1').then(yes, no))
    const before = await uses()
    let acknowledged = 0
    const load = async (): Promise<unknown> => {
      for (;;) {
        try {
          await signs('node-1')
          acknowledged++
        } catch (error) {
          return isOstrakaError(error) ? error.code : error
        }
      }
    }
    for (let round = 1; round <= ROUNDS; round++) {
      await net.signs('node-1', 'steady')
      acknowledged++
      const begun = acknowledged
      let hasEnded = false
      const loads = Promise.all([load(), load()]).finally(() => {
        hasEnded = true
      })
      await eventually('the load goes on', async () => hasEnded || acknowledged > begun)
      disk.fill()
      assert.deepEqual(await loads, ['insufficient_shares', 'insufficient_shares'])
      await saysSo()
      if (round === ROUNDS) break
      disk.free()
      await serves()
    }
    assert.ok(acknowledged >= ROUNDS, `${acknowledged} signatures`)
    await net.kill(FULL)
    disk.free()
    await net.restart(FULL, 'node-3')
    await serves()
    assert.ok((await uses()) >= before + acknowledged)
    const witness = ['--witness', net.node('node-1').api, '--principal-file', net.state.principal]
    const { status, stdout } = net.ostraka(FULL, 'audit', 'verify', ...witness)
    assert.equal(status, 0, String(stdout))
  })

  it('begins on a disk that is almost full as it goes on there, and not without a byte', async () => {
    await net.kill(FULL)
    disk.fill(8 * MIB)
    await net.restart(FULL)
    await saysSo()
    assert.ok((await net.client(FULL).keys()).length > 0)
    await net.kill(FULL)
    disk.fill()
    const { dir, listen, api } = net.node(FULL)
    const where = ['--dir', dir, '--listen', listen, '--api', new URL(api).host]
    const begun = net.ostraka(
      undefined,
      ...['node', 'run', ...where, '--passphrase-file', net.state.passphraseFile],
    )
    assert.equal(begun.status, 1)
    assert.match(String(begun.stderr), /^storage_full: /m)
    disk.free()
    await net.restart(FULL)
    await serves()
    await net.signs(FULL, 'steady')
  })

  it('has been convicted of nothing', async () => {
    assert.deepEqual((await net.client('node-1').status()).convictions, [])
  })
})

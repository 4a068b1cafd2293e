import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { isOstrakaError, utf8 } from '../../src/base/index.ts'
import { bent } from '../../testnet/slowness.ts'
import { eventually, isInstalled, patiently, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

describe('versions of a key, and files of an older one', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet
  const plain = randomBytes(1024 * 1024 + 1)

  before(async () => {
    net = await Testnet.start()
    for (const [name, kind] of [
      ['files', 'x25519'],
      ['values', 'ristretto255'],
    ] as const) {
      await net.createKey('node-1', { name, kind, threshold: 3, shares: 5 })
    }
    writeFileSync(net.file('plain'), plain)
    done('encrypt', 'files', net.file('plain'), '--out', net.file('old.age'))
  })

  after(() => net?.stop())

  const command = (...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka('node-2', ...args)
    return { status, stdout: String(stdout).trim(), stderr: String(stderr) }
  }

  const done = (...args: string[]): string => {
    const { status, stdout, stderr } = command(...args)
    assert.equal(status, 0, stderr)
    return stdout
  }

  const opens = (file: string, ...args: string[]): void => {
    done('decrypt', net.file(file), '--out', net.file('opened'), ...args)
    assert.deepEqual(readFileSync(net.file('opened')), plain)
  }

  it('an archived version decrypts and derives, asked for by number or found by itself', () => {
    const before = done('derive', 'values', '--input', '00')
    for (const name of ['files', 'values']) done('key', 'rotate', name)
    opens('old.age')
    opens('old.age', '--key', 'files', '--version', '1')
    assert.match(
      command('decrypt', net.file('old.age'), '--version', '2', '--out', '-').stderr,
      /^malformed:/,
    )
    assert.equal(done('derive', 'values', '--input', '00', '--version', '1'), before)
    assert.equal(done('derive', 'values', '--input', '00', '--version', '1', '--blind'), before)
    assert.notEqual(done('derive', 'values', '--input', '00'), before)
  })

  it('a file is rewrapped to the current version, beside an ordinary recipient that keeps its own', function () {
    done('rewrap', net.file('old.age'), '--out', net.file('new.age'))
    assert.equal(statSync(net.file('new.age')).size, statSync(net.file('old.age')).size)
    opens('new.age', '--version', '2')
    if (!isInstalled('age', '--version')) {
      console.log('      SKIPPED: age is not installed (apt-get install age)')
      return this.skip()
    }
    const identity = net.file('identity')
    assert.equal(spawnSync('age-keygen', ['-o', identity]).status, 0)
    const recipient = String(spawnSync('age-keygen', ['-y', identity]).stdout).trim()
    const both = net.file('both.age')
    const second = JSON.parse(done('key', 'show', 'files', '--json')).recipient
    assert.equal(spawnSync('age', ['-r', recipient, '-r', second, '-o', both, net.file('plain')]).status, 0)
    done('key', 'rotate', 'files')
    const told = JSON.parse(done('rewrap', both, '--in-place', '--json'))
    assert.deepEqual([told.from.version, told.to.version, told.changed], [2, 3, true])
    assert.deepEqual(spawnSync('age', ['-d', '-i', identity, both]).stdout, plain)
    opens('both.age', '--version', '3')
    assert.equal(JSON.parse(done('rewrap', both, '--in-place', '--json')).changed, false)
  })

  it('once the old version is destroyed the old file opens no more, the rewrapped one does', () => {
    done('key', 'destroy', 'files', '1', '--yes')
    const refused = command('decrypt', net.file('old.age'), '--out', net.file('never'))
    assert.equal(refused.status, 4)
    assert.match(refused.stderr, /^version_destroyed:/)
    assert.equal(statSync(net.file('never'), { throwIfNoEntry: false }), undefined)
    assert.match(command('rewrap', net.file('old.age'), '--in-place').stderr, /^version_destroyed:/)
    opens('new.age')
  })

  it('an archived version works until its retention ends, and is refused by its own code from then on, and comes back', async () => {
    const client = net.client('node-3')
    const derives = () => client.derive('values', [utf8('x')], { version: 1 })
    const beganMs = Date.now()
    await client.archiveVersion('values', 1, beganMs + 3_600_000)
    await patiently(derives)
    // time for the same again on a machine that may have become busier
    await client.archiveVersion('values', 1, Date.now() + bent(4000) + 3 * (Date.now() - beganMs))
    assert.equal((await patiently(derives)).version, 1)
    await eventually('its retention ends', async () => {
      const outcome = await patiently(derives).catch(error => error)
      if (!(outcome instanceof Error)) return false
      assert.ok(isOstrakaError(outcome, 'version_expired'), outcome.message)
      return true
    })
    done('key', 'archive', 'values', '1')
    assert.equal((await patiently(derives)).version, 1)
  })

  it('rewrap wants to know where to, and only that', () => {
    for (const args of [[], ['--in-place', '--out', 'x']]) {
      assert.equal(command('rewrap', net.file('new.age'), ...args).status, 2)
    }
  })
})

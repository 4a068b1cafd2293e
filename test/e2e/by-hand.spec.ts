import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { anyPort } from '../../src/cli/testnet/layout.ts'
import { PASSPHRASE, type Served, Workplace } from './by-hand.ts'
import { eventually, TEST_TIMEOUT_MS } from './testnet.ts'

/** A loopback multiaddr that nobody listens on now, nor is likely to before it is used. */
async function freeAddress(): Promise<string> {
  return `/ip4/127.0.0.1/tcp/${await anyPort()}`
}

describe('a network made by hand, as the operations manual says', function () {
  this.timeout(TEST_TIMEOUT_MS)
  const place = new Workplace()
  let first: Served

  after(() => place.stop())

  it('begins with one command after the operator’s key', async () => {
    place.done('principal', 'new', '--out', 'operator.json')
    place.done('network', 'psk', '--out', 'swarm.key')
    const created = place.command(
      ...['network', 'create', '--name', 'acme', '--operator', 'operator.json', '--epoch-seconds', '2'],
      ...['--psk-file', 'swarm.key'],
    )
    assert.equal(created.status, 0, created.stderr)
    assert.match(created.stderr, /ostraka node run --dir node\n/)
    assert.equal(
      readFileSync(place.file('genesis.json'), 'utf8'),
      readFileSync(place.file('node/genesis.json'), 'utf8'),
    )
    first = await place.run('node')
    assert.equal(first.networkId, created.stdout)
  })

  it('a daemon begun by hand runs with a daemon’s memory', function () {
    const { pid } = place.daemons[0]!
    if (!existsSync(`/proc/${pid}/cmdline`)) {
      console.log('      SKIPPED: this system has no /proc that tells a process’s options')
      return this.skip()
    }
    const given = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    for (const option of [
      '--max-semi-space-size=8',
      '--min-semi-space-size=4',
      '--heap-growing-percent=50',
      '--no-memory-reducer',
    ]) {
      assert.ok(given.includes(option), option)
    }
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    assert.ok(environment.includes('MALLOC_ARENA_MAX=1'))
    assert.ok(environment.some(setting => setting.startsWith('NODE_COMPILE_CACHE=/')))
  })

  it('a daemon that was given the passphrase in its environment shows it nowhere in /proc', function () {
    const { pid } = place.daemons[0]!
    if (!existsSync(`/proc/${pid}/environ`) || !existsSync('/dev/shm')) {
      console.log(
        '      SKIPPED: this system has no /proc that tells a process’s environment, or no /dev/shm',
      )
      return this.skip()
    }
    for (const file of ['environ', 'cmdline']) {
      assert.ok(!readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(PASSPHRASE), file)
    }
    const open = readdirSync(`/proc/${pid}/fd`).map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`))
    assert.ok(!open.some(path => path.startsWith('/dev/shm/ostraka-')))
    assert.equal(readlinkSync(`/proc/${pid}/fd/0`), '/dev/null')
  })

  it('grows by invites, and makes keys with whoever operates it', async () => {
    for (const name of ['second', 'third']) {
      const listen = await freeAddress()
      const invite = place.done('invite', 'create', '--api', first.api, '--operator-file', 'operator.json')
      writeFileSync(place.file('invite'), invite)
      const join = ['node', 'join', '--invite', 'invite', '--dir', name, '--announce', listen]
      place.done(...join, '--psk-file', 'swarm.key')
      await place.run(name, '--listen', listen)
    }
    const client = place.client(first.api)
    try {
      await eventually('all three vote', async () => (await client.status()).validators.length === 3)
    } finally {
      client.close()
    }
    const owner = ['--api', first.api, '--principal-file', 'operator.json']
    place.done('key', 'create', 'release', '--kind', 'ed25519', '--shares', '3', ...owner)
    writeFileSync(place.file('message'), 'hello')
    place.done('sign', 'release', 'message', '--out', 'signature', ...owner)
    assert.equal(readFileSync(place.file('signature')).length, 64)
  })

  it('an admitted node without the pre-shared key reaches nobody', async () => {
    const invite = place.done('invite', 'create', '--api', first.api, '--operator-file', 'operator.json')
    place.done('node', 'join', '--invite', invite, '--dir', 'keyless', '--announce', await freeAddress())
    const { api } = await place.run('keyless')
    const client = place.client(api)
    try {
      await eventually('it has tried', async () => /dial_failed"\} ([2-9]|\d\d)/.test(await client.metrics()))
      const { members, height } = await client.status()
      assert.equal(height, 0)
      assert.ok(members.every(({ state }) => state !== 'connected'))
    } finally {
      client.close()
    }
  })

  it('says what to do where something is missing', () => {
    const asked = place.command('key', 'create', 'x', '--kind', 'ed25519', '--api', first.api)
    assert.match(asked.stderr, /^unauthorized: .*--principal-file/)
    place.done('node', 'init', '--dir', 'spare')
    assert.match(
      place.command('node', 'run', '--dir', 'spare').stderr,
      /not_found: spare belongs to no network.*join/,
    )
    const again = ['network', 'create', '--name', 'acme', '--operator', 'operator.json']
    assert.match(place.command(...again).stderr, /^conflict: genesis.json exists/)
    assert.match(
      place.command(...again, '--out', 'other.json', '--dir', 'node').stderr,
      /^conflict: node belongs/,
    )
    // a node that lies here and belongs to none is what a network begins with
    const other = JSON.parse(place.done(...again, '--out', 'other.json', '--json'))
    assert.deepEqual([other.dirs, other.made], [['spare'], null])
  })
})

describe('a network that hosts found together, as the operations manual says', function () {
  this.timeout(TEST_TIMEOUT_MS)
  const place = new Workplace()
  const founders = ['a', 'b']

  after(() => place.stop())

  it('does not begin before every founder has proven its sealing key, and says whose proof is missing', async () => {
    place.done('principal', 'new', '--out', 'operator.json')
    const peers = founders.map(dir => {
      const peerId = place.done('node', 'init', '--dir', dir)
      // as on another host: of this node the operator has its member.json alone
      copyFileSync(place.file(`${dir}/member.json`), place.file(`${dir}.json`))
      return peerId
    })
    const created = place.command(
      ...['network', 'create', '--name', 'acme', '--operator', 'operator.json', '--epoch-seconds', '2'],
      ...['--member', 'a.json', 'b.json'],
    )
    assert.equal(created.status, 0, created.stderr)
    for (const peerId of peers) assert.match(created.stderr, new RegExp(peerId))
    assert.match(created.stderr, /ostraka node prove --dir DIR\n/)
    for (const dir of founders) copyFileSync(place.file('genesis.json'), place.file(`${dir}/genesis.json`))
    assert.equal(place.done('node', 'prove', '--dir', 'a'), created.stdout)
    const early = ['network', 'assemble', 'genesis.json', 'a/genesis.json']
    assert.match(
      place.command(...early).stderr,
      new RegExp(`^unproven: .*founder ${peers[1]} has not proven`),
    )
    assert.match(
      place.command('node', 'run', '--dir', 'a', '--api', '127.0.0.1:0').stderr,
      new RegExp(`unproven: .*founder ${peers[1]} has not proven.*node prove --dir`),
    )
    place.done('node', 'prove', '--dir', 'b')
    assert.equal(place.done(...early, 'b/genesis.json'), created.stdout)
    for (const dir of founders) copyFileSync(place.file('genesis.json'), place.file(`${dir}/genesis.json`))
    const listen = await freeAddress()
    writeFileSync(place.file('b/peers.json'), JSON.stringify([`${listen}/p2p/${peers[0]}`]))
    const first = await place.run('a', '--listen', listen)
    await place.run('b')
    assert.equal(first.networkId, created.stdout)
    const client = place.client(first.api)
    try {
      await eventually('both decide', async () => (await client.status()).height > 0)
    } finally {
      client.close()
    }
  })
})

describe('a founder whose network was created without its passphrase', function () {
  this.timeout(TEST_TIMEOUT_MS)
  const place = new Workplace()

  after(() => place.stop())

  it('proves its own sealing key when it starts', async () => {
    place.done('principal', 'new', '--out', 'operator.json')
    place.done('node', 'init', '--dir', 'node')
    copyFileSync(place.file('node/member.json'), place.file('member.json'))
    const networkId = place.done(
      ...['network', 'create', '--name', 'acme', '--operator', 'operator.json', '--member', 'member.json'],
    )
    copyFileSync(place.file('genesis.json'), place.file('node/genesis.json'))
    assert.equal((await place.run('node')).networkId, networkId)
  })
})

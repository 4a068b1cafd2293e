import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { fileURLToPath } from 'node:url'
import { utf8 } from '../../src/base/index.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

const DAY_MS = 86_400_000

describe('issue 10: what a slip of the hand costs', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet

  before(async () => {
    net = await Testnet.start({ operators: 2, destroyDelayMs: 7 * DAY_MS })
    for (const [name, kind] of [
      ['files', 'x25519'],
      ['other', 'x25519'],
      ['values', 'ristretto255'],
    ] as const) {
      await net.createKey('node-1', { name, kind, threshold: 3, shares: 5 })
    }
    writeFileSync(net.file('plain'), 'in the clear\n')
    done('encrypt', 'files', net.file('plain'), '--out', net.file('plain.age'))
  })

  after(() => net?.stop())

  const command = (...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka('node-2', ...args)
    return { status, stdout: String(stdout), stderr: String(stderr) }
  }

  const done = (...args: string[]): string => {
    const { status, stdout, stderr } = command(...args)
    assert.equal(status, 0, stderr)
    return stdout
  }

  const fails = (code: number, text: RegExp, ...args: string[]): void => {
    const { status, stderr } = command(...args)
    assert.equal(status, code, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, text)
  }

  /** HTTP without the client, whose own checks are not the point. */
  const post = async (path: string, body: unknown, method = 'POST') => {
    const { api } = net.node('node-3')
    const headers = { authorization: `Bearer ${net.token('node-3')}`, 'content-type': 'application/json' }
    const answer = await fetch(`${api}${path}`, { method, headers, body: JSON.stringify(body) })
    return { status: answer.status, body: (await answer.json()) as { code: string; detail: string } }
  }

  const stateOf = async (name: string, version = 1) =>
    (await net.client('node-2').key(name)).versions.find(each => each.version === version)!

  describe('issue 10.1: a lax date', () => {
    it('is refused by every option that takes a time, with the right form in the message', async () => {
      const times = ['90', '2030-02-30T00:00:00Z']
      for (const time of [...times, '2020-01-01T00:00:00Z']) {
        fails(2, /2030-01-31T12:00:00Z|not in the future/, 'key', 'archive', 'files', '1', '--until', time)
        const allow = ['policy', 'allow', 'files', '--principal', net.state.operator, '--ops', 'decrypt']
        fails(2, /2030-01-31T12:00:00Z|not in the future/, ...allow, '--until', time)
      }
      for (const ttl of ['90']) {
        fails(
          2,
          /90d/,
          'token',
          'create',
          '--principal',
          'node',
          '--ttl',
          ttl,
          '--dir',
          net.node('node-2').dir,
        )
        fails(2, /90d/, 'invite', 'create', '--ttl', ttl)
      }
      assert.equal((await stateOf('files')).state, 'active')
    })

    it('in seconds, or past, is refused by HTTP and changes nothing', async () => {
      const inSeconds = Math.round(Date.now() / 1000) + 90 * 86_400
      for (const retainUntilMs of [inSeconds, 90, Date.now() - 1, Date.now() * 1000]) {
        const { status, body } = await post('/api/v1/keys/values/archive', { version: 1, retainUntilMs })
        assert.deepEqual([status, body.code], [400, 'malformed'])
      }
      const { body } = await post('/api/v1/keys/values/archive', { version: 1, retainUntilMs: inSeconds })
      assert.match(body.detail, /retainUntilMs is in seconds/)
      const rules = [
        { principal: Buffer.alloc(32, 1).toString('base64'), operations: ['derive'], untilMs: inSeconds },
      ]
      for (const [path, sent, method] of [
        ['/api/v1/keys/values/policy', { revision: 0, rules }, 'PUT'],
        [
          '/api/v1/keys',
          { name: 'late', kind: 'ed25519', threshold: 3, shares: 5, policy: { rules } },
          'POST',
        ],
      ] as const) {
        const refused = await post(path, sent, method)
        assert.deepEqual([refused.status, refused.body.code], [400, 'malformed'], path)
      }
      assert.deepEqual((await net.client('node-4').derive('values', [utf8('x')])).version, 1)
    })

    it('signed by the owner itself is refused by the holders', async () => {
      const client = net.clientAs('node-5', net.owner)
      for (const retainUntilMs of [90, Date.now() - 60_000]) {
        await assert.rejects(client.archiveVersion('values', 1, retainUntilMs), { code: 'malformed' })
      }
      assert.equal((await stateOf('values')).state, 'active')
    })
  })

  describe('issue 10.2: the destruction of the only version', () => {
    const refusesUse = (code: string, exit: number) => {
      const refused = new RegExp(`^${code}:`, 'm')
      const genesis = `${net.node('node-2').dir}/genesis.json`
      const [plain, sealed, out] = [net.file('plain'), net.file('plain.age'), net.file('lost')]
      fails(exit, refused, 'encrypt', 'files', plain, '--out', out)
      fails(exit, refused, 'encrypt', 'files', plain, '--out', out, '--genesis', genesis)
      fails(exit, refused, 'rewrap', net.file('other.age'), '--to', 'files', '--out', out)
      fails(exit, refused, 'decrypt', sealed, '--out', out, '--key', 'files')
      assert.equal(statSync(out, { throwIfNoEntry: false }), undefined)
      writeFileSync(net.file('secret'), Buffer.alloc(32, 7))
      const over = ['key', 'import', 'files', '--kind', 'x25519', '--secret-file', net.file('secret')]
      fails(7, /^name_taken:/m, ...over)
    }

    it('asks for the name, and does nothing without a terminal or --yes', async () => {
      const without = command('key', 'destroy', 'files', '1')
      assert.equal(without.status, 2)
      assert.match(without.stderr, /--yes/)
      assert.equal((await stateOf('files')).state, 'active')
    })

    it('waits: the key says so, and nothing can be encrypted, rewrapped or imported to it', async () => {
      done('encrypt', 'other', net.file('plain'), '--out', net.file('other.age'))
      const told = JSON.parse(done('key', 'destroy', 'files', '1', '--yes', '--json'))
      const { state, destroyAtMs } = told.versions[0]
      assert.deepEqual(
        [told.state, state, told.recipient],
        ['pending-destruction', 'pending-destruction', undefined],
      )
      assert.ok(destroyAtMs > Date.now() + 6 * DAY_MS)
      assert.match(done('key', 'show', 'files'), /pending-destruction, destroyed at 2/)
      assert.match(done('key', 'list'), /files .*pending-destruction/)
      refusesUse('pending_destruction', 7)
      const proven = await net.client('node-1').key('files')
      assert.equal(proven.state, 'pending-destruction')
    })

    it('can be called off, and all is as it was', async () => {
      const kept = JSON.parse(done('key', 'cancel-destroy', 'files', '1', '--json'))
      assert.deepEqual([kept.state, kept.versions[0].destroyAtMs], ['active', null])
      done('decrypt', net.file('plain.age'), '--out', net.file('opened'))
      assert.equal(readFileSync(net.file('opened'), 'utf8'), 'in the clear\n')
      done('encrypt', 'files', net.file('plain'), '--out', net.file('again.age'))
      fails(7, /^conflict:/, 'key', 'cancel-destroy', 'files', '1')
    })

    it('waits no longer when the operators approve, and only then', async () => {
      const asked = ['--yes', '--now', '--reason', 'stolen', '--json']
      const { id, needed } = JSON.parse(done('key', 'destroy', 'files', '1', ...asked))
      assert.equal(needed, 2)
      done('approve', 'sign', id, '--operator-file', net.operator(1))
      assert.equal((await stateOf('files')).state, 'pending-destruction')
      done('approve', 'sign', id, '--operator-file', net.operator(2))
      assert.equal((await stateOf('files')).state, 'destroyed')
      refusesUse('version_destroyed', 4)
      assert.equal(JSON.parse(done('key', 'show', 'files', '--json')).state, 'destroyed')
      fails(4, /^version_destroyed:/, 'key', 'cancel-destroy', 'files', '1')
    })

    it('leaves the key to a rotation, which makes what can be encrypted to again', () => {
      const { state, version, recipient } = JSON.parse(done('key', 'rotate', 'files', '--json'))
      assert.deepEqual([state, version], ['active', 2])
      assert.match(recipient, /^age1/)
      done('encrypt', 'files', net.file('plain'), '--out', net.file('new.age'))
      done('decrypt', net.file('new.age'), '--out', net.file('opened'))
    })
  })

  /** A shell in the testnet's directory, in which `ostraka` is the program, asking node-2. */
  const shell = (script: string): string => {
    const { api, tokenFile } = net.node('node-2')
    const run = `ostraka() { "${process.execPath}" "${MAIN}" "$@"; }; ${script}`
    const env = { ...process.env, OSTRAKA_API: api, OSTRAKA_TOKEN_FILE: tokenFile }
    const { status, stdout, stderr } = spawnSync('bash', ['-c', run], {
      cwd: net.state.dir,
      env,
      encoding: 'utf8',
    })
    assert.equal(status, 0, `${script}: ${stderr}`)
    return stdout
  }

  describe('issue 10.3: what stands where --out points, and what an input may be', () => {
    it('encrypts from and to pipes, and decrypts through a FIFO, a link and a device', () => {
      const text = 'through a pipe\n'
      shell(
        `ostraka encrypt other <(printf '${text.trim()}\\n') --out >(cat > piped.age; touch piped); until [ -e piped ]; do :; done`,
      )
      assert.equal(shell('ostraka decrypt piped.age --out /dev/stdout'), text)
      assert.equal(
        shell('mkfifo fifo; cat fifo > got & ostraka decrypt piped.age --out fifo; wait; cat got'),
        text,
      )
      shell(
        'touch target; ln -s target link; ostraka decrypt <(cat piped.age) --out link; ostraka decrypt piped.age --out /dev/null',
      )
      assert.ok(lstatSync(net.file('link')).isSymbolicLink())
      assert.equal(readFileSync(net.file('target'), 'utf8'), text)
      assert.ok(lstatSync('/dev/null').isCharacterDevice())
    })

    it('takes secrets, tokens and principals from pipes, and a secret from standard input', () => {
      const token = net.node('node-2').tokenFile
      const imported = ['a', 'b'].map(name => `ostraka key import ${name} --kind ed25519 --json`)
      const made = [
        `head -c 32 /dev/zero | ${imported[0]} --secret-file -`,
        `${imported[1]} --secret-file <(head -c 32 /dev/zero)`,
      ]
      const [first, second] = made.map(script => JSON.parse(shell(script)).publicKey)
      assert.equal(first, second)
      shell(`ostraka sign a <(echo signed) --out signature --token-file <(cat ${token})`)
      const principal = `--principal-file <(cat ${net.state.principal})`
      assert.equal(JSON.parse(shell(`ostraka key show a --json ${principal}`)).publicKey, first)
    })
  })

  describe('issue 10.4: Ctrl-C', () => {
    it('and SIGKILL during decrypt --out leave nothing of the plain file', async () => {
      const plain = Buffer.alloc(1024 * 1024, 'secret')
      writeFileSync(net.file('large'), plain)
      done('encrypt', 'other', net.file('large'), '--out', net.file('large.age'))
      const { api, tokenFile } = net.node('node-2')
      const env = { ...process.env, OSTRAKA_API: api, OSTRAKA_TOKEN_FILE: tokenFile }
      for (const signal of ['SIGINT', 'SIGKILL'] as const) {
        mkdirSync(net.file('room'))
        const args = [MAIN, 'decrypt', '-', '--out', net.file('room/out')]
        const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'ignore', 'ignore'] })
        // it is killed before it has read all
        child.stdin.on('error', () => {})
        child.stdin.write(readFileSync(net.file('large.age')).subarray(0, 700_000))
        await eventually('it has written a part', async () =>
          readdirSync(`/proc/${child.pid}/fd`).some(fd =>
            isPart(`/proc/${child.pid}/fd/${fd}`, net.file('room')),
          ),
        )
        child.kill(signal)
        await once(child, 'exit')
        assert.deepEqual(readdirSync(net.file('room')), [])
        rmSync(net.file('room'), { recursive: true })
      }
    })
  })

  describe('issue 10.5: an existing output file', () => {
    it('that all may read does not make a token or plain file readable: they are their owner’s alone', () => {
      for (const name of ['token', 'out']) {
        writeFileSync(net.file(name), 'old')
        chmodSync(net.file(name), 0o644)
      }
      const of = ['--dir', net.node('node-2').dir, '--passphrase-file', net.state.passphraseFile]
      done('token', 'create', '--principal', 'node', ...of, '--out', net.file('token'))
      done('decrypt', net.file('piped.age'), '--out', net.file('out'))
      for (const name of ['token', 'out']) assert.equal(statSync(net.file(name)).mode & 0o777, 0o600, name)
      assert.match(readFileSync(net.file('token'), 'utf8'), /^ost_/)
    })
  })
})

/** Whether an open file lies in that directory, with or without a name, and something is in it. */
function isPart(descriptor: string, directory: string): boolean {
  try {
    return readlinkSync(descriptor).startsWith(`${directory}/`) && statSync(descriptor).size > 0
  } catch {
    return false
  }
}

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { networkIdText, readGenesis, writeGenesis } from '../../src/cli/genesis-file.ts'
import { createProgram } from '../../src/cli/program.ts'
import { compileCacheDir } from '../../src/cli/runtime.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Everything under a command, with its path. */
function leaves(command: Command, path: string): { readonly path: string; readonly command: Command }[] {
  if (command.commands.length === 0) return [{ path, command }]
  return command.commands.flatMap(child => leaves(child, `${path} ${child.name()}`))
}

describe('command line', function () {
  // every command is a process: on a machine that does other things too, each takes seconds
  this.timeout(90_000)
  let dir: string

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-cli-'))
  })
  after(() => rmSync(dir, { recursive: true }))

  const run = (...args: string[]) => {
    const env = { ...process.env, OSTRAKA_API: undefined, OSTRAKA_TOKEN_FILE: undefined }
    const passphrase = { OSTRAKA_PASSPHRASE: 'correct horse' }
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: dir,
      env: { ...env, ...passphrase },
    })
    return { status, stdout: String(stdout), stderr: String(stderr) }
  }

  it('has every command that outside programs rely on', async () => {
    const paths = leaves(await createProgram(), 'ostraka').map(leaf => leaf.path.slice('ostraka '.length))
    for (const path of [
      ...['up', 'status', 'down', 'kill', 'start'].map(name => `testnet ${name}`),
      ...['network create', 'node init', 'node run', 'member list'],
      ...['create', 'list', 'show', 'import'].map(name => `key ${name}`),
      ...['show', 'allow', 'deny'].map(name => `policy ${name}`),
      ...['sign', 'derive', 'encrypt', 'decrypt', 'rewrap', 'principal new', 'token create'],
      ...['status', 'peers', 'log', 'randomness', 'sim'],
    ]) {
      assert.ok(paths.includes(path), path)
    }
  })

  it('keeps compiled modules where only its user may write', () => {
    assert.equal(compileCacheDir({ XDG_CACHE_HOME: '/var/cache' }), '/var/cache/ostraka')
    assert.equal(compileCacheDir({ XDG_CACHE_HOME: 'relative' }), join(homedir(), '.cache', 'ostraka'))
    const temporary = mkdtempSync(join(dir, 'tmp-'))
    const env = { ...process.env, XDG_CACHE_HOME: join(dir, 'cache'), TMPDIR: temporary }
    assert.equal(spawnSync(process.execPath, [MAIN, '--version'], { env }).status, 0)
    assert.ok(readdirSync(join(dir, 'cache', 'ostraka')).length > 0)
    assert.deepEqual(readdirSync(temporary), [])
  })

  it('says what is wrong with an argument, and exits 2', () => {
    for (const [args, text] of [
      [
        ['derive', 'k', '--input', 'zz', '--api', 'http://127.0.0.1:1'],
        /hexadecimal digits in pairs are needed/,
      ],
      [['key', 'archive', 'k', 'abc', '--api', 'http://127.0.0.1:1'], /an integer from 1 to/],
      [['randomness', '-1', '--api', 'http://127.0.0.1:1'], /an integer from 0|an integer from 1/],
      [['rewrap', 'file'], /give either --out, or --in-place/],
      [['key', 'create', 'k', '--kind', 'rsa'], /Allowed choices/],
    ] as const) {
      const { status, stderr } = run(...args)
      assert.equal(status, 2, stderr)
      assert.match(stderr, text)
      assert.match(stderr, /--help/)
    }
  })

  it('names the file that is not there, cannot be made, or is a directory', () => {
    for (const [args, text, exit] of [
      [['principal', 'new', '--out', 'nowhere/p.json'], /^not_found: nowhere\/p.json: /, 4],
      [['sign', 'k', '.', '--api', 'http://127.0.0.1:1'], /^conflict: \. is a directory/, 7],
      [['status', '--api', 'http://127.0.0.1:1', '--principal-file', 'none'], /^not_found: none: /, 4],
    ] as const) {
      const { status, stderr } = run(...args)
      assert.equal(status, exit)
      assert.match(stderr, text)
    }
  })

  it('a genesis file carries the attestation policy, there and back', async () => {
    const accepted = 'a5'.repeat(32)
    assert.equal(run('principal', 'new', '--out', 'attesting.json').status, 0)
    assert.equal(run('node', 'init', '--dir', 'attesting').status, 0)
    const args = ['--name', 'attesting', '--operator', 'attesting.json', '--member', 'attesting/member.json']
    const required = ['--require-attestation', 'tpm2', '--accept', accepted, '--max-age', '7']
    const made = run('network', 'create', ...args, ...required, '--out', 'attesting-genesis.json', '--json')
    assert.equal(made.status, 0, made.stderr)
    const genesis = await readGenesis(join(dir, 'attesting-genesis.json'))
    assert.equal(networkIdText(genesis), JSON.parse(made.stdout).networkId)
    const measurements = [new Uint8Array(32).fill(0xa5)]
    assert.deepEqual(genesis.attestation, {
      method: 'tpm2',
      maxAgeEpochs: 7,
      measurements,
      attestationKeys: [],
    })
    writeGenesis(join(dir, 'again.json'), genesis)
    assert.deepEqual(await readGenesis(join(dir, 'again.json')), genesis)
  })

  it('explains every command with an example, and prints JSON when asked', async () => {
    for (const { path, command } of leaves(await createProgram(), 'ostraka')) {
      if (command.name() === 'help') continue
      let help = ''
      command.configureOutput({ writeOut: text => (help += text) })
      command.outputHelp()
      assert.match(
        help,
        new RegExp(`\\$ .*${path.replace('ostraka ', 'ostraka ')}|\\$ .*${path.split(' ').at(-1)}`),
        path,
      )
      assert.match(help, /--json/, path)
      assert.doesNotMatch(help, /default: (\{|\d{6})/, `${path} shows a default as the program has it`)
    }
  })

  it('leaves with 0 after help, 2 after wrong usage, the class of its code after a refusal', () => {
    assert.equal(run('--help').status, 0)
    assert.equal(run('key', 'create', '--help').status, 0)
    for (const args of [
      [],
      ['nonsense'],
      ['sign', 'name'],
      ['key', 'create', 'x'],
      ['key', 'create', 'x', '--kind', 'toy'],
      ['key', 'create', 'x', '--kind', 'ed25519', '--threshold', 'two'],
      ['derive', 'x', '--input', 'xyz'],
      ['log', '--from', '0'],
      ['encrypt', 'file', '--out', 'x'],
      ['status', '--unknown'],
    ]) {
      assert.equal(run(...args).status, 2, args.join(' '))
    }
    const refused = run('status')
    assert.equal(refused.status, 4)
    assert.match(refused.stderr, /^not_found: no daemon/)
    const unreachable = run('status', '--api', 'http://127.0.0.1:1')
    assert.equal(unreachable.status, 5)
    assert.match(unreachable.stderr, /^unreachable: /)
  })

  it('makes a network’s documents, and a daemon refuses to run outside it', () => {
    assert.equal(run('principal', 'new', '--out', 'operator.json').status, 0)
    assert.equal(statSync(join(dir, 'operator.json')).mode & 0o777, 0o600)
    assert.match(run('principal', 'new', '--out', 'operator.json').stderr, /^conflict: /)
    for (const name of ['a', 'b']) {
      const made = run('node', 'init', '--dir', name, '--region', 'eu-west', '--lat', '50.1', '--lon', '8.7')
      assert.equal(made.status, 0, made.stderr)
    }
    assert.match(run('node', 'init', '--dir', 'a').stderr, /^conflict: /)
    const keystore = readFileSync(join(dir, 'a', 'keystore.json'), 'utf8')
    assert.match(keystore, /scrypt/)
    const files = ['--operator', 'operator.json', '--member', 'a/member.json']
    const created = run('network', 'create', '--name', 'acme', ...files, '--json')
    assert.equal(created.status, 0, created.stderr)
    const { networkId } = JSON.parse(created.stdout) as { networkId: string }
    assert.match(networkId, /^[0-9a-f]{64}$/)
    const stranger = run(
      'node',
      'run',
      '--dir',
      'b',
      '--genesis',
      'genesis.json',
      '--api',
      '127.0.0.1:0',
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
    )
    assert.equal(stranger.status, 3)
    assert.match(stranger.stderr, /stranger: this node is no founder/)
    writeFileSync(join(dir, 'wrong'), 'another passphrase')
    const locked = run('node', 'run', '--dir', 'a', '--genesis', 'genesis.json', '--passphrase-file', 'wrong')
    assert.equal(locked.status, 1)
    assert.match(locked.stderr, /wrong_passphrase: /)
  })

  it('never touches a directory that is not a testnet’s', () => {
    writeFileSync(join(dir, 'precious'), 'x')
    const up = run('testnet', 'up', '--dir', '.', '--detach')
    assert.equal(up.status, 7)
    assert.match(up.stderr, /^conflict: /)
    assert.equal(readFileSync(join(dir, 'precious'), 'utf8'), 'x')
    assert.match(run('testnet', 'status', '--dir', '.').stderr, /^not_found: /)
  })
})

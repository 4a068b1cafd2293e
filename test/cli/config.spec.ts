import assert from 'node:assert/strict'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { configPath, currentContext, readConfig } from '../../src/cli/config.ts'
import { settingsOf } from '../../src/cli/settings.ts'
import { runCli } from './running.ts'

describe('contexts (issue 10, item 15)', function () {
  this.timeout(90_000)

  let home: string
  let env: NodeJS.ProcessEnv

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'ostraka-config-'))
    env = { XDG_CONFIG_HOME: home }
    mkdirSync(join(home, 'ostraka'))
  })
  afterEach(() => rmSync(home, { recursive: true }))

  const write = (text: string) => writeFileSync(join(home, 'ostraka/config.toml'), text)

  const TWO = `
context = "a"
[contexts.a]
api = "http://a.example"
token-file = "a.token"
genesis = "~/a.json"
[contexts.b]
api = "http://b.example"
principal-file = "/b.json"
`

  it('flags win over the environment, that over the context, and each value tells its source', () => {
    write(TWO)
    const of = (flags: object, more: NodeJS.ProcessEnv = {}) => settingsOf(flags, { ...env, ...more })
    const tokenFile = join(home, 'ostraka', 'a.token')
    assert.deepEqual(of({}), {
      api: { value: 'http://a.example', source: 'context a' },
      credential: { kind: 'token-file', value: tokenFile, source: 'context a' },
      genesis: { value: join(homedir(), 'a.json'), source: 'context a' },
    })
    assert.deepEqual(of({}, { OSTRAKA_CONTEXT: 'b' }).credential, {
      kind: 'principal-file',
      value: '/b.json',
      source: 'context b',
    })
    const environment = {
      OSTRAKA_API: 'http://e.example',
      OSTRAKA_TOKEN: 'secret',
      OSTRAKA_GENESIS: '/e.json',
    }
    assert.deepEqual(of({}, environment), {
      api: { value: 'http://e.example', source: 'OSTRAKA_API' },
      credential: { kind: 'token', value: 'secret', source: 'OSTRAKA_TOKEN' },
      genesis: { value: '/e.json', source: 'OSTRAKA_GENESIS' },
    })
    const flags = { api: 'http://f.example', tokenFile: '/f.token' }
    assert.deepEqual(of(flags, environment).api, { value: 'http://f.example', source: '--api' })
    assert.deepEqual(of(flags, environment).credential?.source, '--token-file')
  })

  it('may begin with a byte order mark', () => {
    write(`\uFEFF${TWO}`)
    assert.equal(currentContext(env)?.name, 'a')
  })

  it('a context’s token and genesis go with its own daemon alone', () => {
    write(TWO)
    const { credential, genesis } = settingsOf({ api: 'http://evil.example' }, env)
    assert.deepEqual([credential, genesis], [undefined, undefined])
  })

  it('what is wrong in the file is named, and nothing in it is passed over', () => {
    for (const [text, message] of [
      ['contxt = "a"', /config\.toml: contxt is no setting; there are context, contexts/],
      ['[contexts.a]\napi = "x"\ntoken = "y"', /contexts\.a\.token is no setting/],
      ['[contexts.a]\ntoken-file = "y"', /contexts\.a has no api/],
      ['[contexts.a]\napi = 7', /contexts\.a\.api is no string/],
      ['contexts = "a"', /contexts is no table/],
      ['[contexts]\na = []', /contexts\.a is no table/],
      ['[contexts.a]\napi = "x"\ntoken-file = "y"\nprincipal-file = "z"', /has both/],
      ['context = ', /config\.toml: Invalid TOML/],
      ['["contexts"."../x"]\napi = "x"', /names no context/],
    ] as const) {
      write(text)
      assert.throws(() => readConfig(env), { code: 'malformed', message }, text)
    }
    write('context = "gone"')
    assert.throws(() => currentContext(env), { code: 'not_found' })
    assert.equal(configPath({ XDG_CONFIG_HOME: 'relative' }), join(homedir(), '.config/ostraka/config.toml'))
  })

  it('are added, listed and used from the command line; the token of the environment is not shown', async () => {
    const options = { env: { ...env, OSTRAKA_TOKEN: 'very-secret' }, cwd: home }
    const ostraka = async (...args: string[]) => {
      const { status, stdout, stderr } = await runCli([...args, '--json'], options)
      assert.equal(status, 0, stderr)
      assert.doesNotMatch(stdout, /very-secret/)
      return JSON.parse(stdout)
    }
    const linked = join(home, 'dotfiles.toml')
    writeFileSync(linked, '')
    symlinkSync(linked, join(home, 'ostraka/config.toml'))
    await ostraka('context', 'add', 'first', '--api', 'http://a.example', '--token-file', 't')
    await ostraka('context', 'add', 'second', '--api', 'http://b.example')
    await ostraka('context', 'use', 'second')
    const { contexts } = await ostraka('context', 'list')
    assert.deepEqual(contexts, [
      { name: 'first', isUsed: false, api: 'http://a.example', tokenFile: join(home, 't') },
      { name: 'second', isUsed: true, api: 'http://b.example' },
    ])
    assert.ok(lstatSync(join(home, 'ostraka/config.toml')).isSymbolicLink(), 'a link stays one')
    assert.equal(statSync(join(home, 'ostraka/config.toml')).mode & 0o777, 0o600)
    assert.match(readFileSync(join(home, 'ostraka/config.toml'), 'utf8'), /^context = "second"/)
    const { settings } = await ostraka('config', 'show')
    assert.deepEqual(settings, [
      { setting: 'api', value: 'http://b.example', source: 'context second' },
      { setting: 'token', value: '<redacted>', source: 'OSTRAKA_TOKEN' },
      { setting: 'genesis', value: null, source: null },
    ])
    assert.equal((await runCli(['context', 'use', 'third'], options)).status, 4)
  })
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createProgram } from '../../src/cli/program.ts'

describe('node.toml (issue 10, item 15)', () => {
  let dir: string
  let toml: string

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-node-toml-'))
    toml = join(dir, 'node.toml')
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  /** The options with which `node run` would start a daemon. */
  async function optionsOf(...flags: readonly string[]): Promise<Record<string, unknown>> {
    const program = await createProgram({ only: 'node' })
    const run = program.commands[0]!.commands.find(command => command.name() === 'run') as Command
    let options: Record<string, unknown> = {}
    run.action(given => {
      options = given
    })
    await program.parseAsync(['node', 'ostraka', 'node', 'run', '--dir', dir, ...flags])
    return options
  }

  it('gives options as flags would, in lists where they are repeatable, and files beside it', async () => {
    writeFileSync(
      toml,
      `api = "127.0.0.1:9000"
listen = ["/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/tcp/2"]
peer = "/ip4/5.6.7.8/tcp/1/p2p/12D3"
passphrase-file = "secret"
metrics-public = true
api-rate = 50`,
    )
    const { api, listen, peer, passphraseFile, metricsPublic, apiRate } = await optionsOf()
    assert.deepEqual(api, { host: '127.0.0.1', port: 9000 })
    assert.deepEqual(listen, ['/ip4/1.2.3.4/tcp/1', '/ip4/1.2.3.4/tcp/2'])
    assert.deepEqual(peer, ['/ip4/5.6.7.8/tcp/1/p2p/12D3'])
    assert.deepEqual([passphraseFile, metricsPublic, apiRate], [join(dir, 'secret'), true, 50])
  })

  it('flags and the environment win over it', async () => {
    writeFileSync(toml, 'api = "127.0.0.1:9000"\nlisten = ["/ip4/1.2.3.4/tcp/1"]\nattest = "tpm2"')
    process.env.OSTRAKA_ATTEST = 'measured'
    try {
      const { api, listen, attest } = await optionsOf(
        '--api',
        '127.0.0.1:9001',
        '--listen',
        '/ip4/0.0.0.0/tcp/1',
      )
      assert.deepEqual([api, listen], [{ host: '127.0.0.1', port: 9001 }, ['/ip4/0.0.0.0/tcp/1']])
      assert.equal(attest, 'measured')
    } finally {
      delete process.env.OSTRAKA_ATTEST
    }
    assert.equal((await optionsOf()).attest, 'tpm2')
  })

  it('what is wrong in it is refused with the file and the name', async () => {
    for (const [text, message] of [
      ['lisen = ["x"]', /node\.toml: lisen is no setting; there are .*listen/],
      ['dir = "/else"', /node\.toml: dir is no setting/],
      ['api = "nowhere"', /node\.toml: api: HOST:PORT/],
      ['attest = "tpm3"', /node\.toml: attest: Allowed choices/],
      ['metrics-public = "yes"', /node\.toml: metrics-public is true or false/],
      ['api = ["127.0.0.1:1", "127.0.0.1:2"]', /node\.toml: api is no list/],
      ['api = {}', /node\.toml: api is no text/],
      ['api =', /node\.toml: Invalid TOML/],
    ] as const) {
      writeFileSync(toml, text)
      await assert.rejects(optionsOf(), { code: 'malformed', message }, text)
    }
  })
})

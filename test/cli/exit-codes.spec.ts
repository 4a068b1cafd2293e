import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { problemOf, statusOf } from '../../src/api/problem.ts'
import { ERROR_CODES, type ErrorCode, OstrakaError } from '../../src/base/index.ts'
import { EXIT, exitCodeOf } from '../../src/cli/exit-codes.ts'
import { runCli, runHere } from './running.ts'

const OPERATIONS = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8')
const CLASSES = OPERATIONS.slice(OPERATIONS.indexOf('The exit code tells the class'))

/** The codes that OPERATIONS lists under an exit code. */
function documented(exit: number): string[] {
  const row = new RegExp(`^\\| ${exit} \\|[^|]*\\|(.*)\\|$`, 'm').exec(CLASSES)
  return [...row![1]!.matchAll(/`(\w+)`/g)].map(match => match[1]!)
}

describe('exit codes (issue 10, item 16)', function () {
  this.timeout(90_000)

  let server: Server
  let api: string
  let refusal: ErrorCode

  before(async () => {
    server = createServer((_, response) => {
      const problem = problemOf(new OstrakaError(refusal, 'said no', { limit: 3 }))
      response.writeHead(statusOf(refusal), { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify(problem))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => server.close())

  it('OPERATIONS lists every error code under the exit code that it has', () => {
    const listed = Object.values(EXIT).flatMap(exit => documented(exit).map(code => [code, exit] as const))
    assert.equal(new Map(listed).size, listed.length, 'a code is listed once')
    const expected = ERROR_CODES.map(code => [code, exitCodeOf(code)] as const)
    assert.deepEqual(new Map(listed), new Map<string, number>([...expected, ['usage', EXIT.usage]]))
  })

  it('tell the classes apart, whatever the daemon answers', async () => {
    for (const [code, exit] of [
      ['forbidden', 3],
      ['rate_limited', 3],
      ['unknown_key', 4],
      ['insufficient_shares', 6],
      ['no_quorum', 6],
      ['name_taken', 7],
      ['wrong_kind', 1],
    ] as const) {
      refusal = code
      const { status, stderr } = await runHere(['key', 'show', 'k', '--api', api])
      assert.deepEqual([status, stderr], [exit, `${code}: said no {"limit":3}\n`])
    }
    const unreachable = await runHere(['key', 'show', 'k', '--api', 'http://127.0.0.1:1'])
    assert.equal(unreachable.status, 5)
  })

  it('are those of the process; with --json its error is one JSON object on standard error', async () => {
    refusal = 'conflict'
    const { status, stdout, stderr } = await runCli(['key', 'show', 'k', '--api', api, '--json'])
    assert.deepEqual([status, stdout], [7, ''])
    assert.deepEqual(JSON.parse(stderr), {
      code: 'conflict',
      message: 'said no',
      details: { limit: 3 },
      exitCode: 7,
    })
  })

  it('with --json wrong usage is JSON too, whoever refuses it', async () => {
    for (const args of [
      ['nonsense', '--json'],
      ['key', '--json'],
      ['key', 'create', 'x', '--json'],
      ['key', 'create', 'x', '--kind', 'rsa', '--json'],
      ['status', '--unknown', '--json'],
      ['rewrap', 'file', '--json'],
    ]) {
      const { status, stderr } = await runHere(args)
      const { code, exitCode, message } = JSON.parse(stderr) as Record<string, unknown>
      assert.deepEqual([status, code, exitCode], [2, 'usage', 2], args.join(' '))
      assert.match(String(message), /^(?!error)(?!\().{10}/)
    }
  })

  it('with --json every line of standard error is JSON, hints too', async () => {
    refusal = 'forbidden'
    const options = ['--kind', 'ed25519', '--secret-file', '/dev/null', '--api', api]
    assert.match((await runHere(['key', 'import', 'k', ...options, '--json'])).stderr, /^\{"code"/)
    const args = ['key', 'export', 'k', '--out', 'never', '--api', api]
    const lines = (await runHere([...args, '--json'])).stderr.trimEnd().split('\n')
    assert.deepEqual(
      lines.map(line => Object.keys(JSON.parse(line))),
      [['note'], ['code', 'message', 'details', 'exitCode']],
    )
  })

  it('a `--json` behind `--` is no option of this program', async () => {
    const { status, stderr } = await runHere(['key', 'show', '--api', api, '--', '--json', 'x'])
    assert.equal(status, 2)
    assert.match(stderr, /^error: /)
  })
})

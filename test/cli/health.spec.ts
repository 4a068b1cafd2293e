import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { rootRoute } from '../../src/api/routes-root.ts'
import { runCli, runHere } from './running.ts'

const STATUS = {
  ...{ name: 'acme', networkId: 'ab', peerId: '12D3', software: 'ostraka/0', height: 7, epoch: 2 },
  ...{ coordinator: '12D3', validators: [], members: [], approvals: [], warnings: [], convictions: [] },
}

describe('health (issue 10, items 17 and 19)', function () {
  this.timeout(90_000)

  let server: Server
  let api: string
  let health: { readonly status: string; readonly reasons: readonly string[] }

  before(async () => {
    server = createServer((request, response) => {
      const isHealth = request.url === '/health'
      response.writeHead(isHealth && health.status === 'unavailable' ? 503 : 200)
      response.end(JSON.stringify(isHealth ? { ...health, notices: [] } : STATUS))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => server.close())

  it('`status` begins with one line of health, why, and what to do about it', async () => {
    for (const [status, reasons, line] of [
      ['ok', [], /^ok: nothing to do$/],
      ['degraded', ['no quorum'], /^degraded \(no quorum\): .*bring the missing nodes back/],
      ['unavailable', ['starting'], /^unavailable \(starting\): .*read its log/],
    ] as const) {
      health = { status, reasons }
      const { stdout, stderr } = await runCli(['status', '--api', api])
      assert.match(stdout.split('\n')[0]!, line, stderr)
    }
  })

  it('`health` leaves with the exit code that a probe goes by', async () => {
    for (const [status, exit] of [
      ['ok', 0],
      ['degraded', 0],
      ['unavailable', 1],
    ] as const) {
      health = { status, reasons: [] }
      const told = await runCli(['health', '--api', api, '--json'])
      assert.deepEqual([told.status, JSON.parse(told.stdout).status], [exit, status])
    }
    assert.equal((await runHere(['health', '--api', 'http://127.0.0.1:1'])).status, 5)
  })

  it('`/` tells a browser what this is, how it is, and where to go on; the reasons are for members', async () => {
    const { handle } = rootRoute('<ostraka>')
    for (const [complaints, shortcomings, status] of [
      [[], [], 'ok'],
      [[], ['SECRET'], 'degraded'],
      [['SECRET'], [], 'unavailable'],
    ] as const) {
      const port = {
        networkId: new Uint8Array(2),
        complaints: () => complaints,
        shortcomings: () => shortcomings,
      }
      const at = { port } as unknown as Parameters<typeof handle>[0]
      const call = { accept: 'text/html,*/*' } as unknown as Parameters<typeof handle>[1]
      const page = String((await handle(at, call)).body)
      assert.match(page, new RegExp(`<strong>${status}</strong>`))
      assert.match(page, /&lt;ostraka&gt;[\s\S]*href="\/health"[\s\S]*href="\/openapi.json"/)
      assert.doesNotMatch(page, /SECRET|<ostraka>/)
    }
  })

  it('`help a b` is the help of `a b`, at every depth; an unknown command is wrong usage', async () => {
    for (const path of [[], ['key'], ['key', 'create'], ['status']]) {
      const told = await runCli(['help', ...path])
      assert.deepEqual(told, await runCli([...path, '--help']), path.join(' '))
      assert.equal(told.status, 0)
    }
    const unknown = await runHere(['help', 'key', 'nonsense'])
    assert.equal(unknown.status, 2)
    assert.match(unknown.stderr, /unknown command 'nonsense'/)
  })
})

import { equal, rejects } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFixture } from './fixture.ts'

/** Binds a socket and dies without removing it, as a daemon that is killed does. */
const LEAVE_STALE = `
  require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))
`

describe('HTTP on a Unix socket', () => {
  let dir: string

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-socket-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('is its user’s alone, serves the same, and is gone with its server', async () => {
    const path = join(dir, 'api.sock')
    const api = await startFixture({ path })
    try {
      equal(api.url, `unix:${path}`)
      equal(lstatSync(path).mode & 0o777, 0o600)
      equal(readdirSync(dir).join(), 'api.sock')
      equal((await api.client.status()).name, 'solo')
      equal((await api.as(api.owner).keys()).length, 0)
      await rejects(startFixture({ path }), { code: 'conflict' })
    } finally {
      await api.stop()
    }
    equal(existsSync(path), false)
  })

  it('takes the place of a stale one, and of nothing else', async () => {
    const path = join(dir, 'api.sock')
    spawnSync(process.execPath, ['-e', LEAVE_STALE, path])
    equal(lstatSync(path).isSocket(), true)
    const api = await startFixture({ path })
    await api.stop()
    writeFileSync(path, 'mine')
    await rejects(startFixture({ path }), { code: 'conflict' })
    equal(lstatSync(path).isFile(), true)
  })
})

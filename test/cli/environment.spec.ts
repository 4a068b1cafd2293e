import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES, type ErrorCode, ofSystem, SeededRng } from '../../src/base/index.ts'
import { readMember } from '../../src/cli/genesis-file.ts'
import { makeInvite } from '../../src/cli/invites.ts'
import { makeGenesis, nodeKeys, operator } from '../control/fixture.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** An answer within this shows that nothing went round in circles. */
const TIMEOUT_MS = 60_000

describe('issue 10, item 12: what the environment refuses has a code and a name, and no stack trace', function () {
  this.timeout(TIMEOUT_MS)
  let dir: string

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-environment-'))
    symlinkSync(join(dir, 'loop'), join(dir, 'loop'))
    writeFileSync(join(dir, 'file'), 'x')
    writeFileSync(join(dir, 'unreadable'), 'x')
    chmodSync(join(dir, 'unreadable'), 0)
  })

  after(() => rmSync(dir, { recursive: true }))

  /** Runs the real program; what it says on standard error. */
  const run = async (
    args: readonly string[],
    { stdout = 'ignore' as 'ignore' | number, env = {} } = {},
  ): Promise<{ readonly status: number | null; readonly stderr: string }> => {
    const child = spawn(process.execPath, [MAIN, ...args], {
      stdio: ['ignore', stdout, 'pipe'],
      env: { ...process.env, ...env },
      timeout: TIMEOUT_MS,
    })
    const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
    const stderr = await text(child.stderr!)
    return { status: await ended, stderr }
  }

  const refused = async (
    code: ErrorCode,
    args: readonly string[],
    options: Parameters<typeof run>[1] = {},
  ): Promise<string> => {
    const { status, stderr } = await run(args, options)
    assert.ok(status !== 0 && status !== null, `${args.join(' ')}: ended with ${status}`)
    assert.match(stderr, new RegExp(`^${code}: `, 'm'), `${args.join(' ')}: ${stderr}`)
    assert.doesNotMatch(stderr, /^ +at /m, stderr)
    return stderr
  }

  it('a directory in a place where none can be made ends', async () => {
    const env = { OSTRAKA_PASSPHRASE: 'x' }
    await refused('not_found', ['node', 'init', '--dir', '/proc/ostraka/node'], { env })
    await refused('not_found', ['testnet', 'up', '--dir', '/proc/ostraka'])
  })

  it('a full disk behind standard output', async () => {
    const stdout = openSync('/dev/full', 'w')
    await refused('storage_full', ['--version'], { stdout })
    await refused('storage_full', ['sim', '--seed', '1', '--ops', '1'], { stdout })
  })

  it('directories, loops, files on the way, missing and unreadable files, each named', async () => {
    const api = ['status', '--api', 'http://127.0.0.1:1', '--token-file']
    const cases: readonly [ErrorCode, string][] = [
      ['conflict', dir],
      ['conflict', join(dir, 'loop')],
      ['not_found', join(dir, 'file', 'x')],
      ['not_found', join(dir, 'missing')],
      // root reads everything
      ...(process.getuid?.() === 0 ? [] : [['forbidden', join(dir, 'unreadable')] as [ErrorCode, string]]),
    ]
    for (const [code, path] of cases) {
      assert.ok((await refused(code, [...api, path])).includes(path))
      await refused(code, ['policy', 'show', 'x', '--api', 'http://127.0.0.1:1', '--principal-file', path])
    }
  })

  it('a descriptor that is closed', async () => {
    const env = { OSTRAKA_PASSPHRASE_FD: '77' }
    const stderr = await refused('malformed', ['node', 'init', '--dir', join(dir, 'node')], { env })
    assert.match(stderr, /OSTRAKA_PASSPHRASE_FD=77/)
  })

  it('item 10: an invite that does not fit is refused before anything is made, and the right one works on', async () => {
    const genesis = makeGenesis(nodeKeys(1))
    const request = { operator, genesis, peers: [], apis: ['http://127.0.0.1:1'], region: 'eu-west' }
    const invite = (expiresMs: number): string => {
      const path = join(dir, `invite-${expiresMs}`)
      writeFileSync(path, makeInvite({ ...request, expiresMs }, new SeededRng('invites')))
      return path
    }
    const node = join(dir, 'joining')
    const env = { OSTRAKA_PASSPHRASE: 'x' }
    const args = ['node', 'join', '--dir', node, '--invite']
    const good = invite(Date.now() + 600_000)
    const stderr = await refused('forbidden', [...args, good, '--region', 'us-east'], { env })
    assert.match(stderr, /region eu-west, not us-east/)
    await refused('expired', [...args, invite(1)], { env })
    assert.equal(existsSync(node), false)
    await refused('unreachable', [...args, good], { env })
    // what an unanswered attempt has made is taken up again, with a better place
    await refused('unreachable', [...args, good, '--region', 'eu-west', '--lat', '50'], { env })
    assert.equal(readMember(join(node, 'member.json')).location.latitude, 50)
  })

  it('every error number in the table has a code of ours', () => {
    const known: ReadonlySet<string> = new Set(ERROR_CODES)
    for (const [errno, code] of [
      ['ENOSPC', 'storage_full'],
      ['EACCES', 'forbidden'],
      ['EISDIR', 'conflict'],
      ['EBADF', 'malformed'],
      ['ENOTDIR', 'not_found'],
      ['ELOOP', 'conflict'],
      ['EMFILE', 'overloaded'],
      ['EROFS', 'forbidden'],
    ] as const) {
      const error = ofSystem(
        Object.assign(new Error(errno), { code: errno, errno: -1, syscall: 'open' }),
        'x',
      )
      assert.equal(error?.code, code)
      assert.deepEqual(error.details, { errno })
      assert.ok(known.has(code))
    }
    assert.equal(ofSystem(Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' })), undefined)
  })
})

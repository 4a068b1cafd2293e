import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { isAlive, runsIn } from '../../src/cli/testnet/state.ts'

/** Its threads have work that outlives the signal by some milliseconds: writes that are forced to disk, and arithmetic. */
const BUSY = `
  const { writeFile } = require('node:fs')
  for (let i = 0; i < 3; i++) writeFile(process.argv[1] + '/' + i, Buffer.alloc(1e7), { flush: true }, () => {})
  require('node:crypto').pbkdf2('', '', 1e6, 64, 'sha512', () => {})
  console.log('busy')
  setInterval(() => {}, 1000)
`

describe('whether a process lives', () => {
  let dir: string

  before(function () {
    if (existsSync('/proc/self/stat')) return
    console.log('    SKIPPED: this system has no /proc to tell')
    this.skip()
  })

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-liveness-'))
  })

  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  async function busy(): Promise<ChildProcess & { readonly pid: number }> {
    const child = spawn(process.execPath, ['-e', BUSY, dir], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    return child as ChildProcess & { readonly pid: number }
  }

  it('is told by its directory, not by its number alone', async () => {
    const { pid } = await busy()
    assert.equal(isAlive({ pid, dir }), true)
    assert.equal(isAlive({ pid, dir: join(dir, 'another') }), false)
    assert.equal(isAlive({ pid: 0, dir }), false)
    process.kill(pid, 'SIGKILL')
  })

  it('one that has just begun lives, though it has no command line yet; a thread of the kernel does not', () => {
    const stat = (state: string, flags: number): string =>
      `7 (node) ${state} 1 7 7 0 -1 ${flags} ${'0 '.repeat(10)}1 0`
    assert.equal(runsIn(dir, `node\0--dir\0${dir}\0`, stat('S', 0x400000)), true)
    assert.equal(runsIn(dir, '', stat('R', 0x400000)), true, 'between the halves of its execve')
    assert.equal(runsIn(dir, '', stat('R', 0x400004)), true, 'on its way out')
    assert.equal(runsIn(dir, '', stat('S', 0x200000)), false)
    assert.equal(runsIn(dir, '', stat('Z', 0x400004)), false)
  })

  it('one that was killed lives until its last thread has ended, and never again', async function () {
    this.timeout(20_000)
    for (let round = 0; round < 10; round++) {
      const child = await busy()
      let hasEnded = false
      child.once('exit', () => {
        hasEnded = true
      })
      child.kill('SIGKILL')
      // looked at without giving way to the event loop, so that nobody waits for the child meanwhile
      const untilMs = performance.now() + 150
      const seen = [true]
      while (performance.now() < untilMs) {
        const now = isAlive({ pid: child.pid, dir })
        if (now !== seen.at(-1)) seen.push(now)
      }
      while (!hasEnded) await turn()
      assert.ok(seen.length <= 2, `round ${round}: ${seen}`)
      assert.equal(isAlive({ pid: child.pid, dir }), false)
    }
  })
})

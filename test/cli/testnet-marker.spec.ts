import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRng } from '../../src/base/index.ts'
import { layOut } from '../../src/cli/testnet/layout.ts'
import { claimDirectory, noteMade, removeIfMade, requireTestnet } from '../../src/cli/testnet/marker.ts'

describe('a testnet’s directory', () => {
  const rng = new SeededRng('marker')
  let dir: string

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-marker-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('that this program did not mark is refused by name, and loses nothing', async () => {
    for (const name of ['passphrase', 'testnet.json', 'node-1', 'thesis.txt'])
      writeFileSync(join(dir, name), 'mine')
    const before = readdirSync(dir)
    const sizes = { nodes: 1, regions: 1, operators: 1, apiPort: 0, epochMs: 3000, destroyDelayMs: 0 }
    await rejects(layOut({ dir, ...sizes }), error => {
      const { code, message } = error as { code: string; message: string }
      return code === 'conflict' && message.includes('.ostraka-testnet')
    })
    deepEqual(readdirSync(dir), before)
  })

  it('with a forged or linked marker is not taken for ours', () => {
    for (const text of ['', '{}', '{"format":"ostraka-testnet/1","id":"x","made":[]}']) {
      writeFileSync(join(dir, '.ostraka-testnet'), text)
      throws(() => claimDirectory(dir, rng), { code: 'conflict' })
    }
    const id = '0'.repeat(32)
    const escaping = { format: 'ostraka-testnet/1', id, made: ['../../home'] }
    writeFileSync(join(dir, '.ostraka-testnet'), JSON.stringify(escaping))
    throws(() => claimDirectory(dir, rng), { code: 'conflict' })
    rmSync(join(dir, '.ostraka-testnet'))
    const elsewhere = mkdtempSync(join(tmpdir(), 'ostraka-marker-'))
    claimDirectory(elsewhere, rng)
    symlinkSync(join(elsewhere, '.ostraka-testnet'), join(dir, '.ostraka-testnet'))
    throws(() => requireTestnet(dir), { code: 'conflict' })
    rmSync(elsewhere, { recursive: true })
  })

  it('is cleared of what it made, and of nothing that lies beside', () => {
    const first = claimDirectory(dir, rng)
    noteMade(dir, 'node-1', 'passphrase')
    mkdirSync(join(dir, 'node-1', 'db'), { recursive: true })
    writeFileSync(join(dir, 'passphrase'), 'made here')
    writeFileSync(join(dir, 'notes.txt'), 'mine')
    mkdirSync(join(dir, 'node-2'))
    throws(() => noteMade(dir, 'node-2'), { code: 'conflict' })
    removeIfMade(dir, 'node-2')
    equal(existsSync(join(dir, 'node-2')), true)
    equal(claimDirectory(dir, rng) === first, false)
    deepEqual(readdirSync(dir).sort(), ['.ostraka-testnet', 'node-2', 'notes.txt'])
  })
})

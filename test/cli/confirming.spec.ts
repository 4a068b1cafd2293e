import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { confirmByName, requireAnswerable } from '../../src/cli/confirming.ts'

/** A terminal at which somebody types this. */
function terminal(typed: string) {
  const input = Object.assign(new PassThrough(), { isTTY: true })
  input.end(typed)
  return { input, output: new PassThrough() }
}

describe('issue 10.2: key destroy asks', () => {
  it('for the key’s name, and takes nothing else for it: no other name, no “yes”, no end of input', async () => {
    await confirmByName('backups', [], terminal('backups\n'))
    for (const typed of ['', '\n', 'yes\n', 'backup\n', 'Backups\n', 'backups2\n']) {
      const asked = confirmByName('backups', [], terminal(typed))
      await assert.rejects(asked, { code: 'conflict' }, JSON.stringify(typed))
    }
  })

  it('nobody where there is no terminal: it is wrong usage without --yes', () => {
    const none = { input: new PassThrough(), output: new PassThrough() }
    assert.throws(() => requireAnswerable(undefined, none), { code: 'commander.invalidArgument' })
    requireAnswerable(true, none)
    requireAnswerable(undefined, terminal(''))
  })
})

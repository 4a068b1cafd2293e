import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const PROGRAM = fileURLToPath(new URL('byzantine-daemon.ts', import.meta.url))
const HONEST = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'] as const

describe('seven daemons, of which one is Byzantine', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet
  let publicKey: string
  const liars: ChildProcess[] = []

  before(async () => {
    net = await Testnet.start({ nodes: 7 })
    const sizes = { kind: 'ed25519', threshold: 4, shares: 7 } as const
    const key = await net.createKey('node-1', { name: 'steady', ...sizes })
    publicKey = key.publicKey
    assert.equal(new Set(key.holders.map(({ peerId }) => peerId)).size, 7)
  })

  after(async () => {
    for (const liar of liars) liar.kill('SIGKILL')
    await net?.stop()
  })

  /** Another program runs with the node's identity, disk and address. */
  const corrupt = async (name: string, misdeed: string): Promise<void> => {
    const { dir, listen } = net.node(name)
    await net.kill(name)
    const log = openSync(join(dir, 'byzantine.log'), 'a')
    const args = [PROGRAM, dir, net.state.passphraseFile, listen, misdeed]
    liars.push(spawn(process.execPath, args, { stdio: ['ignore', log, log, 'ipc'] }))
    closeSync(log)
  }

  const signs = async (at: string): Promise<void> => {
    assert.equal(await net.signs(at, 'steady'), publicKey)
  }

  const convictions = async (at: string): Promise<Record<string, string>> => {
    const { convictions } = await net.client(at).trust()
    return Object.fromEntries(convictions.map(({ peerId, reason }) => [peerId, reason]))
  }

  const isPutOut = async (at: string, peerId: string): Promise<boolean> => {
    const { validators } = await net.client(at).status()
    const member = (await net.client(at).members()).find(each => each.peerId === peerId)
    return member?.state === 'removed' && !validators.includes(peerId)
  }

  /** All seven slots are held, none by those. */
  const isWholeWithout = async (at: string, gone: readonly string[]): Promise<boolean> => {
    const key = await net.client(at).key('steady')
    assert.equal(key.publicKey, publicKey)
    return key.holders.length === 7 && !key.holders.some(({ peerId }) => gone.includes(peerId))
  }

  it('wrong partials spoil no signature, and convict their holder, whose slots move', async () => {
    const { peerId } = net.node('node-7')
    await corrupt('node-7', 'bad-partial')
    await eventually('a wrong partial is proven', async () => {
      for (const name of HONEST) await signs(name)
      return (await convictions('node-1'))[peerId] === 'bad_partial'
    })
    for (const name of HONEST) {
      await eventually(`${name} has it removed`, () => isPutOut(name, peerId))
      await eventually(`${name} sees its slots moved`, () => isWholeWithout(name, [peerId]))
      await signs(name)
    }
  })

  it('votes for two blocks convict their voter, whose slots move; nobody else is blamed', async () => {
    const [first, second] = [net.node('node-7').peerId, net.node('node-6').peerId]
    await corrupt('node-6', 'equivocation')
    for (const name of HONEST) {
      await eventually(`${name} has it removed`, () => isPutOut(name, second))
      await eventually(`${name} sees its slots moved`, () => isWholeWithout(name, [first, second]))
      await signs(name)
      assert.deepEqual(await convictions(name), { [first]: 'bad_partial', [second]: 'equivocation' })
      const { scores } = await net.client(name).trust()
      assert.ok(scores.every(({ fines }) => fines === 0))
    }
  })
})

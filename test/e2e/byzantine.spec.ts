import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Client } from '../../src/api/index.ts'
import { fromBase64, isOstrakaError, peerIdOf, utf8 } from '../../src/base/index.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const PROGRAM = fileURLToPath(new URL('byzantine-daemon.ts', import.meta.url))
const HONEST = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'] as const

/** Another program runs with the node's identity, disk and address. */
async function corrupt(net: Testnet, name: string, misdeed: string): Promise<ChildProcess> {
  const { dir, listen } = net.node(name)
  await net.kill(name)
  const log = openSync(join(dir, 'byzantine.log'), 'a')
  const args = [PROGRAM, dir, net.state.passphraseFile, listen, misdeed]
  const liar = spawn(process.execPath, args, { stdio: ['ignore', log, log, 'ipc'] })
  closeSync(log)
  return liar
}

async function convictionsSeenBy(client: Client): Promise<Record<string, string>> {
  const { convictions } = await client.trust()
  return Object.fromEntries(convictions.map(({ peerId, reason }) => [peerId, reason]))
}

async function isPutOutAt(client: Client, peerId: string): Promise<boolean> {
  const { validators } = await client.status()
  const member = (await client.members()).find(each => each.peerId === peerId)
  return member?.state === 'removed' && !validators.includes(peerId)
}

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

  const signs = async (at: string): Promise<void> => {
    assert.equal(await net.signs(at, 'steady'), publicKey)
  }

  /** All seven slots are held, none by those. */
  const isWholeWithout = async (at: string, gone: readonly string[]): Promise<boolean> => {
    const key = await net.client(at).key('steady')
    assert.equal(key.publicKey, publicKey)
    return key.holders.length === 7 && !key.holders.some(({ peerId }) => gone.includes(peerId))
  }

  it('wrong partials spoil no signature, and convict their holder, whose slots move', async () => {
    const { peerId } = net.node('node-7')
    liars.push(await corrupt(net, 'node-7', 'bad-partial'))
    // which four of seven are asked depends on how promptly they answer: of these four none can be left out
    const away = ['node-4', 'node-5', 'node-6']
    await net.kill(...away)
    const tells = new RegExp(`event="operation_bad_partials/${peerId}"\\} [1-9]`)
    await eventually('it gives a wrong partial, which makes no signature', async () => {
      const signature = net.client('node-1').sign('steady', [utf8('with its help')])
      await assert.rejects(signature, error => isOstrakaError(error) && error.code !== 'bad_signature')
      return tells.test(await net.client('node-1').metrics())
    })
    await net.restart(...away)
    await eventually('a wrong partial is proven', async () => {
      for (const name of HONEST) await signs(name)
      return (await convictionsSeenBy(net.client('node-1')))[peerId] === 'bad_partial'
    })
    for (const name of HONEST) {
      await eventually(`${name} has it removed`, () => isPutOutAt(net.client(name), peerId))
      await eventually(`${name} sees its slots moved`, () => isWholeWithout(name, [peerId]))
      await signs(name)
    }
  })

  it('votes for two blocks convict their voter, whose slots move; nobody else is blamed', async () => {
    const [first, second] = [net.node('node-7').peerId, net.node('node-6').peerId]
    liars.push(await corrupt(net, 'node-6', 'equivocation'))
    for (const name of HONEST) {
      await eventually(`${name} has it removed`, () => isPutOutAt(net.client(name), second))
      await eventually(`${name} sees its slots moved`, () => isWholeWithout(name, [first, second]))
      await signs(name)
      assert.deepEqual(await convictionsSeenBy(net.client(name)), {
        [first]: 'bad_partial',
        [second]: 'equivocation',
      })
      const { scores } = await net.client(name).trust()
      assert.ok(scores.every(({ fines }) => fines === 0))
    }
  })
})

interface BeaconJson {
  readonly value: { readonly sequence: number; readonly load: object }
}

/** A transaction in the log's JSON, as far as this test reads it. */
interface SignedJson {
  readonly signer: string
  readonly value: {
    readonly type: string
    readonly evidence?: { readonly type: string; readonly first: BeaconJson; readonly second: BeaconJson }
  }
}

describe('four daemons, of which one says two things in its beacons', function () {
  this.timeout(TEST_TIMEOUT_MS)
  const others = ['node-1', 'node-2', 'node-3'] as const
  let net: Testnet
  let liar: ChildProcess | undefined

  before(async () => {
    net = await Testnet.start({ nodes: 4 })
  })

  after(async () => {
    liar?.kill('SIGKILL')
    await net?.stop()
  })

  /** The block's one piece of evidence, and who handed it in. */
  const evidenceAt = async (height: number) => {
    const { blocks } = await net.client('node-1').log(height, { limit: 1 })
    const { transactions } = blocks[0]!.block as { readonly transactions: readonly SignedJson[] }
    const [handedIn] = transactions.filter(({ value }) => value.type === 'report-evidence')
    return { evidence: handedIn!.value.evidence!, by: peerIdOf(fromBase64(handedIn!.signer, 'signer')) }
  }

  it('is convicted by those who were told one thing, once they hear of the other, and by nothing else', async () => {
    const { peerId } = net.node('node-4')
    liar = await corrupt(net, 'node-4', 'conflicting-beacons')
    for (const name of others) {
      await eventually(`${name} has it removed`, () => isPutOutAt(net.client(name), peerId))
      assert.deepEqual(await convictionsSeenBy(net.client(name)), { [peerId]: 'equivocation' })
      const { scores } = await net.client(name).trust()
      assert.ok(scores.every(({ fines }) => fines === 0))
    }
    const [conviction] = (await net.client('node-1').trust()).convictions
    const { evidence, by } = await evidenceAt(conviction!.height)
    assert.equal(evidence.type, 'conflicting-beacons')
    const [first, second] = [evidence.first.value, evidence.second.value]
    assert.equal(first.sequence, second.sequence)
    assert.notDeepEqual(first.load, second.load)
    assert.ok(others.some(name => net.node(name).peerId === by))
  })
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { concat, fromHex, Secret, toHex } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import {
  createPreSharedKey,
  type Io,
  readPreSharedKey,
  SystemRng,
  silentLogger,
  startIo,
} from '../../src/io/index.ts'
import { KeyStream } from '../../src/io/private-network.ts'
import { realTime } from './contracts/world.ts'
import { LOOPBACK, NETWORK_ID, peerIdAt, seedOf, startNetwork, temporaryDirectory } from './network.ts'

describe('a pre-shared key', function () {
  this.timeout(60_000)
  let dir: string
  let file: string
  before(async () => {
    dir = await temporaryDirectory()
    file = join(dir, 'swarm.key')
    createPreSharedKey(file, new SystemRng())
  })
  after(() => rmSync(dir, { recursive: true }))

  it('is a file as libp2p has it, which only its owner reads, and no other file', () => {
    assert.match(readFileSync(file, 'utf8'), /^\/key\/swarm\/psk\/1\.0\.0\/\n\/base16\/\n[0-9a-f]{64}\n$/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.throws(() => createPreSharedKey(file, new SystemRng()), { code: 'conflict' })
    assert.throws(() => readPreSharedKey(join(dir, 'none')), { code: 'not_found' })
    for (const text of ['', 'abc', `${readFileSync(file, 'latin1').slice(0, -3)}\n`]) {
      writeFileSync(join(dir, 'bent'), text)
      assert.throws(() => readPreSharedKey(join(dir, 'bent')), { code: 'malformed' })
    }
  })

  it('hides by XSalsa20, in pieces of any size as in one', () => {
    // the key, nonce and stream of "Cryptography in NaCl", section 8
    const key = fromHex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389')
    const nonce = fromHex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37')
    const whole = new KeyStream(key, nonce).apply(new Uint8Array(1000))
    assert.equal(
      toHex(whole.subarray(0, 32)),
      'eea6a7251c1e72916d11c2cb214d3c252539121d8e234e652d651fa4c8cff880',
    )
    const pieces = new KeyStream(key, nonce)
    const parts = [0, 1, 62, 1, 64, 65, 127, 200, 480].map(size => pieces.apply(new Uint8Array(size)))
    assert.equal(toHex(concat(...parts)), toHex(whole))
  })

  it('lets those who have it work together as before, large answers included', async () => {
    const network = await startNetwork(4, { overrides: () => ({ preSharedKey: readPreSharedKey(file) }) })
    try {
      const [alice, ...others] = network.nodes as [Io, ...Io[]]
      const payload = new Uint8Array(randomBytes(900_000))
      const handlers = { message: () => {}, peer: () => {} }
      const echo = async (_from: string, request: Uint8Array) => request
      for (const node of network.nodes) await node.transport.start({ ...handlers, request: echo })
      for (let round = 0; round < 3; round++) {
        const asked = others.map(({ peerId }) => alice.transport.request(peerId, payload, 20_000))
        for (const answer of await Promise.all(asked)) assert.deepEqual(answer, payload)
      }
    } finally {
      await network.close()
    }
  })

  describe('of a network', () => {
    let io: Io
    const opened: { readonly io: Io; readonly directory: string }[] = []

    const start = async (index: number, keyFile?: string, known?: Io): Promise<Io> => {
      const directory = await temporaryDirectory()
      const started = await startIo({
        identitySeed: new Secret(seedOf(index)),
        networkId: NETWORK_ID,
        directory,
        listen: LOOPBACK,
        members: () => [peerIdAt(0), peerIdAt(1)],
        isMember: () => true,
        recordKey: record => sha256(record),
        recordJudge: () => undefined,
        logger: silentLogger(),
        ...(keyFile === undefined ? {} : { preSharedKey: readPreSharedKey(keyFile) }),
        ...(known === undefined ? {} : { addresses: [[known.peerId, known.addresses()]] }),
      })
      opened.push({ io: started, directory })
      return started
    }

    before(async () => {
      io = await start(0, file)
    })
    after(async () => {
      for (const each of opened) {
        await each.io.stop()
        rmSync(each.directory, { recursive: true })
      }
    })

    it('keeps out a member’s identity without it, and with another one, before any handshake', async () => {
      const other = join(dir, 'other.key')
      createPreSharedKey(other, new SystemRng())
      for (const keyFile of [undefined, other]) {
        const stranger = await start(1, keyFile, io)
        await realTime.until(() => stranger.counters.get('dial_failed') > 1)
        assert.deepEqual(stranger.connectedPeers(), [])
        // no peer id was learnt that could be refused
        assert.equal(io.counters.get('stranger_refused'), 0)
        assert.deepEqual(io.connectedPeers(), [])
      }
      const member = await start(1, file, io)
      await realTime.until(() => member.connectedPeers().length === 1)
    })

    it('does not tell who knocks what it is', async () => {
      const port = Number(/\/tcp\/(\d+)/.exec(io.addresses()[0]!)?.[1])
      const socket = createConnection(port, '127.0.0.1')
      let heard = Buffer.alloc(0)
      socket.on('data', data => (heard = Buffer.concat([heard, data])))
      socket.on('error', () => {})
      const ended = new Promise(resolve => socket.once('close', resolve))
      // as a libp2p dialler begins
      socket.write('\x13/multistream/1.0.0\n')
      await realTime.until(() => heard.length >= 24)
      // more than a nonce's length of nonsense, which ends it
      socket.write(randomBytes(200))
      await ended
      assert.ok(!heard.includes('multistream'), heard.toString('latin1'))
    })
  })
})

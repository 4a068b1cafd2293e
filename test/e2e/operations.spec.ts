import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schnorr } from '@noble/curves/secp256k1.js'
import { signOperation } from '../../src/api/signing.ts'
import { Secret, SeededRng, toBase64, toHex, utf8 } from '../../src/base/index.ts'
import { SigningKey } from '../../src/crypto/index.ts'
import { SystemRng, silentLogger, startIo } from '../../src/io/index.ts'
import { recordKeyOf } from '../../src/keys/index.ts'
import { signedOperationCodec } from '../../src/wire/index.ts'
import { verifyWithOpenSsl, verifyWithPlatform } from '../../testnet/verification.ts'
import { Conformance } from '../api/conformance.ts'
import { problemOf } from '../api/fixture.ts'
import { voprfVectors } from '../api/rfc9497.ts'
import { eventually, isInstalled, patiently, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const SIZES = { threshold: 3, shares: 5 } as const

describe('five daemons at work', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet

  before(async () => {
    net = await Testnet.start()
    for (const kind of ['ed25519', 'secp256k1', 'x25519'] as const) {
      await net.createKey('node-1', { name: kind, kind, ...SIZES })
    }
  })

  after(() => net?.stop())

  it('a key made at one node signs through every other', async () => {
    const message = utf8('through any gateway')
    for (const name of ['node-1', 'node-2', 'node-3', 'node-4', 'node-5']) {
      const messages = [message, utf8('another')]
      const { publicKey, signatures } = await patiently(() => net.client(name).sign('ed25519', messages))
      assert.equal(signatures.length, 2)
      assert.ok(verifyWithPlatform(publicKey, message, signatures[0]!), name)
    }
  })

  it('the network’s own randomness ranks the validators, and every daemon’s word on it is proven', async () => {
    const { publicKey, owner, holders } = await net.client('node-1').key('beacon')
    assert.equal(owner, '')
    assert.equal(holders.length, 5)
    const witnesses = net.state.nodes.flatMap(({ api }) => ['--witness', api])
    const genesis = ['--genesis', join(net.node('node-2').dir, 'genesis.json')]
    await eventually('an epoch whose randomness is the key’s, and is checked while it is kept', async () => {
      const { epoch, source, commitments = [] } = await net.client('node-1').randomness()
      if (source !== 'key' || commitments[0] !== publicKey) return false
      await net.keepsUp('node-1')
      const args = [
        ...['randomness', String(epoch), '--verify', '--json', ...genesis, ...witnesses],
        ...['--principal-file', net.state.principal],
      ]
      const run = net.ostraka('node-2', ...args)
      if (`${run.stdout}${run.stderr}`.includes('not_found: ')) return false
      assert.equal(run.status, 0, `${run.stdout}${run.stderr}`)
      const { checks } = JSON.parse(String(run.stdout)) as { checks: unknown[] }
      assert.ok(checks.length >= 7)
      assert.match(String(run.stdout), /which the network certifies/)
      return true
    })
  })

  it('openssl verifies a signature that the command line wrote', function () {
    if (!isInstalled('openssl', 'version')) {
      console.log('      SKIPPED: openssl is not installed')
      return this.skip()
    }
    const [file, out] = [net.file('message'), net.file('message.sig')]
    writeFileSync(file, randomBytes(5000))
    const run = net.ostraka('node-2', 'sign', 'ed25519', file, '--out', out)
    assert.equal(run.status, 0, String(run.stderr))
    const signature = readFileSync(out)
    assert.equal(signature.length, 64)
    const shown = net.ostraka('node-3', 'key', 'show', 'ed25519', '--json')
    const { publicKey } = JSON.parse(String(shown.stdout)) as { publicKey: string }
    const raw = Buffer.from(publicKey, 'base64')
    assert.equal(verifyWithOpenSsl(raw, readFileSync(file), signature), true)
    assert.equal(verifyWithOpenSsl(raw, Buffer.from('another message'), signature), false)
  })

  it('noble verifies a BIP-340 signature', async () => {
    const message = utf8('bip-340')
    const { publicKey, signatures } = await patiently(() => net.client('node-4').sign('secp256k1', [message]))
    assert.ok(schnorr.verify(signatures[0]!, message, publicKey))
  })

  for (const way of ['token', 'principal'] as const) {
    it(`the imported RFC 9497 key derives the RFC’s bytes over HTTP, imported by ${way}`, async () => {
      const { key, vectors } = voprfVectors()
      const name = `oprf-${way}`
      const importer = way === 'token' ? net.client('node-1') : net.clientAs('node-2', net.owner)
      await importer.importKey({ name, kind: 'ristretto255', ...SIZES }, new Secret(key))
      const inputs = vectors.map(vector => vector.input)
      const expected = vectors.map(vector => toHex(vector.output))
      await net.keepsUp(way === 'token' ? 'node-1' : 'node-2')
      const { outputs } = await patiently(() => net.client('node-5').derive(name, inputs))
      assert.deepEqual(outputs.map(toHex), expected)
      const blinded = await patiently(() => net.client('node-3').deriveBlinded(name, inputs))
      assert.deepEqual(blinded.outputs.map(toHex), expected)
    })
  }

  it('an imported Ed25519 seed keeps its public key, and signs', async () => {
    const seed = randomBytes(32)
    const file = net.file('seed')
    writeFileSync(file, seed)
    const run = net.ostraka(
      'node-3',
      'key',
      'import',
      'seed',
      '--kind',
      'ed25519',
      '--secret-file',
      file,
      '--json',
    )
    assert.equal(run.status, 0, String(run.stderr))
    const { publicKey } = new SigningKey(new Secret(Uint8Array.from(seed)))
    assert.equal((JSON.parse(String(run.stdout)) as { publicKey: string }).publicKey, toBase64(publicKey))
    await net.keepsUp('node-3')
    assert.equal(await net.signs('node-1', 'seed'), toBase64(publicKey))
  })

  it('the command line encrypts and decrypts a file of many chunks', () => {
    const [plain, sealed, opened] = [net.file('plain'), net.file('plain.age'), net.file('opened')]
    const bytes = randomBytes(3 * 1024 * 1024 + 17)
    writeFileSync(plain, bytes)
    const encrypted = net.ostraka('node-1', 'encrypt', 'x25519', plain, '--out', sealed)
    assert.equal(encrypted.status, 0, String(encrypted.stderr))
    const decrypted = net.ostraka('node-5', 'decrypt', sealed, '--out', opened)
    assert.equal(decrypted.status, 0, String(decrypted.stderr))
    assert.deepEqual(readFileSync(opened), bytes)
  })

  it('a cut age file leaves nothing behind', () => {
    const [sealed, cut, opened] = [net.file('plain.age'), net.file('cut.age'), net.file('cut')]
    writeFileSync(cut, readFileSync(sealed).subarray(0, -100))
    const run = net.ostraka('node-5', 'decrypt', cut, '--out', opened)
    assert.equal(run.status, 1)
    assert.match(String(run.stderr), /^malformed: /)
    assert.equal(statSync(opened, { throwIfNoEntry: false }), undefined)
  })

  it('the age program encrypts to a network key', async function () {
    if (!isInstalled('age', '--version')) {
      console.log('      SKIPPED: age is not installed (apt-get install age)')
      return this.skip()
    }
    const { recipient } = await net.client('node-1').key('x25519')
    const [plain, sealed, opened] = [net.file('age-plain'), net.file('by.age'), net.file('age-opened')]
    writeFileSync(plain, randomBytes(200_000))
    for (const armor of [[], ['--armor']]) {
      const made = spawnSync('age', [...armor, '-r', recipient!, '-o', sealed, plain])
      assert.equal(made.status, 0, String(made.stderr))
      const run = net.ostraka('node-2', 'decrypt', sealed, '--out', opened)
      assert.equal(run.status, 0, String(run.stderr))
      assert.deepEqual(readFileSync(opened), readFileSync(plain))
      rmSync(opened)
    }
  })

  it('the age program opens what is encrypted to its own recipient', function () {
    if (!isInstalled('age', '--version')) {
      console.log('      SKIPPED: age is not installed (apt-get install age)')
      return this.skip()
    }
    const [identity, plain, sealed] = [net.file('identity'), net.file('own-plain'), net.file('own.age')]
    assert.equal(spawnSync('age-keygen', ['-o', identity]).status, 0)
    const recipient = String(spawnSync('age-keygen', ['-y', identity]).stdout).trim()
    writeFileSync(plain, randomBytes(200_000))
    const run = net.ostraka(undefined, 'encrypt', plain, '--recipient', recipient, '--out', sealed)
    assert.equal(run.status, 0, String(run.stderr))
    assert.deepEqual(spawnSync('age', ['-d', '-i', identity, sealed]).stdout, readFileSync(plain))
  })

  describe('refuses', () => {
    const stranger = new SigningKey(new Secret(new Uint8Array(randomBytes(32))))
    const rng = new SystemRng()

    const request = (
      signer: SigningKey,
      { key = 'ed25519', nowMs = Date.now(), input = 'x', nonce = rng.bytes(16) } = {},
    ): Uint8Array => {
      const networkId = new Uint8Array(Buffer.from(net.state.networkId, 'hex'))
      const call = { key, operation: 'sign', inputs: [utf8(input)] } as const
      return signedOperationCodec.encode(
        signOperation(signer, networkId, call, nowMs, { bytes: () => nonce }),
      )
    }

    const send = async (name: string, body: Uint8Array, key = 'ed25519') => {
      const response = await fetch(`${net.node(name).api}/api/v1/keys/${key}/sign`, {
        method: 'POST',
        headers: { 'content-type': 'application/cbor' },
        body: body as Uint8Array<ArrayBuffer>,
      })
      return response.status === 200 ? { status: 200, code: 'done' } : problemOf(response)
    }

    it('a principal without rights', async () => {
      assert.equal((await send('node-1', request(stranger))).code, 'forbidden')
      const client = net.clientAs('node-2', stranger)
      const creation = client.createKey({ name: 'mine', kind: 'ed25519', ...SIZES })
      await assert.rejects(creation, { code: 'forbidden' })
    })

    it('a replayed nonce, at its gateway and at the holders', async () => {
      let nonce = rng.bytes(16)
      let body = request(net.owner, { nonce })
      await eventually('its first use is done', async () => {
        if ((await send('node-1', body)).code === 'done') return true
        nonce = rng.bytes(16)
        body = request(net.owner, { nonce })
        return false
      })
      assert.equal((await send('node-1', body)).code, 'replayed')
      // another request under that nonce, through a gateway that has not seen it: three of five holders have
      const other = request(net.owner, { nonce, input: 'another message' })
      assert.equal((await send('node-2', other)).code, 'replayed')
    })

    it('an expired request', async () => {
      assert.equal(
        (await send('node-1', request(net.owner, { nowMs: Date.now() - 3_600_000 }))).code,
        'expired',
      )
    })

    it('a forged signature', async () => {
      const signed = signedOperationCodec.decode(request(stranger))
      const forged = signedOperationCodec.encode({ ...signed, signer: net.owner.publicKey })
      assert.equal((await send('node-1', forged)).code, 'bad_signature')
    })

    it('an unknown key', async () => {
      assert.equal((await send('node-1', request(net.owner, { key: 'none' }), 'none')).code, 'unknown_key')
      await assert.rejects(net.client('node-1').key('none'), { code: 'unknown_key' })
    })

    it('a principal over its rate', async () => {
      const client = net.client('node-1')
      const { revision } = await client.policy('ed25519')
      const rule = { principal: stranger.publicKey, operations: ['sign'], ratePerMinute: 3 } as const
      await client.setPolicy('ed25519', revision, [rule])
      await net.keepsUp('node-1')
      const guest = net.clientAs('node-1', stranger)
      const refusals: unknown[] = []
      for (let i = 0; i < 8; i++) {
        const signs = patiently(() => guest.sign('ed25519', [utf8(String(i))]))
        await signs.catch(error => refusals.push(error.code))
      }
      assert.ok(refusals.length > 0)
      assert.deepEqual([...new Set(refusals)], ['rate_limited'])
    })

    it('what is malformed, and what is 10 MiB too long', async () => {
      assert.equal((await send('node-1', new Uint8Array([0xa1, 0x61]))).code, 'malformed')
      assert.equal((await send('node-1', new Uint8Array(10 * 1024 * 1024 + 1))).code, 'too_large')
      const response = await fetch(`${net.node('node-1').api}/api/v1/keys/ed25519/sign`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${net.token('node-1')}` },
        body: JSON.stringify({ messages: [toBase64(new Uint8Array(10 * 1024 * 1024))] }),
      })
      assert.deepEqual((await problemOf(response)).code, 'too_large')
    })

    it('issue 10, item 9: nothing that its documents do not say, whatever is asked', async () => {
      const conformance = await Conformance.of(net.node('node-5').api, net.token('node-5'))
      try {
        const targets = conformance.targets()
        for (const target of targets) await conformance.parameters(target)
        for (const path of new Set(targets.map(target => target.path))) await conformance.methods(path)
        for (const target of targets) await conformance.bodies(target, new SeededRng('live'), 3)
        assert.ok(conformance.count > 800, `${conformance.count} requests`)
      } finally {
        conformance.close()
      }
    })

    it('another node’s token', async () => {
      const response = await fetch(`${net.node('node-1').api}/api/v1/status`, {
        headers: { authorization: `Bearer ${net.token('node-2')}` },
      })
      assert.equal((await problemOf(response)).code, 'unauthorized')
    })

    it('a stranger’s connection', async () => {
      const { peerId, listen } = net.node('node-1')
      const before = await refusedStrangers()
      const io = await startIo({
        identitySeed: new Secret(rng.bytes(32)),
        networkId: net.state.networkId,
        directory: net.state.dir,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        members: () => [peerId],
        isMember: () => true,
        addresses: [[peerId, [`${listen}/p2p/${peerId}`]]],
        recordKey: recordKeyOf,
        recordJudge: () => undefined,
        logger: silentLogger(),
      })
      try {
        const asked = io.transport.request(peerId, new Uint8Array(1), 2000)
        await assert.rejects(asked, { code: 'unreachable' })
        await eventually('it has no connection', async () => io.connectedPeers().length === 0)
        // the stranger gives up before a busy daemon has got round to refusing it
        await eventually('the refusal is counted', async () => (await refusedStrangers()) > before)
      } finally {
        await io.stop()
      }
    })

    const refusedStrangers = async (): Promise<number> => {
      const text = await net.client('node-1').metrics()
      return Number(/ostraka_events\{event="stranger_refused"\} (\d+)/.exec(text)?.[1])
    }
  })
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { type Client, connect, publicKeyOfRecipient, type Trust } from '../../src/api/index.ts'
import { fromBase64, Secret, toBase64, utf8 } from '../../src/base/index.ts'
import { readGenesis } from '../../src/cli/genesis-file.ts'
import { genesisCheckpoint } from '../../src/control/index.ts'
import { generateSealingKey } from '../../src/crypto/index.ts'
import { SystemRng } from '../../src/io/index.ts'
import { stateProofCodec } from '../../src/wire/index.ts'
import { type ApiFixture, startFixture } from '../api/fixture.ts'
import { errorOf, eventually, patiently, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

type Json = Record<string, unknown>
/** What the gateway makes of a daemon's answer; the path is the request's. */
type Lie = (path: string, answer: Json) => Json | Promise<Json>

/** A gateway between a client and an honest daemon, which changes answers on their way. */
class LyingGateway {
  lie: Lie = (_, answer) => answer
  /** Which other daemon answers some paths. */
  other: { readonly url: string; readonly token: string; takes(path: string): boolean } | undefined
  readonly paths: string[] = []
  readonly #server: Server
  readonly #daemon: string

  constructor(daemon: string) {
    this.#daemon = daemon
    this.#server = createServer(async (request, response) => {
      const path = request.url!
      this.paths.push(`${request.method} ${path}`)
      const { status, body } = await this.#forward(request)
      const changed = status < 300 ? await this.lie(path, body) : body
      const type = status < 300 ? 'application/json' : 'application/problem+json'
      response.writeHead(status, { 'content-type': type }).end(JSON.stringify(changed))
    })
  }

  async #forward(request: IncomingMessage): Promise<{ status: number; body: Json }> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers: Record<string, string> = {}
    for (const name of ['authorization', 'content-type']) {
      const value = request.headers[name]
      if (typeof value === 'string') headers[name] = value
    }
    const body = chunks.length === 0 ? null : Buffer.concat(chunks)
    const other = this.other?.takes(request.url!) ? this.other : undefined
    if (other !== undefined) headers.authorization = `Bearer ${other.token}`
    const answer = await fetch(`${other?.url ?? this.#daemon}${request.url}`, {
      method: request.method!,
      headers,
      body,
    })
    return { status: answer.status, body: (await answer.json()) as Json }
  }

  listen(): Promise<void> {
    return new Promise(resolve => this.#server.listen(0, '127.0.0.1', resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

describe('a gateway that lies', function () {
  this.timeout(TEST_TIMEOUT_MS)
  const SIZES = { threshold: 3, shares: 5 } as const
  let net: Testnet
  let gateway: LyingGateway
  let trust: Trust
  let genesisFile: string
  const clients: Client[] = []

  before(async () => {
    net = await Testnet.start()
    genesisFile = join(net.node('node-1').dir, 'genesis.json')
    const genesis = await readGenesis(genesisFile)
    trust = { checkpoint: genesisCheckpoint(genesis), epochMs: genesis.timing.epochMs }
    gateway = new LyingGateway(net.node('node-1').api)
    await gateway.listen()
    for (const [name, kind] of [
      ['files', 'x25519'],
      ['values', 'ristretto255'],
    ] as const) {
      await net.createKey('node-1', { name, kind, ...SIZES })
    }
  })

  beforeEach(() => {
    gateway.lie = (_, answer) => answer
    gateway.other = undefined
    gateway.paths.length = 0
  })

  after(async () => {
    for (const client of clients) client.close()
    gateway?.close()
    await net?.stop()
  })

  const through = (more: { trust?: Trust } = {}): Client => {
    const client = connect({ api: gateway.url, token: net.token('node-1'), ...more })
    clients.push(client)
    return client
  }

  it('is of no harm while it tells the truth: what it says is proven from the genesis', async () => {
    const honest = await net.client('node-1').key('files')
    const proven = await through({ trust }).provenKey('files')
    assert.equal(toBase64(proven.publicKey), honest.publicKey)
    assert.equal(proven.verified.networkId, net.state.networkId)
  })

  it('cannot swap a public key: neither in words nor in the proven record', async () => {
    const own = publicKeyOfRecipient(await identityToRecipient(await generateX25519Identity()))!
    const swap = (bytes: Uint8Array, from: Uint8Array): Uint8Array => {
      const at = Buffer.from(bytes).indexOf(from)
      assert.ok(at > 0)
      return new Uint8Array(Buffer.concat([bytes.subarray(0, at), own, bytes.subarray(at + from.length)]))
    }
    const real = fromBase64((await net.client('node-1').key('files')).publicKey, 'publicKey')
    gateway.lie = (path, answer) => {
      if (path === '/api/v1/keys/files') return { ...answer, publicKey: toBase64(own) }
      if (!path.startsWith('/api/v1/proof')) return answer
      const proof = stateProofCodec.decode(fromBase64(answer.proof as string, 'proof'))
      const records = proof.records.map(record =>
        record.path.startsWith('version/') ? { ...record, bytes: swap(record.bytes!, real) } : record,
      )
      return { ...answer, proof: toBase64(stateProofCodec.encode({ ...proof, records })) }
    }
    assert.equal((await through().key('files')).publicKey, toBase64(own), 'the believing client is fooled')
    await assert.rejects(through({ trust }).provenKey('files'), { code: 'unproven' })
  })

  it('cannot have an imported share sealed to itself: nothing is dealt', async () => {
    const { publicKey } = generateSealingKey(new SystemRng())
    gateway.lie = (path, answer) => {
      if (!path.endsWith('/import') || answer.recipients === undefined) return answer
      const [first, ...others] = answer.recipients as Json[]
      return { ...answer, recipients: [{ ...first, sealingKey: toBase64(publicKey.bytes) }, ...others] }
    }
    const secret = new Secret(randomBytes(32))
    const key = { name: 'stolen', kind: 'ed25519', ...SIZES } as const
    await assert.rejects(through({ trust }).importKey(key, secret), { code: 'unproven' })
    assert.equal(gateway.paths.filter(path => path.endsWith('/import')).length, 1)
  })

  it('cannot open an import of another threshold than was asked for', async () => {
    gateway.lie = (path, answer) =>
      path.endsWith('/import') && answer.recipients !== undefined ? { ...answer, threshold: 2 } : answer
    const key = { name: 'weaker', kind: 'ed25519', ...SIZES } as const
    await assert.rejects(through({ trust }).importKey(key, new Secret(randomBytes(32))), { code: 'unproven' })
  })

  it('imports what it passes on unchanged, proven', async () => {
    const key = { name: 'kept', kind: 'ed25519', ...SIZES } as const
    const made = await through({ trust }).importKey(key, new Secret(randomBytes(32)))
    assert.equal(made.state, 'active')
    assert.equal(made.verified?.networkId, net.state.networkId)
  })

  it('cannot evaluate blinded inputs under a key of its own', async () => {
    const input = utf8('input')
    const [expected] = (await patiently(() => net.client('node-1').derive('values', [input]))).outputs
    const honest = await patiently(() => through({ trust }).deriveBlinded('values', [input]))
    assert.deepEqual(honest.outputs[0], expected)
    assert.ok(honest.verified!.height > 0)
    const own: ApiFixture = await startFixture()
    try {
      await own.client.createKey({ name: 'values', kind: 'ristretto255', ...SIZES })
      gateway.other = { ...own, takes: path => path.startsWith('/api/v1/keys/values') }
      const fooled = await through().deriveBlinded('values', [input])
      assert.notDeepEqual(fooled.outputs[0], expected)
      await assert.rejects(through({ trust }).deriveBlinded('values', [input]), { code: 'bad_partial' })
    } finally {
      await own.stop()
    }
  })

  describe('with a key that is exported', () => {
    const asked = (): { reason: string; expiresMs: number } => ({
      reason: 'the test ends',
      expiresMs: Date.now() + 600_000,
    })
    /** What the daemon does for the bearer of the gateway's own token. */
    const post = async (name: string, body: Json): Promise<Json> => {
      const answer = await fetch(`${net.node('node-1').api}/api/v1/keys/${name}/export`, {
        method: 'POST',
        headers: { authorization: `Bearer ${net.token('node-1')}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.ok(answer.ok, `${name}: ${answer.status}`)
      return (await answer.json()) as Json
    }
    const approve = (proposal: unknown): void => {
      const { status, stderr } = net.ostraka(
        'node-1',
        'approve',
        'sign',
        String(proposal),
        '--operator-file',
        net.operator(1),
      )
      assert.equal(status, 0, String(stderr))
    }

    before(async () => {
      for (const name of ['wallet', 'decoy']) {
        await net.createKey('node-1', { name, kind: 'ed25519', isExportable: true, ...SIZES })
      }
    })

    it('cannot have operators approve another export than was asked for', async () => {
      const { publicKey } = generateSealingKey(new SystemRng())
      const own = await post('wallet', { recipient: toBase64(publicKey.bytes), ...asked() })
      gateway.lie = (path, answer) => (path.endsWith('/export') ? { ...answer, id: own.id } : answer)
      const fooled = await through().proposeExport('wallet', asked())
      assert.equal(fooled.proposal.id, own.id)
      await assert.rejects(through({ trust }).proposeExport('wallet', asked()), { code: 'unproven' })
    })

    it('cannot hand out the secret of another key, even one that holders have sealed to the same client', async () => {
      const { proposal, oneTimeKey, verified } = await through({ trust }).proposeExport('wallet', asked())
      assert.equal(verified?.networkId, net.state.networkId)
      const { recipient } = proposal.act as unknown as { recipient: string }
      const decoy = await post('decoy', { recipient, ...asked() })
      approve(proposal.id)
      approve(decoy.id)
      const answer = await post('decoy', { proposal: decoy.id })
      gateway.lie = (path, honest) => (path.endsWith('/wallet/export') ? answer : honest)
      const fooled = await through().collectExport('wallet', proposal.id, oneTimeKey)
      assert.equal(toBase64(fooled.publicKey), (await net.client('node-1').key('decoy')).publicKey)
      const collecting = through({ trust }).collectExport('wallet', proposal.id, oneTimeKey)
      await assert.rejects(collecting, { code: 'unproven' })
      gateway.lie = (_, honest) => honest
      const secret = await through({ trust }).collectExport('wallet', proposal.id, oneTimeKey)
      assert.equal(toBase64(secret.publicKey), (await net.client('node-1').key('wallet')).publicKey)
      assert.ok(secret.verified!.height > 0)
    })

    it('has nothing used that was sealed to somebody else', async () => {
      const { proposal } = await through({ trust }).proposeExport('decoy', asked())
      gateway.paths.length = 0
      const another = generateSealingKey(new SystemRng()).secretKey
      await assert.rejects(through({ trust }).collectExport('decoy', proposal.id, another), {
        code: 'unproven',
      })
      assert.deepEqual(
        gateway.paths.filter(path => path.endsWith('/export')),
        [],
      )
    })
  })

  it('cannot show an older state than the client has seen', async () => {
    let known = trust.checkpoint
    const noting = { ...trust, onCheckpoint: (checkpoint: Trust['checkpoint']) => (known = checkpoint) }
    const old: Json[] = []
    gateway.lie = (path, answer) => {
      if (!path.startsWith('/api/v1/proof')) return answer
      old.push(answer)
      return old[0]!
    }
    await through({ trust: noting }).provenKey('files')
    assert.equal(known.height, old[0]!.height)
    const replay = gateway.lie
    gateway.lie = (_, answer) => answer
    await eventually('a later block', async () => {
      await through({ trust: noting }).provenKey('files')
      return known.height > (old[0]!.height as number)
    })
    gateway.lie = replay
    const later = { ...trust, checkpoint: known }
    await assert.rejects(through({ trust: later }).provenKey('files'), { code: 'unproven', message: /older/ })
  })
})

describe('the command line, with what it goes by', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet

  before(async () => {
    net = await Testnet.start()
    await net.createKey('node-1', { name: 'files', kind: 'x25519', threshold: 3, shares: 5 })
    writeFileSync(net.file('plain'), 'secret')
  })
  after(() => net?.stop())

  const command = (...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka('node-1', ...args)
    return { status, stdout: String(stdout), stderr: String(stderr) }
  }
  const encrypt = (...args: string[]) =>
    command('encrypt', 'files', net.file('plain'), '--out', net.file('sealed'), '--json', ...args)

  it('encrypts to a proven key, by a genesis, an id, or a checkpoint that it notes', () => {
    const genesis = join(net.node('node-1').dir, 'genesis.json')
    const checkpoint = net.file('checkpoint.json')
    for (const ground of [
      ['--genesis', genesis],
      ['--network', net.state.networkId],
      ['--network', net.state.networkId, '--checkpoint', checkpoint],
      ['--checkpoint', checkpoint],
    ]) {
      const { status, stdout, stderr } = encrypt(...ground)
      assert.equal(status, 0, stderr)
      assert.equal(JSON.parse(stdout).verified.networkId, net.state.networkId, ground.join(' '))
    }
    assert.ok(JSON.parse(readFileSync(checkpoint, 'utf8')).height > 0)
    assert.equal(JSON.parse(encrypt().stdout).verified, null)
    assert.match(command('key', 'show', 'files', '--genesis', genesis).stdout, /^proven {6}in the state/m)
  })

  it('refuses a daemon of another network, and a key that no daemon knows', () => {
    rmSync(net.file('sealed'), { force: true })
    assert.equal(errorOf(encrypt('--network', 'ab'.repeat(32))), 'wrong_network')
    const other = net.file('other.json')
    const genesis = join(net.node('node-1').dir, 'genesis.json')
    writeFileSync(other, readFileSync(genesis, 'utf8').replace('"createdMs": 1', '"createdMs": 2'))
    assert.equal(errorOf(encrypt('--genesis', other)), 'unproven')
    assert.equal(existsSync(net.file('sealed')), false)
    const none = command(
      'encrypt',
      'none',
      net.file('plain'),
      '--out',
      net.file('sealed'),
      '--genesis',
      genesis,
    )
    assert.match(none.stderr, /^unknown_key:/)
  })
})

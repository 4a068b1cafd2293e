import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../../src/api/index.ts'
import { peerIdOf, Secret, SeededRng, toBase64, toHex, utf8 } from '../../src/base/index.ts'
import { verifyDirectory } from '../../src/cli/audit-verify.ts'
import { backUpNode } from '../../src/cli/backup.ts'
import { assemble, proveInto } from '../../src/cli/founding.ts'
import { readDraft, readGenesis, writeDraft, writeGenesis, writeMember } from '../../src/cli/genesis-file.ts'
import { makeInvite, readInvite } from '../../src/cli/invites.ts'
import { initNode, nodeFiles } from '../../src/cli/node-directory.ts'
import { trustFrom } from '../../src/cli/trust.ts'
import { networkIdOf } from '../../src/control/index.ts'
import { createStore, LOWEST_COST } from '../../src/io/index.ts'
import { inspectDirectory } from '../../src/node/index.ts'
import { type Genesis, genesisCodec } from '../../src/wire/index.ts'
import { makeGenesis, nodeKeys, operator, rngFor, sealingPairOf } from '../control/fixture.ts'

const keys = nodeKeys(3)
const founders = keys.map(identity => ({ identity, sealingKeys: sealingPairOf(identity) }))
const genesis = makeGenesis(keys)
const { possessions, ...document } = genesis
const [first, second, ...others] = possessions
/** The same network id, which is all that most readers know beforehand. */
const swapped: Genesis = { ...genesis, possessions: [second!, first!, ...others] }
const culprit = peerIdOf(keys[0]!.publicKey)

describe('founding a network', function () {
  this.timeout(60_000)
  let dir: string
  const file = (name: string): string => join(dir, name)

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-founding-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('joins what the founders prove each on its host; the result is the same network', async () => {
    for (const [at, founder] of founders.entries()) {
      writeDraft(file(`${at}.json`), { document, possessions: new Map() })
      await proveInto(file(`${at}.json`), founder)
    }
    const copies = ['0.json', '1.json', '2.json'].map(file)
    await assert.rejects(assemble(copies.slice(1), file('genesis.json')), error => {
      const { code, message } = error as Error & { code: string }
      assert.equal(code, 'unproven')
      assert.match(message, new RegExp(`founder ${culprit} has not proven.*ostraka node prove --dir`))
      return true
    })
    writeDraft(file('genesis.json'), { document, possessions: new Map() })
    await assemble(copies, file('genesis.json'))
    assert.deepEqual(networkIdOf(await readGenesis(file('genesis.json'))), networkIdOf(genesis))
  })

  it('a wrong proof in one copy does not hide the right one in another', async () => {
    writeGenesis(file('bad.json'), swapped)
    writeGenesis(file('good.json'), genesis)
    for (const copies of [
      ['bad.json', 'good.json'],
      ['good.json', 'bad.json'],
    ]) {
      await assemble(copies.map(file), file('genesis.json'))
      assert.deepEqual(await readGenesis(file('genesis.json')), genesis)
    }
  })

  it('does not mix drafts of two networks, and overwrites no other genesis', async () => {
    writeGenesis(file('one.json'), genesis)
    writeGenesis(file('two.json'), makeGenesis(keys, { epochMs: 20_000 }))
    await assert.rejects(assemble(['one.json', 'two.json'].map(file), file('out.json')), {
      code: 'wrong_network',
    })
    await assert.rejects(assemble([file('one.json')], file('two.json')), { code: 'conflict' })
  })

  it('takes a proof from founders only, each for the sealing key that the genesis names', async () => {
    writeDraft(file('genesis.json'), { document, possessions: new Map() })
    const [one, two] = founders as [(typeof founders)[0], (typeof founders)[0]]
    const stranger = nodeKeys(4)[3]!
    for (const secrets of [
      { identity: stranger, sealingKeys: one.sealingKeys },
      { identity: one.identity, sealingKeys: two.sealingKeys },
    ]) {
      await assert.rejects(proveInto(file('genesis.json'), secrets), { code: 'stranger' })
    }
    assert.equal(readDraft(file('genesis.json')).possessions.size, 0)
  })

  it('a genesis that was edited after the proofs is refused, with the command that proves it again', async () => {
    writeGenesis(file('genesis.json'), genesis)
    const text = readFileSync(file('genesis.json'), 'utf8').replace('"epochMs": 10000', '"epochMs": 20000')
    writeFileSync(file('genesis.json'), text)
    await assert.rejects(readGenesis(file('genesis.json')), {
      code: 'unproven',
      message: /founder 12D3.* does not prove.*ostraka node prove --dir DIR/,
    })
    for (const founder of founders) await proveInto(file('genesis.json'), founder)
    assert.equal((await readGenesis(file('genesis.json'))).timing.epochMs, 20_000)
  })
})

describe('a genesis whose founders’ proofs were swapped, of the same network id', function () {
  this.timeout(60_000)
  const refused = { code: 'unproven', details: { peerId: culprit } }
  const passphrase = (): Secret => new Secret(utf8('correct horse'))
  let dir: string

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-founders-'))
    assert.deepEqual(networkIdOf(swapped), networkIdOf(genesis))
    const place = { region: 'eu', latitude: 1, longitude: 2 }
    const member = await initNode(dir, passphrase(), place, new SeededRng('node'), LOWEST_COST)
    writeMember(nodeFiles(dir).member, member)
    writeGenesis(nodeFiles(dir).genesis, swapped)
    await (await createStore(dir)).close()
  })
  after(() => rmSync(dir, { recursive: true }))

  it('is refused as a file: by a client, a backup and the inspection of an audit log', async () => {
    const path = nodeFiles(dir).genesis
    await assert.rejects(readGenesis(path), refused)
    await assert.rejects(trustFrom({ genesis: path }, { api: 'http://127.0.0.1:1' }), refused)
    await assert.rejects(backUpNode(dir, join(dir, 'backup'), passphrase(), 1), refused)
    await assert.rejects(verifyDirectory(dir, []), refused)
  })

  it('is refused by the inspection of a stopped node’s store', async () => {
    const store = { get: async () => undefined, scan: async () => [] }
    await assert.rejects(inspectDirectory(store, swapped, culprit, []), refused)
  })

  it('is refused in an invite', async () => {
    const request = { operator, genesis: swapped, peers: [], apis: [], expiresMs: Date.now() + 60_000 }
    await assert.rejects(readInvite(makeInvite(request, rngFor('invite'))), refused)
  })

  it('is refused from a daemon, also by a client that knows the network’s id', async () => {
    const body = { networkId: '', genesis: toBase64(genesisCodec.encode(swapped)), addresses: [] }
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = connect({ api })
    try {
      await assert.rejects(client.genesis(), refused)
      await assert.rejects(trustFrom({ network: toHex(networkIdOf(genesis)) }, { api }), refused)
    } finally {
      client.close()
      await new Promise(resolve => server.close(resolve))
    }
  })
})

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerIdOf, Secret, SeededRng, utf8 } from '../../src/base/index.ts'
import { backUpNode, restoreNode } from '../../src/cli/backup.ts'
import { writeGenesis } from '../../src/cli/genesis-file.ts'
import { initNode, nodeFiles, openNode } from '../../src/cli/node-directory.ts'
import { proveFounders } from '../../src/control/index.ts'
import { generateSealingKey, type SealingKeyPair } from '../../src/crypto/index.ts'
import { createStore, LOWEST_COST, openKeystore, openStore } from '../../src/io/index.ts'
import type { Genesis, Member } from '../../src/wire/index.ts'
import { keyNamed, TIMING } from '../control/fixture.ts'

const NOW_MS = 1_800_000_000_000
const LOCATION = { region: 'eu', latitude: 1, longitude: 2 }

const passphrase = (text = 'correct horse'): Secret => new Secret(utf8(text))

/** The nodes' sealing keys are in the members' order. */
function genesisOf(members: readonly Member[], sealingKeys: readonly SealingKeyPair[]): Genesis {
  const operators = [keyNamed('operator').publicKey]
  const [name, creators] = ['sim', []]
  const document = { name, createdMs: NOW_MS, operators, approvals: 1, members, creators, timing: TIMING }
  return proveFounders(document, sealingKeys, new SeededRng('founders'))
}

describe('the backup of a node', function () {
  this.timeout(60_000)
  let base: string
  let dir: string
  let out: string
  let member: Member
  let own: SealingKeyPair

  beforeEach(async () => {
    base = mkdtempSync(join(tmpdir(), 'ostraka-backup-'))
    dir = join(base, 'node')
    out = join(base, 'node.backup')
    member = await initNode(dir, passphrase(), LOCATION, new SeededRng('node'), LOWEST_COST)
    const others = generateSealingKey(new SeededRng('other'))
    const peerId = peerIdOf(keyNamed('other').publicKey)
    const other = { ...member, peerId, sealingKey: others.publicKey.bytes }
    own = (await openNode(dir, passphrase())).sealingKeys
    writeGenesis(nodeFiles(dir).genesis, genesisOf([member, other], [own, others]))
    writeFileSync(nodeFiles(dir).peers, '["/ip4/127.0.0.1/tcp/1"]\n')
    mkdirSync(join(dir, 'principals'))
    writeFileSync(join(dir, 'principals', `${'ab'.repeat(32)}.json`), '{"nonce":"","sealed":""}\n')
    const store = await createStore(dir)
    await store.write([{ key: 'keys/share/x', value: utf8('a share that no backup may hold') }], {
      sync: true,
    })
    await store.close()
  })

  afterEach(() => rmSync(base, { recursive: true }))

  const restored = (to = join(base, 'again'), word = 'correct horse') =>
    restoreNode(out, to, passphrase(word), new SeededRng('restore'))

  it('brings back who it is and what it needs to find its network', async () => {
    const made = await backUpNode(dir, out, passphrase(), NOW_MS)
    assert.equal(made.peerId, member.peerId)
    assert.equal(statSync(out).mode & 0o777, 0o600)
    const again = join(base, 'again')
    assert.equal((await restored(again)).peerId, member.peerId)
    const [before, after] = [await openNode(dir, passphrase()), await openNode(again, passphrase())]
    assert.deepEqual(after.identity.publicKey, before.identity.publicKey)
    assert.deepEqual(after.storageKey.expose(), before.storageKey.expose())
    for (const name of ['genesis.json', 'member.json', 'peers.json', `principals/${'ab'.repeat(32)}.json`]) {
      assert.deepEqual(readFileSync(join(again, name)), readFileSync(join(dir, name)), name)
      assert.equal(statSync(join(again, name)).mode & 0o777, 0o600)
    }
    assert.equal(statSync(nodeFiles(again).keystore).mode & 0o777, 0o600)
  })

  it('brings back no share, and a database that knows that all was lost', async () => {
    await backUpNode(dir, out, passphrase(), NOW_MS)
    const again = join(base, 'again')
    await restored(again)
    const store = await openStore(again)
    assert.deepEqual(
      (await store.scan('')).map(({ key }) => key),
      ['log/abstention', 'meta/database'],
    )
    await store.close()
    const { database } = await openKeystore(nodeFiles(again).keystore, passphrase())
    assert.equal(database?.epoch, 1)
  })

  it('is not made while the daemon runs, nor over another file, nor under another passphrase', async () => {
    await assert.rejects(backUpNode(dir, out, passphrase('wrong'), NOW_MS), { code: 'wrong_passphrase' })
    const store = await openStore(dir)
    await assert.rejects(backUpNode(dir, out, passphrase(), NOW_MS), { code: 'conflict' })
    await store.close()
    assert.ok(!existsSync(out))
    await backUpNode(dir, out, passphrase(), NOW_MS)
    await assert.rejects(backUpNode(dir, out, passphrase(), NOW_MS), { code: 'conflict' })
  })

  it('that was tampered with, cut off or is opened with another passphrase restores nothing', async () => {
    await backUpNode(dir, out, passphrase(), NOW_MS)
    const again = join(base, 'again')
    await assert.rejects(restored(again, 'wrong'), { code: 'wrong_passphrase' })
    const text = readFileSync(out, 'utf8')
    const file = JSON.parse(text)
    const bytes = Buffer.from(file.ciphertext, 'base64')
    bytes[bytes.length >> 1]! ^= 1
    const flawed: Record<string, string> = {
      wrong_passphrase: JSON.stringify({ ...file, ciphertext: bytes.toString('base64') }),
      malformed: text.slice(0, -40),
    }
    for (const [code, content] of Object.entries(flawed)) {
      writeFileSync(out, content)
      await assert.rejects(restored(again), { code })
    }
    // a keystore is sealed alike, and is no backup
    writeFileSync(out, readFileSync(nodeFiles(dir).keystore))
    await assert.rejects(restored(again), { code: 'malformed' })
    assert.ok(!existsSync(again) && !existsSync(`${again}.restoring`))
  })

  it('is not restored over anything', async () => {
    await backUpNode(dir, out, passphrase(), NOW_MS)
    await assert.rejects(restored(dir), { code: 'conflict' })
    const empty = join(base, 'empty')
    mkdirSync(empty)
    assert.equal((await restored(empty)).peerId, member.peerId)
  })

  it('of a network’s only founder is refused: nobody else has its log', async () => {
    writeGenesis(nodeFiles(dir).genesis, genesisOf([member], [own]))
    await backUpNode(dir, out, passphrase(), NOW_MS)
    await assert.rejects(restored(), { code: 'not_enough_nodes' })
    assert.ok(!existsSync(join(base, 'again')))
  })
})

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  auditEntryCodec,
  auditKeys,
  CompactRange,
  leafHash,
  originOf,
  parseNote,
  signCheckpoint,
  signedCheckpointCodec,
} from '../../src/audit/index.ts'
import { encodeHead } from '../../src/audit/log.ts'
import { fromBase64, fromHex, listFromBase64, type Store, utf8, type Write } from '../../src/base/index.ts'
import { openNode } from '../../src/cli/node-directory.ts'
import { passphraseOf } from '../../src/cli/testnet/layout.ts'
import { openStore } from '../../src/io/index.ts'
import { eventually, patiently, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const KEYS = auditKeys(0)

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** RFC 9162 section 2.1.3.2, written down anew: the root that a proof leads to. */
function rootOf(index: number, size: number, leaf: Uint8Array, proof: readonly Uint8Array[]): Uint8Array {
  let fn = index
  let sn = size - 1
  let root = sha256(new Uint8Array([0]), leaf)
  for (const part of proof) {
    assert.ok(sn > 0, 'the proof is too long')
    if (fn % 2 === 1 || fn === sn) {
      root = sha256(new Uint8Array([1]), part, root)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else root = sha256(new Uint8Array([1]), root, part)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  assert.equal(sn, 0, 'the proof is too short')
  return root
}

interface Verified {
  readonly status: number | null
  readonly findings: readonly { readonly fault: string; readonly text: string }[]
  readonly peerId: string
  readonly reported: readonly { readonly peerId: string; readonly outcome: string }[]
}

describe('audit logs of daemons', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet

  before(async () => {
    net = await Testnet.start()
    await net.createKey('node-1', { name: 'steady', kind: 'ed25519', threshold: 3, shares: 5 })
    for (const { name } of net.state.nodes) await net.signs(name, 'steady')
    await eventually('all logs are on record', async () => {
      const { checkpoints } = await net.client('node-1').auditRecords()
      return checkpoints.length === 5 && checkpoints.every(({ size }) => size > 3)
    })
    await net.keepsUp('node-1')
  })

  after(() => net?.stop())

  const verify = (name: string | undefined, ...args: string[]): Verified => {
    const { status, stdout, stderr } = net.ostraka(
      name,
      ...['audit', 'verify', '--witness', net.node('node-1').api, '--json', ...args],
      ...['--principal-file', net.state.principal],
    )
    assert.ok(stdout.length > 0, String(stderr))
    const { logs, reported } = JSON.parse(String(stdout))
    assert.equal(logs.length, 1)
    return { status, reported, ...logs[0] }
  }

  /** Stops a daemon, lets `change` loose on its disk, checksums and all, and starts it again. */
  const tamper = async (name: string, change: (store: Store) => Promise<readonly Write[]>): Promise<void> => {
    await net.killAndUnlock(name)
    const store = await openStore(net.node(name).dir)
    await store.write(await change(store), { sync: true })
    await store.close()
    await net.restart(name)
  }

  const refusesSecrets = async (name: string): Promise<void> => {
    await eventually('it complains', async () =>
      (await net.client(name).health()).reasons.some(reason => reason.startsWith('no secret is used')),
    )
    const refused = patiently(() => net.client(name).sign('steady', [utf8('refused')]))
    await assert.rejects(refused, { code: 'storage_corrupt' })
    // the others go on, with keys and with the control log, in which this node still votes
    await net.signs('node-1', 'steady')
    await goesOn(name)
  }

  const goesOn = async (name: string): Promise<void> => {
    const { height } = await net.client(name).status()
    await eventually('the log goes on', async () => (await net.client(name).status()).height > height)
  }

  it('give entries with proofs that lead to a signed and certified checkpoint', async () => {
    const client = net.client('node-2')
    const { networkId, peerId } = await client.status()
    for (const from of [0, 2]) {
      const page = await client.audit(from, { limit: 64 })
      const { checkpoint } = page
      assert.ok(checkpoint !== null && page.entries.length > 0)
      // the note's signature is the node's; that it is the one on record, another daemon says
      const note = parseNote(fromHex(networkId), peerId, checkpoint.note)
      const { checkpoints } = await net.client('node-3').auditRecords()
      const witnessed = checkpoints.find(each => each.peerId === peerId)
      if (witnessed?.size === note.size) assert.deepEqual(fromBase64(witnessed.root, 'root'), note.root)
      for (const [at, entry] of page.entries.entries()) {
        assert.equal(entry.sequence, from + at)
        const root = rootOf(
          ...([entry.sequence, entry.provenSize, fromBase64(entry.bytes, 'bytes')] as const),
          listFromBase64(entry.proof, 'proof'),
        )
        const expected = entry.provenSize === note.size ? note.root : fromBase64(page.root, 'root')
        assert.deepEqual(new Uint8Array(root), new Uint8Array(expected))
        assert.equal(entry.entry?.sequence, entry.sequence)
      }
      assert.ok(page.entries.some(entry => entry.provenSize === note.size))
    }
  })

  it('are whole as long as nobody has touched them', () => {
    assert.deepEqual(verify('node-2').findings, [])
    assert.equal(verify('node-2').status, 0)
  })

  it('that were cut off are named, and their node uses no secret while the network goes on', async () => {
    await tamper('node-2', async store => {
      const last = (await store.scan(KEYS.entries)).at(-1)!
      return [{ key: last.key, value: null }]
    })
    await refusesSecrets('node-2')
    const { status, peerId, findings } = verify('node-2')
    assert.equal(status, 1)
    assert.equal(peerId, net.node('node-2').peerId)
    assert.deepEqual([findings[0]?.fault, /^storage_corrupt/.test(findings[0]!.text)], ['truncated', true])
  })

  it('that operators have written off are followed by new ones, and stay on record', async () => {
    const { peerId } = net.node('node-2')
    const before = (await net.client('node-1').auditRecords()).checkpoints.find(
      each => each.peerId === peerId,
    )
    const { status, stderr } = net.ostraka(
      'node-1',
      'audit',
      'reset',
      peerId,
      '--operator-file',
      net.state.operator,
    )
    assert.equal(status, 0, String(stderr))
    await net.serves('node-2')
    await net.signs('node-2', 'steady')
    await eventually('its new log is on record', async () => {
      const { checkpoints } = await net.client('node-3').auditRecords()
      return checkpoints.some(each => each.peerId === peerId && each.generation === 1)
    })
    assert.equal(verify('node-2').status, 0)
    await net.keepsUp('node-3')
    const { losses } = await net.client('node-4').auditRecords()
    assert.deepEqual([losses[0]?.peerId, losses[0]?.size], [peerId, before?.size])
  })

  it('that were edited are named, by the daemon and from its directory', async () => {
    const edit = async (store: Store): Promise<readonly Write[]> => {
      const key = KEYS.entry(1)
      const entry = auditEntryCodec.decode((await store.get(key))!)
      return [{ key, value: auditEntryCodec.encode({ ...entry, timeMs: entry.timeMs + 1 }) }]
    }
    await tamper('node-3', edit)
    await refusesSecrets('node-3')
    const live = verify('node-3')
    assert.deepEqual(
      [live.status, live.peerId, live.findings[0]?.fault],
      [1, net.node('node-3').peerId, 'edited'],
    )
    await net.killAndUnlock('node-3')
    const dead = verify(undefined, '--dir', net.node('node-3').dir)
    assert.equal(dead.status, 1)
    assert.ok(dead.findings.some(({ fault }) => fault === 'edited'))
    assert.deepEqual(dead.reported, [])
    await net.restart('node-3')
  })

  it('that were forked with the node’s own signature are named, and the proof convicts it', async () => {
    const { dir, peerId } = net.node('node-4')
    const { networkId } = await net.client('node-1').status()
    await net.killAndUnlock('node-4')
    // its proof needs a block, and so all the others
    await goesOn('node-3')
    const { checkpoints } = await net.client('node-1').auditRecords()
    const { size } = checkpoints.find(each => each.peerId === peerId)!
    const { identity } = await openNode(dir, await passphraseOf(net.state.passphraseFile))
    const store = await openStore(dir)
    const tree = new CompactRange()
    const writes: Write[] = []
    for (const [at, { key, value }] of (await store.scan(KEYS.entries)).entries()) {
      const entry = auditEntryCodec.decode(value)
      const told = at === 0 ? auditEntryCodec.encode({ ...entry, timeMs: entry.timeMs + 1 }) : value
      writes.push({ key, value: told })
      for (const node of tree.append(leafHash(told))) writes.push({ key: KEYS.node(node), value: node.hash })
      if (tree.size !== size) continue
      const head = { size, root: tree.root() }
      const signed = signCheckpoint(identity, originOf(fromHex(networkId), peerId), head)
      writes.push({ key: KEYS.signed, value: signedCheckpointCodec.encode({ ...signed, proof: [] }) })
    }
    await store.write([...writes, { key: KEYS.head, value: encodeHead(tree) }], { sync: true })
    await store.close()
    const { status, findings, reported } = verify(undefined, '--dir', dir)
    assert.equal(status, 1)
    assert.ok(findings.some(({ fault }) => fault === 'forked'))
    assert.deepEqual([reported[0]?.peerId, /^convicted at height/.test(reported[0]!.outcome)], [peerId, true])
    await net.keepsUp('node-1')
    const { convictions } = await net.client('node-5').status()
    assert.deepEqual(
      convictions.map(each => [each.peerId, each.reason]),
      [[peerId, 'forked_audit']],
    )
    await net.signs('node-1', 'steady')
  })
})

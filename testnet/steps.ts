import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, type KeyJson } from '../src/api/index.ts'
import { OstrakaError, toHex, utf8 } from '../src/base/index.ts'
import { decryptStream, encryptStream } from '../src/cli/age.ts'
import { openInput, writeStream } from '../src/cli/file-streams.ts'
import { killNodes, type TestnetNode, type TestnetState } from '../src/cli/testnet/index.ts'
import type { KeyKind } from '../src/wire/index.ts'
import { verifyWithNoble, verifyWithOpenSsl, verifyWithPlatform } from './verification.ts'

/** What the demonstration will also show when members can come and shares can move. */
export const NOT_YET: readonly string[] = [
  'admit a sixth daemon by invite',
  'move the dead node’s shares to it, public keys unchanged',
]

const README = new URL('../README.md', import.meta.url)
const KINDS: readonly KeyKind[] = ['ed25519', 'secp256k1', 'ristretto255', 'x25519']

/** Several idle epochs of 3 s, and a round that times out for the dead coordinator. */
const NEW_COORDINATOR_DEADLINE_MS = 30_000
/** A beacon interval, and its way around. */
const BEACONS_DEADLINE_MS = 15_000

export interface DemonstrationStep {
  readonly title: string
  /** What it saw, for the table. Throws when it did not hold. */
  run(world: World): Promise<string>
}

/** The network under demonstration, and what earlier steps made. */
export class World {
  readonly state: TestnetState
  readonly keys: Map<KeyKind, KeyJson> = new Map()
  readonly #clients = new Map<string, Client>()
  readonly #dead = new Set<string>()

  constructor(state: TestnetState) {
    this.state = state
  }

  /** The living nodes, in order. */
  living(): readonly TestnetNode[] {
    return this.state.nodes.filter(node => !this.#dead.has(node.name))
  }

  /** A client of the index-th living node. */
  client(index = 0): Client {
    const living = this.living()
    return this.clientOf(living[index % living.length]!)
  }

  clientOf(node: TestnetNode): Client {
    const known = this.#clients.get(node.name)
    if (known !== undefined) return known
    const client = connect({ api: node.api, token: readFileSync(node.tokenFile, 'utf8').trim() })
    this.#clients.set(node.name, client)
    return client
  }

  key(kind: KeyKind): KeyJson {
    const key = this.keys.get(kind)
    if (key === undefined) throw new OstrakaError('unknown_key', `no ${kind} key was made`)
    return key
  }

  async kill(peerId: string): Promise<TestnetNode> {
    const node = this.state.nodes.find(other => other.peerId === peerId)!
    await killNodes(this.state.dir, [node.name])
    this.#dead.add(node.name)
    return node
  }

  nameOf(peerId: string): string {
    return this.state.nodes.find(node => node.peerId === peerId)?.name ?? peerId
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
  }
}

function hold(condition: boolean, what: string): asserts condition {
  if (!condition) throw new OstrakaError('internal', `did not hold: ${what}`)
}

const createKeys: readonly DemonstrationStep[] = KINDS.map((kind, index) => ({
  title: `create a ${kind} key, 3 of 5`,
  async run(world) {
    const key = await world.client(index).createKey({ name: `demo-${kind}`, kind, threshold: 3, shares: 5 })
    hold(key.state === 'active' && key.version === 1, 'the key is active')
    hold(new Set(key.holders.map(({ peerId }) => peerId)).size === 5, 'five nodes hold one share each')
    world.keys.set(kind, key)
    return key.recipient ?? key.publicKey
  },
}))

async function signReadme(world: World, gateway: number): Promise<string> {
  const message = new Uint8Array(readFileSync(README))
  const { publicKey, signatures } = await world.client(gateway).sign('demo-ed25519', [message])
  const signature = signatures[0]!
  hold(Buffer.from(publicKey).toString('base64') === world.key('ed25519').publicKey, 'the same public key')
  hold(verifyWithPlatform(publicKey, message, signature), 'the platform’s Ed25519 verifies it')
  const openSsl = verifyWithOpenSsl(publicKey, message, signature)
  hold(openSsl !== false, 'openssl verifies it')
  const verifiers = openSsl === undefined ? 'node:crypto (no openssl here)' : 'node:crypto and openssl'
  return `${toHex(signature).slice(0, 24)}… verified by ${verifiers}`
}

const operations: readonly DemonstrationStep[] = [
  { title: 'sign README.md', run: world => signReadme(world, 1) },
  {
    title: 'sign it in BIP-340 too',
    async run(world) {
      const message = new Uint8Array(readFileSync(README))
      const { publicKey, signatures } = await world.client(2).sign('demo-secp256k1', [message])
      hold(await verifyWithNoble(publicKey, message, signatures[0]!), 'noble’s BIP-340 verifies it')
      return `${toHex(signatures[0]!).slice(0, 24)}… verified by noble`
    },
  },
  {
    title: 'derive, plain and blinded, through two gateways',
    async run(world) {
      const inputs = [utf8('alice'), utf8('bob')]
      const plain = await world.client(3).derive('demo-ristretto255', inputs)
      const blinded = await world.client(4).deriveBlinded('demo-ristretto255', inputs)
      const [alice, bob] = plain.outputs.map(toHex)
      hold(alice !== bob, 'different inputs give different outputs')
      hold(toHex(blinded.outputs[0]!) === alice && toHex(blinded.outputs[1]!) === bob, 'both ways agree')
      return `${alice!.slice(0, 24)}…, unseen when blinded`
    },
  },
  { title: 'encrypt a file in age format and decrypt it', run: throughAge },
  { title: 'show trust beacons and the coordinator', run: showBeacons },
]

async function throughAge(world: World): Promise<string> {
  const dir = join(world.state.dir, 'files')
  mkdirSync(dir, { recursive: true })
  const [plain, sealed, opened] = ['plain', 'plain.age', 'opened'].map(name => join(dir, name))
  // more than one of age's 64 KiB chunks
  const text = readFileSync(README, 'utf8').repeat(40)
  writeFileSync(plain!, text)
  const key = world.key('x25519')
  await writeStream(sealed!, await encryptStream([key.recipient!], await openInput(plain!)))
  const identity = {
    name: key.name,
    recipient: key.recipient!,
    sharedSecret: async (ephemeral: Uint8Array) => {
      return (await world.client(2).decrypt(key.name, [ephemeral])).outputs[0]!
    },
  }
  await writeStream(opened!, await decryptStream([identity], await openInput(sealed!)))
  hold(readFileSync(sealed!).subarray(0, 21).toString() === 'age-encryption.org/v1', 'it is an age v1 file')
  hold(!readFileSync(sealed!).includes(text.slice(0, 64)), 'the file is encrypted')
  hold(readFileSync(opened!, 'utf8') === text, 'the plain text is back')
  return `${text.length} bytes to ${key.recipient!.slice(0, 16)}… and back`
}

async function showBeacons(world: World): Promise<string> {
  const deadline = Date.now() + BEACONS_DEADLINE_MS
  for (;;) {
    const peers = await world.client().peers()
    const heard = peers.filter(peer => peer.software !== null)
    if (heard.length === world.state.nodes.length) {
      const { coordinator, epoch } = await world.client().status()
      const regions = [...new Set(heard.map(peer => peer.region))].join(', ')
      return `${heard.length} beacons from ${regions}; ${world.nameOf(coordinator)} leads epoch ${epoch}`
    }
    hold(Date.now() < deadline, `beacons from all nodes (heard ${heard.length})`)
    await sleep(200)
  }
}

let killed: string | undefined

const survival: readonly DemonstrationStep[] = [
  {
    title: 'kill the coordinator with SIGKILL',
    async run(world) {
      const { coordinator, epoch } = await world.client().status()
      const node = await world.kill(coordinator)
      killed = coordinator
      return `${node.name} led epoch ${epoch} and is gone`
    },
  },
  { title: 'sign again without it', run: world => signReadme(world, 0) },
  {
    title: 'another coordinator leads, and the log goes on',
    async run(world) {
      const before = await world.client().status()
      const deadline = Date.now() + NEW_COORDINATOR_DEADLINE_MS
      for (;;) {
        const { coordinator, epoch, height } = await world.client().status()
        if (coordinator !== killed && height > before.height) {
          return `${world.nameOf(coordinator)} leads epoch ${epoch} at height ${height}`
        }
        hold(Date.now() < deadline, 'a new coordinator leads in time')
        await sleep(100)
      }
    },
  },
]

export const STEPS: readonly DemonstrationStep[] = [...createKeys, ...operations, ...survival]

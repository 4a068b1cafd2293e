import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, type KeyJson } from '../src/api/index.ts'
import { OstrakaError, toHex, utf8 } from '../src/base/index.ts'
import { decryptStream, encryptStream } from '../src/cli/age/index.ts'
import {
  killNodes,
  readState,
  type TestnetNode,
  type TestnetState,
  testnetAdd,
} from '../src/cli/testnet/index.ts'
import { openInput, writeStream } from '../src/files/index.ts'
import type { KeyKind } from '../src/wire/index.ts'
import { createKeyPatiently, patiently } from './patience.ts'
import { Patience } from './slowness.ts'
import { verifyWithNoble, verifyWithOpenSsl, verifyWithPlatform } from './verification.ts'

const README = new URL('../README.md', import.meta.url)
const KINDS: readonly KeyKind[] = ['ed25519', 'secp256k1', 'ristretto255', 'x25519']

/** Several idle epochs of 3 s, and a round that times out for the dead coordinator. */
const NEW_COORDINATOR_DEADLINE_MS = 30_000
/** Reports of a few epochs of 3 s, until the score has sunk and stayed low. */
const SUSPENSION_DEADLINE_MS = 60_000
/** A handoff for each key, at most four at a time. */
const REPAIR_DEADLINE_MS = 60_000
/** For one thing that is asked of the network, before it counts as failed. */
const ASKING_MS = 20_000
/** A beacon interval, and its way around. */
const BEACONS_DEADLINE_MS = 15_000

export interface DemonstrationStep {
  readonly title: string
  /** What it saw, for the table. Throws when it did not hold. */
  run(world: World): Promise<string>
}

/** The network under demonstration, and what earlier steps made. */
export class World {
  readonly #isKept: boolean
  #state: TestnetState
  readonly keys: Map<KeyKind, KeyJson> = new Map()
  /** What was derived from `alice`, in hexadecimal. */
  derived: string | undefined
  readonly #clients = new Map<string, Client>()
  readonly #dead = new Set<string>()

  constructor(state: TestnetState, isKept: boolean) {
    this.#state = state
    this.#isKept = isKept
  }

  get state(): TestnetState {
    return this.#state
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

  /** Admits and starts one more node. */
  async add(): Promise<TestnetNode> {
    const node = await testnetAdd({ dir: this.state.dir, isAttached: !this.#isKept })
    this.#state = readState(this.state.dir)
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

/** As any client would: again while the network says that it cannot do it at the moment. */
function asked<T>(call: () => Promise<T>): Promise<T> {
  return patiently(call, ASKING_MS)
}

const createKeys: readonly DemonstrationStep[] = KINDS.map((kind, index) => ({
  title: `create a ${kind} key, 3 of 5`,
  async run(world) {
    const wanted = { name: `demo-${kind}`, kind, threshold: 3, shares: 5 }
    const key = await createKeyPatiently(world.client(index), wanted, ASKING_MS)
    hold(key.state === 'active' && key.version === 1, 'the key is active')
    hold(new Set(key.holders.map(({ peerId }) => peerId)).size === 5, 'five nodes hold one share each')
    world.keys.set(kind, key)
    return key.recipient ?? key.publicKey
  },
}))

async function signReadme(world: World, gateway: number): Promise<string> {
  const message = new Uint8Array(readFileSync(README))
  const { publicKey, signatures } = await asked(() => world.client(gateway).sign('demo-ed25519', [message]))
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
      const { publicKey, signatures } = await asked(() => world.client(2).sign('demo-secp256k1', [message]))
      hold(await verifyWithNoble(publicKey, message, signatures[0]!), 'noble’s BIP-340 verifies it')
      return `${toHex(signatures[0]!).slice(0, 24)}… verified by noble`
    },
  },
  {
    title: 'derive, plain and blinded, through two gateways',
    async run(world) {
      const inputs = [utf8('alice'), utf8('bob')]
      const plain = await asked(() => world.client(3).derive('demo-ristretto255', inputs))
      const blinded = await asked(() => world.client(4).deriveBlinded('demo-ristretto255', inputs))
      const [alice, bob] = plain.outputs.map(toHex)
      hold(alice !== bob, 'different inputs give different outputs')
      hold(toHex(blinded.outputs[0]!) === alice && toHex(blinded.outputs[1]!) === bob, 'both ways agree')
      world.derived = alice!
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
  await writeStream(sealed!, await encryptStream([key.recipient!], openInput(plain!)))
  await decryptThrough(world.client(2), key, sealed!, opened!)
  hold(readFileSync(sealed!).subarray(0, 21).toString() === 'age-encryption.org/v1', 'it is an age v1 file')
  hold(!readFileSync(sealed!).includes(text.slice(0, 64)), 'the file is encrypted')
  hold(readFileSync(opened!, 'utf8') === text, 'the plain text is back')
  return `${text.length} bytes to ${key.recipient!.slice(0, 16)}… and back`
}

async function decryptThrough(client: Client, key: KeyJson, sealed: string, opened: string): Promise<void> {
  const identity = {
    name: key.name,
    version: key.version,
    recipient: key.recipient!,
    sharedSecrets: async (ephemerals: readonly Uint8Array[]) => {
      return (await asked(() => client.decrypt(key.name, ephemerals))).outputs
    },
  }
  await writeStream(opened, await decryptStream([identity], await openInput(sealed)))
}

async function showBeacons(world: World): Promise<string> {
  const patience = new Patience(BEACONS_DEADLINE_MS)
  for (;;) {
    const peers = await world.client().peers()
    const heard = peers.filter(peer => peer.software !== null)
    if (heard.length === world.state.nodes.length) {
      const { coordinator, epoch } = await world.client().status()
      const regions = [...new Set(heard.map(peer => peer.region))].join(', ')
      return `${heard.length} beacons from ${regions}; ${world.nameOf(coordinator)} leads epoch ${epoch}`
    }
    hold(!patience.isOver, `beacons from all nodes (heard ${heard.length})`)
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
      const patience = new Patience(NEW_COORDINATOR_DEADLINE_MS)
      for (;;) {
        const { coordinator, epoch, height } = await world.client().status()
        if (coordinator !== killed && height > before.height) {
          return `${world.nameOf(coordinator)} leads epoch ${epoch} at height ${height}`
        }
        hold(!patience.isOver, 'a new coordinator leads in time')
        await sleep(100)
      }
    },
  },
]

const renewal: readonly DemonstrationStep[] = [
  {
    title: 'admit a sixth daemon by invite',
    async run(world) {
      const node = await world.add()
      const { validators, members } = await world.clientOf(node).status()
      hold(validators.includes(node.peerId), 'the newcomer votes')
      return `${node.name} in ${node.region} is one of ${members.length} members and votes`
    },
  },
  { title: 'the dead node is noticed by its silence', run: untilSuspended },
  { title: 'its shares move to the living, public keys unchanged', run: untilRepaired },
  { title: 'sign, derive and decrypt with the moved shares', run: useMovedShares },
]

async function untilSuspended(world: World): Promise<string> {
  const patience = new Patience(SUSPENSION_DEADLINE_MS)
  for (;;) {
    const member = (await world.client().members()).find(({ peerId }) => peerId === killed)!
    if (member.state === 'suspended') {
      return `${world.nameOf(killed!)} is suspended by the others’ reports, with a trust of ${member.trust}`
    }
    hold(!patience.isOver, `a suspension in time (it is ${member.state})`)
    await sleep(100)
  }
}

/** Every slot on a living node, in a later generation, under the same public key. */
async function untilRepaired(world: World): Promise<string> {
  const patience = new Patience(REPAIR_DEADLINE_MS)
  const living = new Set(world.living().map(node => node.peerId))
  const moved = new Map<KeyKind, KeyJson>()
  while (moved.size < KINDS.length) {
    for (const kind of KINDS) {
      const key = await world.client().key(`demo-${kind}`)
      const before = world.key(kind)
      hold(key.publicKey === before.publicKey, `the ${kind} key’s public key is unchanged`)
      const holders = new Set(key.holders.map(({ peerId }) => peerId))
      const isWhole = holders.size === 5 && [...holders].every(peerId => living.has(peerId))
      if (isWhole && key.state === 'active' && key.generation > before.generation) moved.set(kind, key)
    }
    hold(!patience.isOver, `all keys at full strength in time (${moved.size} are)`)
    await sleep(100)
  }
  const newest = world.living().at(-1)!
  const taken = [...moved.values()].filter(key => key.holders.some(({ peerId }) => peerId === newest.peerId))
  hold(taken.length === KINDS.length, `${newest.name} holds a share of every key`)
  const generations = [...moved.values()].map(key => key.generation).join(', ')
  return `${taken.length} keys at 5 of 5 on living nodes, ${newest.name} among them; generations ${generations}`
}

async function useMovedShares(world: World): Promise<string> {
  const newest = world.living().length - 1
  const signature = await signReadme(world, newest)
  const { outputs } = await asked(() => world.client(newest).derive('demo-ristretto255', [utf8('alice')]))
  hold(toHex(outputs[0]!) === world.derived, 'the same input derives the same output')
  const [sealed, opened] = ['plain.age', 'opened-again'].map(name => join(world.state.dir, 'files', name))
  await decryptThrough(world.client(newest), world.key('x25519'), sealed!, opened!)
  const plain = readFileSync(join(world.state.dir, 'files', 'plain'))
  hold(readFileSync(opened!).equals(plain), 'the file from before decrypts')
  return `through the newcomer: ${signature}`
}

export const STEPS: readonly DemonstrationStep[] = [...createKeys, ...operations, ...survival, ...renewal]

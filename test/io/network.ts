import { createPrivateKey, createPublicKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PeerId, peerIdOf, Secret } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { type Io, type IoOptions, silentLogger, startIo } from '../../src/io/index.ts'
import { realTime, textJudge } from './contracts/world.ts'

export const NETWORK_ID = 'test'
export const LOOPBACK: readonly string[] = ['/ip4/127.0.0.1/tcp/0']

export function seedOf(index: number): Uint8Array {
  return new Uint8Array(32).fill(index + 1)
}

export function peerIdAt(index: number): PeerId {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seedOf(index)])
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }))
  return peerIdOf(new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-32)))
}

const directories = new Set<string>()

/** One that is removed at the end of this process at the latest: a test that fails may not come to it. */
export async function temporaryDirectory(): Promise<string> {
  if (directories.size === 0) process.once('exit', removeDirectories)
  const directory = await mkdtemp(join(tmpdir(), 'ostraka-io-'))
  directories.add(directory)
  return directory
}

function removeDirectories(): void {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
}

export interface Network {
  readonly nodes: readonly Io[]
  kill(index: number): Promise<void>
  close(): Promise<void>
}

export interface NetworkOptions {
  /** Which nodes connect; all pairs unless told. */
  readonly isLinked?: (a: number, b: number) => boolean
  readonly overrides?: (index: number) => Partial<IoOptions>
}

/** Real nodes on loopback, connected as told. */
export async function startNetwork(count: number, options: NetworkOptions = {}): Promise<Network> {
  const { isLinked = () => true, overrides = () => ({}) } = options
  const indexes = Array.from({ length: count }, (_, index) => index)
  const peerIds = indexes.map(peerIdAt)
  const neighbours = (index: number) => indexes.filter(other => other !== index && isLinked(index, other))
  const directories = await Promise.all(indexes.map(temporaryDirectory))
  const nodes = await Promise.all(
    indexes.map(index =>
      startIo({
        identitySeed: new Secret(seedOf(index)),
        networkId: NETWORK_ID,
        directory: directories[index] as string,
        listen: LOOPBACK,
        members: () => neighbours(index).map(other => peerIds[other] as PeerId),
        isMember: peerId => peerIds.includes(peerId),
        recordKey: record => sha256(record),
        recordJudge: () => textJudge,
        logger: silentLogger(),
        ...overrides(index),
      }),
    ),
  )
  for (const index of indexes) {
    for (const other of neighbours(index)) {
      const node = nodes[other] as Io
      nodes[index]?.learnAddress(node.peerId, node.addresses())
    }
  }
  const areConnected = (): boolean =>
    nodes.every((node, index) => node.connectedPeers().length === neighbours(index).length)
  await realTime.until(areConnected).catch(async error => {
    await Promise.all(nodes.map(node => node.stop()))
    throw error
  })
  const dead = new Set<number>()
  const kill = async (index: number): Promise<void> => {
    if (dead.has(index)) return
    dead.add(index)
    await nodes[index]?.stop()
  }
  return {
    nodes,
    kill,
    async close() {
      await Promise.all(indexes.map(kill))
      await Promise.all(directories.map(directory => rm(directory, { recursive: true, force: true })))
    },
  }
}

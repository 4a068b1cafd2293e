import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { type ConnectOptions, connect, type Trust } from '../api/index.ts'
import { fromHex, OstrakaError, publicKeyOf, toHex } from '../base/index.ts'
import { type Checkpoint, genesisCheckpoint } from '../control/index.ts'
import { readJson } from '../files/index.ts'
import type { Genesis } from '../wire/index.ts'
import { networkIdText, readGenesis } from './genesis-file.ts'

/** By what a command may prove the daemon's answers. */
export interface TrustOptions {
  readonly genesis?: string
  readonly network?: string
  readonly checkpoint?: string
}

/** A checkpoint as a file. */
interface CheckpointFile {
  readonly networkId: string
  readonly height: number
  readonly validators: readonly { readonly peerId: string; readonly weight: number }[]
  readonly epochMs: number
}

/**
 * The newest of what the user gave: a checkpoint, else the genesis, as a file or as the daemon's whose hash is the
 * network's id. Undefined when nothing was given. Errors: `not_found`, `malformed`, `wrong_network`, `unproven`.
 */
export async function trustFrom(options: TrustOptions, to: ConnectOptions): Promise<Trust | undefined> {
  const { checkpoint: path } = options
  const stored = path !== undefined && existsSync(path) ? readCheckpoint(path) : undefined
  const genesis = await genesisFrom(options, to)
  if (stored !== undefined) {
    if (genesis !== undefined) requireNetwork(toHex(stored.checkpoint.networkId), networkIdText(genesis))
    return { ...stored, onCheckpoint: checkpoint => writeCheckpoint(path!, checkpoint, stored.epochMs) }
  }
  if (genesis === undefined) {
    if (path === undefined) return undefined
    throw new OstrakaError(
      'not_found',
      `${path}: no checkpoint yet: give --genesis or --network the first time`,
    )
  }
  const { epochMs } = genesis.timing
  const first = { checkpoint: genesisCheckpoint(genesis), epochMs }
  if (path === undefined) return first
  return { ...first, onCheckpoint: checkpoint => writeCheckpoint(path, checkpoint, epochMs) }
}

async function genesisFrom(
  { genesis: path, network }: TrustOptions,
  to: ConnectOptions,
): Promise<Genesis | undefined> {
  if (path === undefined && network === undefined) return undefined
  const genesis = path === undefined ? await askGenesis(to) : await readGenesis(path)
  if (network !== undefined) requireNetwork(networkIdText(genesis), network.toLowerCase())
  return genesis
}

/** Whatever the daemon answers, its hash and its founders' proofs are checked. */
async function askGenesis(to: ConnectOptions): Promise<Genesis> {
  const client = connect(to)
  try {
    return (await client.genesis()).genesis
  } finally {
    client.close()
  }
}

function requireNetwork(is: string, wanted: string): void {
  if (is !== wanted)
    throw new OstrakaError('wrong_network', 'another network than the one you named', { is, wanted })
}

function readCheckpoint(path: string): Pick<Trust, 'checkpoint' | 'epochMs'> {
  try {
    const { networkId, height, validators, epochMs } = readJson(path) as CheckpointFile
    if (!Number.isSafeInteger(height) || !(epochMs > 0) || validators.length === 0)
      throw new Error('incomplete')
    const voters = validators.map(({ peerId, weight }) => ({
      peerId,
      weight,
      publicKey: publicKeyOf(peerId),
    }))
    return { checkpoint: { networkId: fromHex(networkId), height, validators: voters }, epochMs }
  } catch (error) {
    if (error instanceof OstrakaError) throw error
    throw new OstrakaError('malformed', `${path}: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
}

function writeCheckpoint(path: string, { networkId, height, validators }: Checkpoint, epochMs: number): void {
  const file: CheckpointFile = {
    networkId: toHex(networkId),
    height,
    validators: validators.map(({ peerId, weight }) => ({ peerId, weight })),
    epochMs,
  }
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`)
  renameSync(`${path}.new`, path)
}

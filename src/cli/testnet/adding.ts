import { resolve } from 'node:path'
import { readPrincipal } from '../../api/index.ts'
import { OstrakaError, type Secret } from '../../base/index.ts'
import { SystemRng } from '../../io/index.ts'
import type { Location } from '../../wire/index.ts'
import { readGenesis } from '../genesis-file.ts'
import { joinTransaction, makeInvite, prepareJoin, readInvite, submitJoin } from '../invites.ts'
import { nodeFiles, openNode } from '../node-directory.ts'
import { addressed, lend, makeNode, passphraseOf } from './layout.ts'
import { noteMade, removeIfMade } from './marker.ts'
import { placeIn, placeOf } from './places.ts'
import { type StartOptions, startNodes, stopNodes, waitUntilReady } from './processes.ts'
import { isAlive, readState, type TestnetNode, type TestnetState, writeState } from './state.ts'

/** The invite is used at once. */
const INVITE_TTL_MS = 10 * 60_000

export interface AddOptions extends Partial<StartOptions> {
  readonly dir: string
  /** By default the next one in turn. */
  readonly region?: string
}

/**
 * Adds a node as any operator would: an invite, a join, a start; resolves when it votes.
 * Errors: `not_found`, `no_quorum`, `not_ready`.
 */
export async function testnetAdd(options: AddOptions): Promise<TestnetNode> {
  const state = readState(resolve(options.dir))
  const name = nextName(state)
  const place =
    options.region === undefined ? placeOf(state.nodes.length, state.regions) : placeIn(options.region)
  // what is left of an attempt that failed before the network admitted it
  removeIfMade(state.dir, name)
  noteMade(state.dir, name)
  const member = await makeNode(state, name, place)
  const [node] = await addressed({ dir: state.dir, apiPort: nextPort(state) }, [name], [member])
  await admit(state, node!, place)
  const added = { ...state, nodes: [...state.nodes, { ...node!, isAdded: true }] }
  writeState(added)
  const started = startNodes(added, [name], { isAttached: options.isAttached ?? false })
  const only = { ...started, nodes: started.nodes.filter(other => other.name === name) }
  try {
    await waitUntilReady(only)
  } catch (error) {
    await stopNodes(only)
    throw error
  }
  return only.nodes[0]!
}

function nextName(state: TestnetState): string {
  const numbers = state.nodes.map(node => Number(node.name.split('-').at(-1)))
  return `node-${Math.max(...numbers) + 1}`
}

/** After the others' ports; the founders' may have been anywhere. */
function nextPort(state: TestnetState): number {
  return Math.max(...state.nodes.map(node => Number(new URL(node.api).port))) + 1
}

async function admit(state: TestnetState, node: TestnetNode, location: Location): Promise<void> {
  const living = state.nodes.filter(isAlive)
  if (living.length === 0) throw new OstrakaError('not_found', 'no node of this testnet runs: testnet up')
  const rng = new SystemRng()
  const token = await readInvite(
    makeInvite(
      {
        operator: readPrincipal(state.operator),
        genesis: await readGenesis(nodeFiles(living[0]!.dir).genesis),
        peers: living.map(other => `${other.listen}/p2p/${other.peerId}`),
        apis: living.map(other => other.api),
        expiresMs: Date.now() + INVITE_TTL_MS,
      },
      rng,
    ),
  )
  prepareJoin(node.dir, token)
  const secrets = await openNode(node.dir, await passphraseOf(state.passphraseFile))
  const { identitySeed, storageKey } = secrets
  lend(node, state.principal, storageKey, rng)
  await submitJoin(token.apis, joinTransaction(token, secrets, location, [node.listen], rng))
  for (const secret of [identitySeed, storageKey] satisfies Secret[]) secret.wipe()
}

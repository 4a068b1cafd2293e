import { resolve } from 'node:path'
import { OstrakaError } from '../../base/index.ts'
import { layOut } from './layout.ts'
import { requireTestnet } from './marker.ts'
import { clientOf, startNodes, stopNodes, waitUntilReady } from './processes.ts'
import {
  DEFAULT_DIR,
  DEFAULT_EPOCH_MS,
  FIRST_API_PORT,
  findState,
  isAlive,
  readState,
  type TestnetNode,
  type TestnetState,
  writeState,
} from './state.ts'

export { testnetAdd } from './adding.ts'
export { killNodes, type Restarted, restartNodes, type StartOptions, stopNodes } from './processes.ts'
export { DEFAULT_DIR, readState, type TestnetNode, type TestnetState }

export interface UpOptions {
  readonly dir?: string
  readonly nodes?: number
  readonly regions?: number
  /** How many operators there are; one unless told. */
  readonly operators?: number
  readonly epochMs?: number
  /** How long a version waits for its destruction; none unless told. A testnet that is resumed keeps its own. */
  readonly destroyDelayMs?: number
  /** False: the nodes end when this process does. */
  readonly isDetached?: boolean
  /** The first HTTP port; 0 takes free ones anywhere. */
  readonly apiPort?: number
  /** Throws away a testnet that stopped here before, keys and all. */
  readonly isFresh?: boolean
}

/**
 * Starts a testnet and waits until every node serves. One of the same size and epochs that stopped in this directory goes on
 * where it was. Errors: `conflict` when one runs here, `not_ready`.
 */
export async function testnetUp(options: UpOptions = {}): Promise<TestnetState> {
  const { nodes = 5, regions = 3, operators = 1, epochMs = DEFAULT_EPOCH_MS } = options
  const { destroyDelayMs = 0 } = options
  const { isDetached = false, isFresh = false, apiPort = FIRST_API_PORT } = options
  // daemons and their control commands may have other working directories
  const dir = resolve(options.dir ?? DEFAULT_DIR)
  const old = findState(dir)
  if (old?.nodes.some(isAlive)) {
    throw new OstrakaError('conflict', `a testnet runs in ${dir}: testnet down stops it`)
  }
  const isSame =
    old !== undefined &&
    foundersOf(old) === nodes &&
    old.regions === regions &&
    old.epochMs === epochMs &&
    (old.operators?.length ?? 1) === operators
  const canResume = !isFresh && isSame && old.wasReady && old.id === requireTestnet(dir)
  const sizes = { nodes, regions, operators, epochMs, destroyDelayMs }
  const laidOut = canResume ? old : await layOut({ dir, apiPort, ...sizes })
  const names = laidOut.nodes.map(node => node.name)
  const started = startNodes(laidOut, names, { isAttached: !isDetached })
  try {
    await waitUntilReady(started)
  } catch (error) {
    await stopNodes(started)
    throw error
  }
  const ready = { ...started, wasReady: true }
  writeState(ready)
  return ready
}

function foundersOf(state: TestnetState): number {
  return state.nodes.filter(node => node.isAdded !== true).length
}

export interface NodeStatus extends TestnetNode {
  /** `up`, `degraded` (no control changes), `starting` (alive, but not serving) or `down`. */
  readonly state: string
  readonly height: number | null
  readonly coordinator: string | null
}

const STATES: Readonly<Record<string, string>> = { ok: 'up', degraded: 'degraded' }

export async function testnetStatus(dir: string): Promise<readonly NodeStatus[]> {
  return Promise.all(
    readState(dir).nodes.map(async node => {
      if (!isAlive(node)) return { ...node, state: 'down', height: null, coordinator: null }
      const client = clientOf(node)
      try {
        const [health, { height, coordinator }] = await Promise.all([client.health(), client.status()])
        return { ...node, state: STATES[health.status] ?? 'starting', height, coordinator }
      } catch {
        return { ...node, state: 'starting', height: null, coordinator: null }
      } finally {
        client.close()
      }
    }),
  )
}

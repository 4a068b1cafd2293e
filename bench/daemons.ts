import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect } from '../src/api/index.ts'
import {
  readState,
  stopNodes,
  type TestnetNode,
  testnetUp,
  type UpOptions,
} from '../src/cli/testnet/index.ts'
import { cpuMsOf } from './processes.ts'

/** A testnet of real processes and a client for each. */
export interface Daemons {
  readonly nodes: readonly TestnetNode[]
  readonly clients: readonly Client[]
  /** CPU milliseconds of all daemons together since they started. */
  cpuMs(): number
}

/**
 * Starts daemons, five unless told otherwise, in a temporary directory, on free ports, and ends them when `use` has
 * ended, however it ends.
 */
export async function withDaemons(
  use: (daemons: Daemons) => Promise<void>,
  options: Pick<UpOptions, 'nodes' | 'epochMs'> = {},
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'ostraka-bench-'))
  const abandon = (): void => killAll(dir)
  // an interrupted benchmark has no time for a graceful stop
  process.once('exit', abandon)
  try {
    const state = await testnetUp({ nodes: 5, ...options, dir, regions: 3, apiPort: 0 })
    const { nodes } = state
    const clients = nodes.map(({ api, tokenFile }) =>
      connect({ api, token: readFileSync(tokenFile, 'utf8').trim() }),
    )
    try {
      const cpuMs = (): number => nodes.reduce((sum, node) => sum + cpuMsOf(node.pid), 0)
      await use({ nodes, clients, cpuMs })
    } finally {
      for (const client of clients) client.close()
      await stopNodes(state)
    }
  } finally {
    process.off('exit', abandon)
    rmSync(dir, { recursive: true, force: true })
  }
}

function killAll(dir: string): void {
  for (const { pid } of existsSync(join(dir, 'testnet.json')) ? readState(dir).nodes : []) {
    try {
      if (pid > 0) process.kill(pid, 'SIGKILL')
    } catch {
      // it is gone already
    }
  }
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
}

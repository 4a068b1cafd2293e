import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect, readPrincipal } from '../../src/api/index.ts'
import {
  killNodes,
  readState,
  restartNodes,
  stopNodes,
  type TestnetNode,
  type TestnetState,
  testnetUp,
} from '../../src/cli/testnet/index.ts'
import { isAlive } from '../../src/cli/testnet/state.ts'
import { Patience } from '../../testnet/slowness.ts'

const POLL_MS = 100
/** A daemon that is stopped takes connections and answers none: as long a client waits before it asks another. */
const OPERATION_TIMEOUT_MS = 4000
/** A ceremony with a dead holder waits for two deadlines of 4 s in block time, and a few blocks. */
const CHANGE_TIMEOUT_MS = 15_000

/** The ways in which one daemon can be asked. */
interface Gateway {
  /** By the daemon's own bearer token. */
  readonly lent: Client
  /** The same, with the time that a ceremony may take. */
  readonly patient: Client
  /** By requests that the load signs itself, as any daemon of the network accepts them. */
  readonly own: Client
}

/** Seven daemons as real processes in a temporary directory, on free ports; they end with this process. */
export class SoakNetwork {
  readonly state: TestnetState
  readonly #gateways: ReadonlyMap<string, Gateway>
  readonly #leftOut = new Set<string>()

  private constructor(state: TestnetState) {
    this.state = state
    process.once('exit', this.#end)
    const principal = readPrincipal(state.principal)
    this.#gateways = new Map(
      state.nodes.map(({ name, api, tokenFile }) => {
        const token = readFileSync(tokenFile, 'utf8').trim()
        const usual = { api, timeoutMs: OPERATION_TIMEOUT_MS }
        const gateway = {
          lent: connect({ ...usual, token }),
          patient: connect({ api, token, timeoutMs: CHANGE_TIMEOUT_MS }),
          own: connect({ ...usual, principal }),
        }
        return [name, gateway]
      }),
    )
  }

  static async start(nodes: number): Promise<SoakNetwork> {
    const dir = mkdtempSync(join(tmpdir(), 'ostraka-soak-'))
    try {
      return new SoakNetwork(await testnetUp({ dir, nodes, regions: 3, apiPort: 0 }))
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  /** Whom clients ask. */
  get names(): readonly string[] {
    return this.state.nodes.map(node => node.name).filter(name => !this.#leftOut.has(name))
  }

  /** Another stands in a daemon's place: no client asks it from now on, until `takeBack`. */
  leaveOut(name: string): void {
    this.#leftOut.add(name)
  }

  takeBack(name: string): void {
    this.#leftOut.delete(name)
  }

  gateway(name: string): Gateway {
    return this.#gateways.get(name)!
  }

  /** As it runs now: a restart gives a node another process id. */
  node(name: string): TestnetNode {
    return readState(this.state.dir).nodes.find(node => node.name === name)!
  }

  nameOf(peerId: string): string {
    return this.state.nodes.find(node => node.peerId === peerId)?.name ?? peerId
  }

  kill(name: string): Promise<void> {
    return killNodes(this.state.dir, [name])
  }

  /** Starts a node again and waits until it serves; what it lacks when it does not in time. */
  async restart(name: string): Promise<readonly string[]> {
    const [restarted] = await restartNodes(this.state.dir, [name], { isAttached: true })
    return restarted!.reasons
  }

  /** The epoch's coordinator, as one node sees it. */
  async coordinator(asked: string): Promise<string> {
    return this.nameOf((await this.gateway(asked).lent.status()).coordinator)
  }

  /** Whether a node serves and is at most one block behind another. */
  async isCaughtUp(name: string, reference: string): Promise<boolean> {
    try {
      const [health, here, there] = await Promise.all([
        this.gateway(name).lent.health(),
        this.gateway(name).lent.status(),
        this.gateway(reference).lent.status(),
      ])
      return health.status === 'ok' && here.height >= there.height - 1
    } catch {
      return false
    }
  }

  /** However this process ends: a daemon that is stopped at the moment would not notice, and stay for ever. */
  readonly #end = (): void => {
    for (const node of readState(this.state.dir).nodes) if (isAlive(node)) process.kill(node.pid, 'SIGKILL')
    rmSync(this.state.dir, { recursive: true, force: true })
  }

  /** Ends the daemons; their directories stay until `stop`. */
  async halt(): Promise<void> {
    for (const clients of this.#gateways.values()) {
      for (const client of Object.values(clients)) client.close()
    }
    await stopNodes(readState(this.state.dir))
  }

  async stop(): Promise<void> {
    process.off('exit', this.#end)
    await this.halt()
    rmSync(this.state.dir, { recursive: true, force: true })
  }
}

/** Asks again until `condition` holds; false when it does not in time. */
export async function eventually(condition: () => Promise<boolean>, deadlineMs: number): Promise<boolean> {
  const patience = new Patience(deadlineMs)
  while (!(await condition())) {
    if (patience.isOver) return false
    await sleep(POLL_MS)
  }
  return true
}

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type BlockJson,
  type Client,
  connect,
  type KeyJson,
  type NewKey,
  readPrincipal,
} from '../../src/api/index.ts'
import { isOstrakaError, toBase64, utf8 } from '../../src/base/index.ts'
import {
  killNodes,
  readState,
  type StartOptions,
  stopNodes,
  type TestnetNode,
  type TestnetState,
  testnetUp,
} from '../../src/cli/testnet/index.ts'
import { startNodes } from '../../src/cli/testnet/processes.ts'
import { isAlive } from '../../src/cli/testnet/state.ts'
import type { SigningKey } from '../../src/crypto/index.ts'
import { openStore } from '../../src/io/index.ts'
import { createKeyPatiently, eventually, patiently, runPatiently } from '../../testnet/patience.ts'
import { verifyWithPlatform } from '../../testnet/verification.ts'

export { eventually, patiently }

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Of one test or hook, above several such waits; like them it lasts longer on a busy machine. */
export const TEST_TIMEOUT_MS = 600_000

/** An idle network makes a block every few seconds. */
const LOG_WAIT_MS = 5_000

/** Five real daemon processes in a temporary directory, on free ports; they end with this process. */
export class Testnet {
  state: TestnetState
  readonly #clients: Client[] = []

  private constructor(state: TestnetState) {
    this.state = state
    process.once('exit', this.#end)
  }

  /** However this process ends: daemons notice it by themselves unless they are stopped, and their files would stay. */
  readonly #end = (): void => {
    for (const node of readState(this.state.dir).nodes) if (isAlive(node)) process.kill(node.pid, 'SIGKILL')
    rmSync(this.state.dir, { recursive: true, force: true })
  }

  static async start(
    sizes: { readonly nodes?: number; readonly operators?: number; readonly destroyDelayMs?: number } = {},
  ): Promise<Testnet> {
    const dir = mkdtempSync(join(tmpdir(), 'ostraka-e2e-'))
    try {
      return new Testnet(await testnetUp({ dir, nodes: 5, regions: 3, apiPort: 0, ...sizes }))
    } catch (error) {
      // the last words of the node that did not come are in the error
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  node(name: string): TestnetNode {
    return this.state.nodes.find(node => node.name === name)!
  }

  /** An operator's principal file, from 1. */
  operator(number: number): string {
    return this.state.operators![number - 1]!
  }

  /** The principal that every node's token lends. */
  get owner(): SigningKey {
    return readPrincipal(this.state.principal)
  }

  /** By the node's own bearer token. */
  client(name: string): Client {
    return this.#open({ api: this.node(name).api, token: this.token(name) })
  }

  /** By requests that `principal` signs itself. */
  clientAs(name: string, principal: SigningKey): Client {
    return this.#open({ api: this.node(name).api, principal })
  }

  token(name: string): string {
    return readFileSync(this.node(name).tokenFile, 'utf8').trim()
  }

  /** Takes up nodes that were added. */
  refresh(): void {
    this.state = readState(this.state.dir)
  }

  /** Where a test may put its files. */
  file(name: string): string {
    return join(this.state.dir, name)
  }

  async kill(...names: string[]): Promise<void> {
    await killNodes(this.state.dir, names)
  }

  /** Kills a node and waits until its last thread has let go of the database, too. */
  async killAndUnlock(name: string): Promise<void> {
    await this.kill(name)
    await eventually(`${name} lets go of its database`, async () => {
      try {
        await (await openStore(this.node(name).dir)).close()
        return true
      } catch (error) {
        if (isOstrakaError(error, 'conflict')) return false
        throw error
      }
    })
  }

  /** Starts nodes again and waits until they answer; `serves` says whether they are well. */
  async restart(...names: string[]): Promise<void> {
    await this.#start(names, {})
  }

  /** Kills one node and starts it again in another way: from another main file, or with further options. */
  async restartAs(name: string, how: Omit<StartOptions, 'isAttached'>): Promise<void> {
    await this.kill(name)
    await this.#start([name], how)
  }

  async #start(names: readonly string[], how: Omit<StartOptions, 'isAttached'>): Promise<void> {
    startNodes(readState(this.state.dir), names, { isAttached: true, ...how })
    this.refresh()
    for (const name of names) {
      await eventually(`${name} answers`, async () => {
        if (!isAlive(this.node(name))) throw new Error(`${name} has ended: ${this.lastWordsOf(name)}`)
        return (await this.client(name).health()).status !== ''
      })
    }
  }

  /** The end of its log, for what a test has to say of a failure. */
  lastWordsOf(name: string): string {
    return readFileSync(join(this.node(name).dir, 'daemon.log'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-5)
      .join('\n')
  }

  /** Waits until nodes have nothing to complain of. */
  async serves(...names: string[]): Promise<void> {
    for (const name of names) {
      await eventually(`${name} serves`, async () => (await this.client(name).health()).status === 'ok')
    }
  }

  /** Waits until all that run have the blocks that `name` has now: what one of them decides, others learn a little later. */
  async keepsUp(name: string): Promise<void> {
    const { height } = await this.client(name).status()
    for (const node of readState(this.state.dir).nodes.filter(isAlive)) {
      const has = async (): Promise<boolean> => (await this.client(node.name).status()).height >= height
      await eventually(`${node.name} has block ${height}`, has)
    }
  }

  /** The first block that a node has from a height on: older ones may have been pruned under a snapshot. */
  async blockFrom(name: string, height: number): Promise<BlockJson> {
    const client = this.client(name)
    let found: BlockJson | undefined
    await eventually(`${name} has a block from ${height} on`, async () => {
      try {
        const from = Math.max(height, (await client.status()).lowest)
        found = (await client.log(from, { limit: 1, waitMs: LOG_WAIT_MS })).blocks[0]
      } catch (error) {
        // pruned since it said so
        if (!isOstrakaError(error, 'not_found')) throw error
      }
      return found !== undefined
    })
    return found!
  }

  /** Makes a key of which then every node knows. */
  async createKey(name: string, key: NewKey): Promise<KeyJson> {
    const made = await createKeyPatiently(this.client(name), key)
    await this.keepsUp(name)
    return made
  }

  /** Signs through a node, checks the signature with code that is not ours, and returns the public key. */
  async signs(name: string, key: string): Promise<string> {
    const message = utf8(`${name} ${key} ${Date.now()}`)
    const { publicKey, signatures } = await patiently(() => this.client(name).sign(key, [message]))
    if (!verifyWithPlatform(publicKey, message, signatures[0]!)) throw new Error(`${name}: a wrong signature`)
    return toBase64(publicKey)
  }

  /** The command line, as a user would run it; with no name given, told nothing of any daemon. */
  ostraka(name: string | undefined, ...args: string[]): SpawnSyncReturns<Buffer> {
    const node = name === undefined ? undefined : this.node(name)
    const env = { ...process.env, OSTRAKA_API: node?.api, OSTRAKA_TOKEN_FILE: node?.tokenFile }
    return runPatiently(() => spawnSync(process.execPath, [MAIN, ...args], { env, cwd: this.state.dir }))
  }

  async stop(): Promise<void> {
    process.off('exit', this.#end)
    for (const client of this.#clients) client.close()
    await stopNodes(readState(this.state.dir))
    rmSync(this.state.dir, { recursive: true, force: true })
  }

  #open(options: Parameters<typeof connect>[0]): Client {
    const client = connect(options)
    this.#clients.push(client)
    return client
  }
}

/** The code of the error with which a command ended that was called with `--json`. */
export function errorOf({ stderr }: { readonly stderr: string }): string {
  return JSON.parse(stderr.trim().split('\n').at(-1)!).code
}

/** Whether a program can be run here; a test that needs it says so when it is skipped. */
export function isInstalled(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0
}

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, connect } from '../../api/index.ts'
import { OstrakaError } from '../../base/index.ts'
import { DAEMON_RUNTIME, daemonEnvironment } from '../runtime.ts'
import {
  isAlive,
  nodeNamed,
  readState,
  type TestnetNode,
  type TestnetState,
  withNode,
  writeState,
} from './state.ts'

const MAIN = join(import.meta.dirname, `../main${extname(import.meta.filename)}`)
const POLL_MS = 100
/** Five nodes start within seconds; on a machine with forty busy processes it was two minutes. One that ends is not waited for. */
const READY_DEADLINE_MS = 300_000
/** A node that the others have waited for serves sooner; without a quorum it cannot at all. */
const RESTART_DEADLINE_MS = 12_000
/** Above the daemon's own deadline for a graceful stop. */
const STOP_DEADLINE_MS = 12_000

export interface StartOptions {
  /** Whether the daemons end with this process. */
  readonly isAttached: boolean
  /** The main file of the program to run; by default this one's. */
  readonly main?: string
  /** Further options of `node run`. */
  readonly runOptions?: readonly string[]
}

/** Starts the node's process; its log is appended to. */
export function spawnNode(state: TestnetState, node: TestnetNode, options: StartOptions): ChildProcess {
  const log = openSync(join(node.dir, 'daemon.log'), 'a')
  try {
    const args = ['node', 'run', '--dir', node.dir, '--passphrase-file', state.passphraseFile]
    args.push('--listen', node.listen, '--api', new URL(node.api).host, ...(options.runOptions ?? []))
    const child = spawn(process.execPath, [...DAEMON_RUNTIME, options.main ?? MAIN, ...args], {
      // an attached daemon notices by the closed channel when its parent is gone, however it went
      stdio: options.isAttached ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
      detached: true,
      env: daemonEnvironment(),
    })
    child.unref()
    child.channel?.unref()
    return child
  } finally {
    closeSync(log)
  }
}

/** Starts nodes and notes their process ids. Errors: `conflict` when one runs already. */
export function startNodes(
  state: TestnetState,
  names: readonly string[],
  options: StartOptions,
): TestnetState {
  let started = state
  for (const name of names) {
    const node = nodeNamed(started, name)
    if (isAlive(node)) throw new OstrakaError('conflict', `${name} runs already`, { pid: node.pid })
    const child = spawnNode(started, node, options)
    if (child.pid === undefined) throw new OstrakaError('internal', `${name} could not be started`)
    started = withNode(started, { ...node, pid: child.pid })
    writeState(started)
  }
  return started
}

/** A client with the node's own token, which its file holds from the start. */
export function clientOf({ api, tokenFile }: TestnetNode): Client {
  return connect({ api, token: readFileSync(tokenFile, 'utf8').trim() })
}

/** Resolves when every node serves. Errors: `not_ready` with the last words of one that does not. */
export async function waitUntilReady(state: TestnetState): Promise<void> {
  const waits = state.nodes.map(async node => {
    const reasons = await reasonsNotToServe(node, READY_DEADLINE_MS)
    if (reasons.length > 0) throw notReady(node, reasons)
  })
  await Promise.all(waits)
}

/** Waits until the node serves; what it says it lacks when it still does not at the deadline. */
async function reasonsNotToServe(node: TestnetNode, deadlineMs: number): Promise<readonly string[]> {
  const client = clientOf(node)
  const deadline = Date.now() + deadlineMs
  let reasons: readonly string[] = ['it does not answer']
  try {
    while (Date.now() < deadline) {
      if (!isAlive(node)) throw notReady(node, ['its process has ended'])
      const health = await client.health().catch(() => undefined)
      if (health?.status === 'ok') return []
      reasons = health?.reasons ?? reasons
      await sleep(POLL_MS)
    }
    return reasons
  } finally {
    client.close()
  }
}

function notReady(node: TestnetNode, reasons: readonly string[]): OstrakaError {
  const log = join(node.dir, 'daemon.log')
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5)
  return new OstrakaError('not_ready', `${node.name}: ${reasons.join('; ')}`, { log, lines })
}

/**
 * SIGKILL, as a power cut would; resolves when the processes are gone. Errors: `not_found`, `conflict` when one is down,
 * `deadline_exceeded` when one does not end.
 */
export async function killNodes(dir: string, names: readonly string[]): Promise<void> {
  const state = readState(dir)
  const nodes = names.map(name => nodeNamed(state, name))
  const down = nodes.find(node => !isAlive(node))
  if (down !== undefined) throw new OstrakaError('conflict', `${down.name} is down already`)
  for (const node of nodes) process.kill(node.pid, 'SIGKILL')
  await Promise.all(
    nodes.map(async node => {
      if (await untilGone(node)) return
      throw new OstrakaError('deadline_exceeded', `${node.name} does not end`, { pid: node.pid })
    }),
  )
}

export interface Restarted {
  readonly node: TestnetNode
  /** What it lacks: too few others may be up for a quorum, which is not for this node to mend. */
  readonly reasons: readonly string[]
}

/** Starts nodes again on their old ports and waits until they serve, or say what they lack. */
export async function restartNodes(
  dir: string,
  names: readonly string[],
  options: StartOptions = { isAttached: false },
): Promise<readonly Restarted[]> {
  const state = startNodes(readState(dir), names, options)
  return Promise.all(
    names.map(async name => {
      const node = nodeNamed(state, name)
      return { node, reasons: await reasonsNotToServe(node, RESTART_DEADLINE_MS) }
    }),
  )
}

/** Ends every node, gracefully where it answers. */
export async function stopNodes(state: TestnetState): Promise<void> {
  await Promise.all(
    state.nodes.map(async node => {
      if (!isAlive(node)) return
      process.kill(node.pid, 'SIGTERM')
      if (await untilGone(node, STOP_DEADLINE_MS)) return
      process.kill(node.pid, 'SIGKILL')
      await untilGone(node)
    }),
  )
}

async function untilGone(node: TestnetNode, deadlineMs = STOP_DEADLINE_MS): Promise<boolean> {
  const deadline = Date.now() + deadlineMs
  while (isAlive(node)) {
    if (Date.now() > deadline) return false
    await sleep(20)
  }
  return true
}

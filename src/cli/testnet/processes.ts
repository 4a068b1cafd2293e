import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from '../../api/index.ts'
import { OstrakaError } from '../../base/index.ts'
import {
  isAlive,
  nodeNamed,
  readState,
  type TestnetNode,
  type TestnetState,
  withNode,
  writeState,
} from './state.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const POLL_MS = 100
/** Five nodes on two busy cores start within a few seconds. */
const READY_DEADLINE_MS = 60_000
/** Above the daemon's own deadline for a graceful stop. */
const STOP_DEADLINE_MS = 12_000

export interface StartOptions {
  /** Whether the daemons end with this process. */
  readonly isAttached: boolean
}

/** Starts the node's process; its log is appended to. */
export function spawnNode(state: TestnetState, node: TestnetNode, options: StartOptions): ChildProcess {
  const log = openSync(join(node.dir, 'daemon.log'), 'a')
  try {
    const args = ['node', 'run', '--dir', node.dir, '--passphrase-file', state.passphraseFile]
    args.push('--listen', node.listen, '--api', new URL(node.api).host)
    const child = spawn(process.execPath, [MAIN, ...args], {
      // an attached daemon notices by the closed channel when its parent is gone, however it went
      stdio: options.isAttached ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
      detached: true,
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

/** Resolves when each named node serves and has applied the log's first blocks. Errors: `not_ready` with its last words. */
export async function waitUntilReady(
  state: TestnetState,
  names: readonly string[] = state.nodes.map(node => node.name),
): Promise<void> {
  await Promise.all(names.map(name => nodeReady(nodeNamed(state, name))))
}

async function nodeReady(node: TestnetNode): Promise<void> {
  const client = connect({ api: node.api })
  const deadline = Date.now() + READY_DEADLINE_MS
  let reasons: readonly string[] = ['it does not answer']
  try {
    while (Date.now() < deadline) {
      if (!isAlive(node)) throw notReady(node, ['its process has ended'])
      const health = await client.health().catch(() => undefined)
      if (health?.status === 'ok') return
      reasons = health?.reasons ?? reasons
      await sleep(POLL_MS)
    }
    throw notReady(node, reasons)
  } finally {
    client.close()
  }
}

function notReady(node: TestnetNode, reasons: readonly string[]): OstrakaError {
  const log = join(node.dir, 'daemon.log')
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5)
  return new OstrakaError('not_ready', `${node.name}: ${reasons.join('; ')}`, { log, lines })
}

/** SIGKILL, as a power cut would; resolves when the process is gone. Errors: `not_found`, `conflict` when it is down. */
export async function killNode(dir: string, name: string): Promise<void> {
  const node = nodeNamed(readState(dir), name)
  if (!isAlive(node)) throw new OstrakaError('conflict', `${name} is down already`)
  process.kill(node.pid, 'SIGKILL')
  await untilGone(node)
}

/** Starts a node again on its old ports and waits until it serves. */
export async function restartNode(
  dir: string,
  name: string,
  options: StartOptions = { isAttached: false },
): Promise<TestnetNode> {
  const state = startNodes(readState(dir), [name], options)
  await waitUntilReady(state, [name])
  return nodeNamed(state, name)
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

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OstrakaError } from '../../base/index.ts'
import { readJson } from '../../files/index.ts'

/** The testnet that client commands fall back on. */
export const DEFAULT_DIR = '.testnet'

/** Short, so that what happens once an epoch can be watched. */
export const DEFAULT_EPOCH_MS = 3000

/** The first node's HTTP interface, where it is free. */
export const FIRST_API_PORT = 7801

export interface TestnetNode {
  readonly name: string
  /** The newest process; it may have ended since. */
  readonly pid: number
  readonly peerId: string
  readonly region: string
  readonly api: string
  readonly tokenFile: string
  readonly dir: string
  readonly listen: string
  /** It came by invite, after the founders. */
  readonly isAdded?: boolean
}

/** What `testnet.json` holds: the processes and where they are. Everything else lies in the nodes' directories. */
export interface TestnetState {
  /** That of the directory's marker. */
  readonly id: string
  readonly networkId: string
  readonly dir: string
  readonly operator: string
  /** All of them, the first included; testnets that an older program made have just that one. */
  readonly operators?: readonly string[]
  readonly principal: string
  readonly passphraseFile: string
  readonly regions: number
  readonly epochMs: number
  /** False until the network has once been ready: what is left of a failed start is not worth resuming. */
  readonly wasReady: boolean
  readonly nodes: readonly TestnetNode[]
}

/** What `writeState` makes in the directory. */
export const STATE_FILES: readonly string[] = ['testnet.json', 'testnet.json.new']

function statePath(dir: string): string {
  return join(dir, 'testnet.json')
}

/** Undefined when there is no testnet, or only the rest of one. */
export function findState(dir: string): TestnetState | undefined {
  const path = statePath(dir)
  if (!existsSync(path)) return undefined
  try {
    return readJson(path) as TestnetState
  } catch {
    return undefined
  }
}

/** Errors: `not_found`. */
export function readState(dir: string): TestnetState {
  const state = findState(dir)
  if (state === undefined) throw new OstrakaError('not_found', `${dir} holds no testnet: run testnet up`)
  return state
}

export function writeState(state: TestnetState): void {
  const path = statePath(state.dir)
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`)
  renameSync(`${path}.new`, path)
}

/** Errors: `not_found`. */
export function nodeNamed(state: TestnetState, name: string): TestnetNode {
  const node = state.nodes.find(other => other.name === name)
  if (node === undefined) {
    const names = state.nodes.map(other => other.name)
    throw new OstrakaError('not_found', `the testnet has no ${name}`, { names })
  }
  return node
}

export function withNode(state: TestnetState, node: TestnetNode): TestnetState {
  return { ...state, nodes: state.nodes.map(other => (other.name === node.name ? node : other)) }
}

/** Where /proc/PID/stat has what, after the command's name, and a bit of its flags: proc_pid_stat(5), linux/sched.h. */
const PROC_STAT = { state: 0, flags: 6, threads: 17 }
/** A thread of the kernel's own: it never has a command line. */
const PF_KTHREAD = 0x200000

/** Whether the node's newest process still runs; a recycled process id is not mistaken for it. */
export function isAlive({ pid, dir }: Pick<TestnetNode, 'pid' | 'dir'>): boolean {
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    // in this order: a process that is on its way out loses its command line, and its state says so ever after
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return runsIn(dir, commandLine, stat)
  } catch {
    // no /proc on this system: believe the signal, unless the process has just gone
    return !existsSync('/proc/self')
  }
}

/** What /proc/PID/cmdline and then /proc/PID/stat say of a process: whether it is a daemon of `dir` that runs. */
export function runsIn(dir: string, commandLine: string, stat: string): boolean {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // An ended child that its parent has not waited for yet still answers signals. While one of its threads has a write to
  // disk to finish, though, its files and ports are not free.
  if (fields[PROC_STAT.state] === 'Z') return Number(fields[PROC_STAT.threads]) > 1
  // a process has no command line while it ends, and for a moment while it begins: between the two halves of its execve
  if (commandLine === '') return (Number(fields[PROC_STAT.flags]) & PF_KTHREAD) === 0
  return commandLine.split('\0').includes(dir)
}

/** The node that client commands use unless told otherwise: the one at `api`, or the first that lives. */
export function defaultNode(
  api?: string,
  dir: string = DEFAULT_DIR,
): (TestnetNode & { readonly passphraseFile: string }) | undefined {
  const state = findState(dir)
  const node = state?.nodes.find(other => (api === undefined ? isAlive(other) : other.api === api))
  return node === undefined ? undefined : { ...node, passphraseFile: state!.passphraseFile }
}

/** The local testnet's nodes that run. */
export function liveNodes(dir: string = DEFAULT_DIR): readonly TestnetNode[] {
  return findState(dir)?.nodes.filter(isAlive) ?? []
}

/** What `testnet up --json` prints: outside programs rely on it. */
export interface TestnetJson {
  readonly networkId: string
  readonly dir: string
  readonly operator: string
  readonly nodes: readonly Pick<TestnetNode, 'name' | 'pid' | 'peerId' | 'region' | 'api' | 'tokenFile'>[]
}

export function testnetJson({ networkId, dir, operator, nodes }: TestnetState): TestnetJson {
  return {
    networkId,
    dir,
    operator,
    nodes: nodes.map(nodeJson),
  }
}

export function nodeJson({
  name,
  pid,
  peerId,
  region,
  api,
  tokenFile,
}: TestnetNode): TestnetJson['nodes'][number] {
  return { name, pid, peerId, region, api, tokenFile }
}

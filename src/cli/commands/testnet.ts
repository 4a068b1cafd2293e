import type { Command } from 'commander'
import { exampleText } from '../connection.ts'
import { integerFrom, numberFrom } from '../options.ts'
import { print, shortPeer, tableLines } from '../output.ts'
import { MAX_REGIONS } from '../testnet/places.ts'
import {
  DEFAULT_DIR,
  DEFAULT_EPOCH_MS,
  FIRST_API_PORT,
  findState,
  nodeJson,
  type TestnetState,
  testnetJson,
} from '../testnet/state.ts'

interface UpCommandOptions {
  readonly nodes: number
  readonly regions: number
  readonly operators: number
  readonly dir: string
  readonly epochSeconds: number
  readonly apiPort: number
  readonly detach?: boolean
  readonly fresh?: boolean
  readonly json?: boolean
}

interface DirOptions {
  readonly dir: string
  readonly json?: boolean
}

const MAX_NODES = 64

export function registerTestnet(program: Command): void {
  const testnet = program
    .command('testnet')
    .description('a whole network on this machine, one process a node')
  inDirectory(testnet.command('up'), [
    'ostraka testnet up --detach',
    'ostraka testnet up --nodes 7 --regions 4 --dir /tmp/net --detach --json',
  ])
    .description('start daemon processes on loopback and wait until they serve; resumes a stopped testnet')
    .option('--nodes <n>', 'how many', integerFrom(1, MAX_NODES), 5)
    .option('--regions <n>', 'in how many regions they pretend to stand', integerFrom(1, MAX_REGIONS), 3)
    .option('--operators <n>', 'how many there are; a majority decides', integerFrom(1, 32), 1)
    .option('--epoch-seconds <n>', 'length of an epoch', numberFrom(0.1, 86_400), DEFAULT_EPOCH_MS / 1000)
    .option(
      '--api-port <n>',
      'the first HTTP port; 0 takes any free ones',
      integerFrom(0, 65_000),
      FIRST_API_PORT,
    )
    .option('--detach', 'return and leave them running; otherwise they stop with this command')
    .option('--fresh', 'throw away a stopped testnet in this directory, its keys included')
    .action(up)
  inDirectory(testnet.command('status'), ['ostraka testnet status'])
    .description('which nodes run')
    .action(status)
  inDirectory(testnet.command('down'), ['ostraka testnet down'])
    .description('stop all nodes gracefully; their directories stay')
    .action(async (options: DirOptions) => {
      const { readState, stopNodes } = await import('../testnet/index.ts')
      const state = readState(options.dir)
      await stopNodes(state)
      print({ stopped: state.nodes.map(node => node.name) }, options.json, () => [])
    })
  inDirectory(testnet.command('kill <names...>'), [
    'ostraka testnet kill node-3',
    'ostraka testnet kill node-4 node-5',
  ])
    .description('end nodes with SIGKILL, as a power cut would')
    .action(async (names: string[], options: DirOptions) => {
      const { killNodes } = await import('../testnet/index.ts')
      await killNodes(options.dir, names)
      print({ killed: names }, options.json, () => [])
    })
  inDirectory(testnet.command('start <names...>'), ['ostraka testnet start node-3'])
    .description('start stopped nodes again on their old ports and wait until they serve')
    .action(startAgain)
  inDirectory(testnet.command('add'), ['ostraka testnet add', 'ostraka testnet add --region sa-east --json'])
    .description('admit one more node by an operator’s invite, start it and wait until it votes')
    .option('--region <region>', 'where it says it stands; by default the next in turn')
    .action(add)
}

async function add(options: DirOptions & { readonly region?: string }): Promise<void> {
  const { testnetAdd } = await import('../testnet/index.ts')
  const { dir, region } = options
  const added = await testnetAdd({ dir, ...(region === undefined ? {} : { region }) })
  print(nodeJson(added), options.json, () => [`${added.name} serves ${added.api}: ${added.peerId}`])
}

async function startAgain(names: string[], options: DirOptions): Promise<void> {
  const { restartNodes } = await import('../testnet/index.ts')
  const nodes = (await restartNodes(options.dir, names)).map(({ node, reasons }) => ({
    name: node.name,
    pid: node.pid,
    peerId: node.peerId,
    api: node.api,
    reasons,
  }))
  print({ nodes }, options.json, () =>
    nodes.map(({ name, api, reasons }) =>
      reasons.length === 0
        ? `${name} serves ${api}`
        : `${name} runs, but cannot serve yet: ${reasons.join('; ')}`,
    ),
  )
}

function inDirectory(command: Command, examples: readonly string[]): Command {
  return command
    .option('--dir <dir>', 'where the testnet lives', DEFAULT_DIR)
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(examples))
}

async function up(options: UpCommandOptions): Promise<void> {
  const { readState, stopNodes, testnetUp } = await import('../testnet/index.ts')
  const { dir, nodes, regions, operators, apiPort } = options
  const epochMs = Math.round(options.epochSeconds * 1000)
  const isDetached = options.detach ?? false
  // from here on a signal stops what has been started, also half way
  const signal = isDetached ? undefined : nextSignal()
  const starting = testnetUp({
    ...{ dir, nodes, regions, operators, epochMs, apiPort, isDetached },
    isFresh: options.fresh ?? false,
  })
  try {
    const state = await Promise.race([starting, ...(signal === undefined ? [] : [signal.came])])
    if (state !== undefined) printUp(state, options)
    await signal?.came
  } finally {
    signal?.cancel()
  }
  if (isDetached) return
  const running = findState(dir)
  if (running !== undefined) await stopNodes(running)
  // a signal that came while directories were being made: what started after it stops now
  const late = await starting.catch(() => undefined)
  if (late !== undefined) await stopNodes(readState(dir))
}

function printUp(state: TestnetState, options: UpCommandOptions): void {
  print({ ...testnetJson(state), dir: options.dir }, options.json, () => [
    ...tableLines(
      ['NODE', 'PID', 'REGION', 'API', 'PEER'],
      state.nodes.map(node => [node.name, node.pid, node.region, node.api, node.peerId]),
    ),
    ...(options.detach ? [] : ['', 'Press control-C to stop.']),
  ])
}

function nextSignal(): { readonly came: Promise<undefined>; cancel(): void } {
  // without this nothing would keep the command alive: its daemons are unreferenced
  const alive = setInterval(() => {}, 60_000)
  const cancel = (): void => clearInterval(alive)
  const came = new Promise<undefined>(resolve => {
    const end = (): void => {
      cancel()
      resolve(undefined)
    }
    process.once('SIGINT', end)
    process.once('SIGTERM', end)
  })
  return { came, cancel }
}

async function status(options: DirOptions): Promise<void> {
  const { testnetStatus } = await import('../testnet/index.ts')
  const nodes = await testnetStatus(options.dir)
  print({ nodes }, options.json, () =>
    tableLines(
      ['NODE', 'STATE', 'PID', 'HEIGHT', 'COORDINATOR', 'REGION', 'API'],
      nodes.map(node => [
        node.name,
        node.state,
        node.state === 'down' ? null : node.pid,
        node.height,
        node.coordinator === null ? null : shortPeer(node.coordinator),
        node.region,
        node.api,
      ]),
    ),
  )
}

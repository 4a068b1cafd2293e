/**
 * Commands that run a node, or need what a node is made of. They are no part of the bundle: it hands them to the whole program,
 * which is compiled beside it.
 */
const OF_NODES: readonly string[] = ['testnet', 'network', 'node', 'sim', 'token', 'invite']
const SUBCOMMANDS_OF_NODES: readonly string[] = ['attest measure', 'audit verify']

/** The entry of the bundle, the one file that `scripts/bundle.mjs` makes of the commands that are clients only. */
async function start(argv: readonly string[]): Promise<void> {
  const [command = '', subcommand = ''] = argv.slice(2)
  if (OF_NODES.includes(command) || SUBCOMMANDS_OF_NODES.includes(`${command} ${subcommand}`)) {
    await import('./main.ts')
    return
  }
  const { endUncaught, run } = await import('./program.ts')
  process.on('uncaughtException', endUncaught)
  await run(argv)
}

void start(process.argv)

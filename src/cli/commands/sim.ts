import type { Command } from 'commander'
import type { SimOptions } from '../../sim/index.ts'
import { exampleText } from '../connection.ts'
import { integerFrom } from '../options.ts'

const MAX_SEED = 2 ** 32

export function registerSim(program: Command): void {
  program
    .command('sim')
    .description('run a whole network in one process, in virtual time, under seeded faults')
    .option('--seed <n>', 'run this seed', integerFrom(0, MAX_SEED))
    .option('--seeds <n>', 'run seeds 1 to n', integerFrom(1, MAX_SEED))
    .option('--nodes <n>', 'how many nodes', integerFrom(1, 64), 7)
    .option('--ops <n>', 'how many client operations', integerFrom(1, 1_000_000), 200)
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka sim --seed 42', 'ostraka sim --seeds 200 --nodes 5']))
    .action(async (options: SimOptions) => {
      // loaded only here: a simulation brings a whole network with it
      const { runSim } = await import('../../sim/index.ts')
      process.exitCode = await runSim(options)
    })
}

import { type Command, InvalidArgumentError } from 'commander'
import type { Charge, SimOptions } from '../../sim/index.ts'
import { exampleText } from '../connection.ts'
import { integerFrom } from '../options.ts'

const MAX_SEED = 2 ** 32

/** What `--byzantine` takes. */
const CHARGES: Readonly<Record<Charge, string>> = {
  all: 'each of these in turn, one a seed',
  equivocation: 'votes for two blocks at once',
  'conflicting-beacons': 'shows two beacons of one sequence',
  'bad-dealing': 'deals a share that does not open',
  'copied-encapsulation':
    'deals under an honest dealer’s encapsulation, to have a complaint open that dealer’s shares',
  'censored-complaint': 'deals a share that does not open, and as leader leaves complaints out',
  'bad-partial': 'answers operations wrongly',
  'bad-randomness': 'says another part of an epoch’s randomness than its own',
  'false-complaint': 'calls good shares bad',
  'forked-audit': 'signs two audit logs',
  'forged-evidence': 'accuses the honest of what they did not do',
  'stolen-invite': 'takes the invite of a node that hands it its join',
  'lying-report': 'lies of the others in its reports',
  flood: 'asks everybody for more than it could ever use',
  censor: 'a leader that leaves out what others say in ceremonies, by a clock that is wrong',
  'forged-signature': 'signatures in others’ names that nobody made',
  'copied-import': 'a client of its own imports a key under an honest dealer’s encapsulation',
  'record-filler': 'sends every node signed records of ceremonies that nobody opened',
  silence: 'says nothing any more',
}

export function registerSim(program: Command): void {
  program
    .command('sim')
    .description('run a whole network in one process, in virtual time, under seeded faults')
    .option('--seed <n>', 'run this seed', integerFrom(0, MAX_SEED))
    .option('--seeds <n>', 'run seeds 1 to n', integerFrom(1, MAX_SEED))
    .option('--nodes <n>', 'how many nodes', integerFrom(1, 64), 7)
    .option('--ops <n>', 'how many client operations', integerFrom(1, 1_000_000), 200)
    .option('--byzantine <misdeed>', 'one node does this, and must come to what it deserves', chargeFrom)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka sim --seed 42',
        'ostraka sim --seeds 200 --nodes 5',
        'ostraka sim --byzantine all --seeds 90',
      ]),
    )
    .action(async ({ byzantine, ...options }: SimOptions & { readonly byzantine?: Charge }) => {
      // loaded only here: a simulation brings a whole network with it
      const { runSim, runTrials } = await import('../../sim/index.ts')
      process.exitCode =
        byzantine === undefined ? await runSim(options) : await runTrials({ ...options, byzantine })
    })
}

function chargeFrom(text: string): Charge {
  const charges = Object.keys(CHARGES) as Charge[]
  const charge = charges.find(each => each === text)
  if (charge === undefined) throw new InvalidArgumentError(`one of ${charges.join(', ')} is needed`)
  return charge
}

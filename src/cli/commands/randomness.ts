import type { Command } from 'commander'
import type { Client, RandomnessJson } from '../../api/index.ts'
import {
  connectToOther,
  type VerifyingOptions,
  verifyingCommand,
  withClient,
  withVerifyingClient,
} from '../connection.ts'
import { collect, integerFrom } from '../options.ts'
import { print } from '../output.ts'
import type { RandomnessCheck } from '../randomness-verify.ts'

interface RandomnessOptions extends VerifyingOptions {
  readonly verify?: boolean
  readonly witness?: readonly string[]
}

export function registerRandomness(program: Command): void {
  verifyingCommand(program, 'randomness [epoch]', [
    'ostraka randomness',
    'ostraka randomness 42 --verify --genesis genesis.json --witness http://10.0.0.3:7801',
    'ostraka randomness --json | jq -r .value',
  ])
    .description(
      'the network’s own randomness of an epoch (the newest, or one of the last four), which ranks its validators',
    )
    .option('--verify', 'check the proofs and the value here, and that the validators are ranked by it')
    .option('--witness <url>', 'with --verify: a daemon that must say the same; repeatable', collect)
    .action((epoch: string | undefined, options: RandomnessOptions) =>
      options.verify === true
        ? withVerifyingClient(options, (client, isProving) => verify(client, isProving, epoch, options))
        : withClient(options, async client => print(await read(client, epoch), options.json, linesOf)),
    )
}

function read(client: Client, epoch: string | undefined): Promise<RandomnessJson> {
  return client.randomness(epoch === undefined ? 0 : integerFrom(1, Number.MAX_SAFE_INTEGER)(epoch))
}

async function verify(
  client: Client,
  isProving: boolean,
  epoch: string | undefined,
  options: RandomnessOptions,
): Promise<void> {
  const said = await read(client, epoch)
  const witnesses = (options.witness ?? []).map(api => connectToOther(api, options))
  try {
    const { checkRandomness } = await import('../randomness-verify.ts')
    const checks = await checkRandomness(client, said, witnesses, isProving)
    print({ ...said, checks }, options.json, () => [...linesOf(said), '', ...checks.map(checkLine)])
    if (checks.some(check => check.problem !== undefined)) process.exitCode = 1
  } finally {
    for (const witness of witnesses) witness.close()
  }
}

const SOURCES: Readonly<Record<RandomnessJson['source'], string>> = {
  key: 'the network’s key `beacon`',
  fallback: 'the hash of the value before: too few partials came in time',
  certificate: 'the hash of a certificate: the network had no key yet',
}

function linesOf(said: RandomnessJson): readonly string[] {
  const { epoch, value, source, height, version, generation, commitments = [], partials } = said
  return [
    `epoch     ${epoch}${said.inUse.epoch === epoch ? ', the present one' : ''}`,
    `value     ${value}`,
    `from      ${SOURCES[source]}`,
    `block     ${height}`,
    ...(partials === undefined
      ? []
      : [
          `key       version ${version}, generation ${generation} of its shares`,
          `partials  ${partials.length} (slots ${partials.map(({ slot }) => slot).join(' ')}), ${commitments.length} needed`,
        ]),
  ]
}

function checkLine({ what, problem }: RandomnessCheck): string {
  return problem === undefined ? `ok      ${what}` : `WRONG   ${what}: ${problem}`
}

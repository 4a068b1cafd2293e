import type { Command } from 'commander'
import { connect, type RandomnessJson } from '../../api/index.ts'
import { type ClientOptions, clientCommand, connectTo } from '../connection.ts'
import { collect, integerFrom } from '../options.ts'
import { print } from '../output.ts'
import type { RandomnessCheck } from '../randomness-verify.ts'

interface RandomnessOptions extends ClientOptions {
  readonly verify?: boolean
  readonly witness?: readonly string[]
}

export function registerRandomness(program: Command): void {
  clientCommand(program, 'randomness [epoch]', [
    'ostraka randomness',
    'ostraka randomness 42 --verify --witness http://10.0.0.3:7801',
    'ostraka randomness --json | jq -r .value',
  ])
    .description(
      'the network’s own randomness of an epoch (the newest, or one of the last four), which ranks its validators',
    )
    .option('--verify', 'check the proofs and the value here, and that the validators are ranked by it')
    .option('--witness <url>', 'with --verify: a daemon that must say the same; repeatable', collect)
    .action(show)
}

async function show(epoch: string | undefined, options: RandomnessOptions): Promise<void> {
  const client = connectTo(options)
  // a token is its own daemon's, and what is asked here takes none
  const witnesses = (options.witness ?? []).map(api => connect({ api }))
  try {
    const number = epoch === undefined ? 0 : integerFrom(1, Number.MAX_SAFE_INTEGER)(epoch)
    const said = await client.randomness(number)
    if (options.verify !== true) {
      print(said, options.json, linesOf)
      return
    }
    const { checkRandomness } = await import('../randomness-verify.ts')
    const checks = await checkRandomness(client, said, witnesses)
    print({ ...said, checks }, options.json, () => [...linesOf(said), '', ...checks.map(checkLine)])
    if (checks.some(check => check.problem !== undefined)) process.exitCode = 1
  } finally {
    for (const each of [client, ...witnesses]) each.close()
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

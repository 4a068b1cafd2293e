import { type Command, Option } from 'commander'
import type { Secret } from '../../base/index.ts'
import { ATTESTATION_METHODS, type AttestationMethod, DEFAULT_DESTROY_DELAY_MS } from '../../wire/index.ts'
import { exampleText } from '../connection.ts'
import { collect, delayMs, integerFrom, numberFrom } from '../options.ts'
import { note, print, shellWord } from '../output.ts'
import { PASSPHRASE, passphraseSources } from '../passphrases.ts'

interface CreateOptions {
  readonly name: string
  readonly operator: readonly string[]
  readonly member?: readonly string[]
  readonly dir?: readonly string[]
  readonly creator?: readonly string[]
  readonly approvals?: number
  readonly epochSeconds: number
  readonly destroyDelay: number
  readonly requireAttestation: AttestationMethod
  readonly accept?: readonly string[]
  readonly maxAge: number
  readonly out: string
  readonly passphraseFile?: string
  readonly pskFile?: string
  readonly json?: boolean
}

export function registerNetwork(program: Command): void {
  const network = program.command('network').description('the document that a network begins with')
  network
    .command('create')
    .description('write a genesis; its hash is the network’s id. Every founding node runs with the same file')
    .requiredOption('--name <name>', 'the network’s name')
    .requiredOption('--operator <file...>', 'principals that operate the network', collectAll)
    .option('--member <file...>', 'the member.json of each founding node, wherever it is', collectAll)
    .option(
      '--dir <dir...>',
      'directories of founding nodes on this machine. Without --member and --dir: the nodes whose directories lie ' +
        'right here; if there are none, one is made in ./node',
      collectAll,
    )
    .option('--creator <file...>', 'principals that may create keys; by default the operators', collectAll)
    .option(
      '--approvals <n>',
      'operators needed for exceptional acts; by default a majority',
      integerFrom(1, 32),
    )
    .addOption(
      new Option('--epoch-seconds <n>', 'length of an epoch: the pace of an idle network')
        .argParser(numberFrom(0.1, 86_400))
        .default(30),
    )
    .addOption(
      new Option('--destroy-delay <duration>', 'how long a version waits for its destruction: 7d, or none')
        .argParser(delayMs)
        .default(DEFAULT_DESTROY_DELAY_MS, '7d'),
    )
    .addOption(
      new Option('--require-attestation <method>', 'what members must attest to be given shares')
        .choices([...ATTESTATION_METHODS])
        .default('none' satisfies AttestationMethod),
    )
    .option('--accept <hash...>', 'accepted measurements: see ostraka attest measure', collectAll)
    .option('--max-age <epochs>', 'how many epochs an attestation counts', integerFrom(1, 2 ** 31), 40)
    .option('--out <file>', 'where it goes, besides the directories of founding nodes', 'genesis.json')
    .option('--psk-file <file>', 'give the nodes here this pre-shared key, which network psk makes')
    .option('--passphrase-file <file>', `of the nodes here, which prove their sealing keys: ${PASSPHRASE}`)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka principal new --out operator.json',
        'ostraka network create --name acme --operator operator.json      # one node; others join by invite',
        'ostraka network create --name acme --operator operator.json --member {a,b,c,d}/member.json',
      ]),
    )
    .action(createNetwork)
  registerAssembly(network)
  registerKey(network)
}

function registerAssembly(network: Command): void {
  network
    .command('assemble')
    .description('join copies of a draft genesis, in each of which founders have proven their sealing keys')
    .argument('<file...>', 'copies of the draft, as node prove wrote them')
    .option('--out <file>', 'where the genesis goes; a draft of it may lie there', 'genesis.json')
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka network assemble genesis.json a.json b.json c.json']))
    .action(
      async (files: readonly string[], { out, json }: { readonly out: string; readonly json?: boolean }) => {
        const { assemble } = await import('../founding.ts')
        const { networkIdText } = await import('../genesis-file.ts')
        const genesis = await assemble(files, out)
        const networkId = networkIdText(genesis)
        print({ networkId, members: genesis.members.length, out }, json, () => [networkId])
        if (json !== true) note([`${out} is complete: copy it into the directory of each founding node.`])
      },
    )
}

function registerKey(network: Command): void {
  network
    .command('psk')
    .description(
      'make a pre-shared key, in libp2p’s swarm.key format: nodes that have it do not even shake hands with who has not',
    )
    .requiredOption('--out <file>', 'where it goes; an existing file is not touched')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka network psk --out swarm.key',
        'ostraka network create --name acme --operator operator.json --psk-file swarm.key',
        'ostraka node join --invite invite --dir /var/lib/ostraka --psk-file swarm.key     # invites do not carry it',
      ]),
    )
    .action(async ({ out, json }: { readonly out: string; readonly json?: boolean }) => {
      const { createPreSharedKey, SystemRng } = await import('../../io/index.ts')
      createPreSharedKey(out, new SystemRng())
      print({ out }, json, () => [out])
    })
}

function collectAll(text: string, previous?: readonly string[]): readonly string[] {
  return collect(text, previous ?? [])
}

/** Absent where nothing is asked for: the document of such a network says nothing of attestation. */
async function policyFrom({ requireAttestation: method, accept = [], maxAge }: CreateOptions) {
  const { hashOf } = await import('../attestation.ts')
  if (method === 'none') return {}
  return {
    attestation: { method, maxAgeEpochs: maxAge, measurements: accept.map(hashOf), attestationKeys: [] },
  }
}

async function createNetwork(options: CreateOptions): Promise<void> {
  const { principalNamed } = await import('../../api/index.ts')
  const { OstrakaError } = await import('../../base/index.ts')
  const { readPreSharedKey } = await import('../../io/index.ts')
  const { findFounders, requireNoFile, writeFounding } = await import('../founding.ts')
  const { DEFAULT_TIMING, majorityOf, networkIdText } = await import('../genesis-file.ts')
  const operators = await Promise.all(options.operator.map(principalNamed))
  const creators = await Promise.all((options.creator ?? options.operator).map(principalNamed))
  const approvals = options.approvals ?? majorityOf(operators.length)
  if (approvals > operators.length) throw new OstrakaError('malformed', 'more approvals than operators')
  requireNoFile(options.out)
  if (options.pskFile !== undefined) readPreSharedKey(options.pskFile).wipe()
  const passphrase = passphraseOnce(options.passphraseFile)
  const founders = await findFounders(options.member ?? [], options.dir ?? [], passphrase.required)
  const epochMs = Math.round(options.epochSeconds * 1000)
  const timing = { ...DEFAULT_TIMING, epochMs, destroyDelayMs: options.destroyDelay }
  const { name, out } = options
  const { members, dirs, made } = founders
  const policy = await policyFrom(options)
  const document = { name, createdMs: Date.now(), operators, approvals, members, creators, timing, ...policy }
  const secret = founders.provers.length === 0 ? undefined : await passphrase.ifGiven()
  const unproven = await writeFounding(out, founders, document, secret, options.pskFile)
  secret?.wipe()
  const networkId = networkIdText(document)
  print({ networkId, members: members.length, out, dirs, made, unproven }, options.json, () => [networkId])
  if (!options.json) note(nextSteps(options, members.length, dirs, made, unproven))
}

/** The passphrase is read at most once: a prompt is not repeated, and the environment forgets it. */
function passphraseOnce(file: string | undefined) {
  let known: Secret | undefined
  const read = async (question: string): Promise<Secret> => {
    const { readPassphrase } = await import('../../io/index.ts')
    known ??= await readPassphrase(passphraseSources(file, question))
    return known
  }
  return {
    required: () => read('New passphrase for ./node: '),
    /** Without any, the nodes here prove their keys later. */
    ifGiven: async () => {
      const { isOstrakaError } = await import('../../base/index.ts')
      return read('Passphrase of the nodes here: ').catch(error => {
        if (file === undefined && isOstrakaError(error, 'not_found')) return undefined
        throw error
      })
    },
  }
}

function nextSteps(
  { out, operator }: CreateOptions,
  members: number,
  dirs: readonly string[],
  made: string | null,
  unproven: readonly string[],
): readonly string[] {
  const names = `${out} names ${members === 1 ? 'one founding node' : `${members} founding nodes`}${made === null ? '' : `, made in ./${made}`}.`
  if (unproven.length > 0) {
    return [
      names,
      'It is a draft: these have not proven their sealing keys, and no node starts before all have.',
      ...unproven.map(peerId => `  ${peerId}`),
      `Copy ${out} into the directory of each, and prove there:`,
      '  ostraka node prove --dir DIR',
      'Then join the copies, and copy the result into the directory of each founding node:',
      `  ostraka network assemble ${shellWord(out)} DIR/genesis.json… --out ${shellWord(out)}`,
    ]
  }
  const run = dirs.map(dir => `  ostraka node run --dir ${shellWord(dir)}`)
  const elsewhere = members - dirs.length
  return [
    names,
    ...(run.length === 0 ? [] : ['Start:', ...run]),
    ...(elsewhere === 0
      ? []
      : [`Copy ${out} into the directory of each founding node elsewhere, and start those.`]),
    'More nodes, by invite, while it runs:',
    `  ostraka invite create --api http://127.0.0.1:7801 --operator-file ${shellWord(operator[0]!)}`,
    '  ostraka node join --invite INVITE --dir DIR --announce MULTIADDR',
    ...(members < 4 ? ['Four nodes are the smallest network that survives the loss of one.'] : []),
  ]
}

import { type Command, Option } from 'commander'
import type { AttestationJson, AttestationPolicyJson, Client } from '../../api/index.ts'
import {
  ATTESTATION_METHODS,
  type AttestationChange,
  type AttestationMethod,
  type AttestationPolicy,
} from '../../wire/index.ts'
import { type ClientOptions, clientCommand, exampleText, withClient } from '../connection.ts'
import { type DecisionOptions, decisionOptions, operatorFiles } from '../operators.ts'
import { collect, integerFrom, pcrList } from '../options.ts'
import { print, shortPeer, tableLines } from '../output.ts'

interface MeasureOptions {
  readonly tpm2?: boolean
  readonly dir?: string
  readonly tpm2Tcti?: string
  readonly tpm2Pcrs?: readonly number[]
  readonly files?: boolean
  readonly json?: boolean
}

interface PolicyOptions extends DecisionOptions {
  readonly key?: readonly string[]
  readonly maxAge?: number
}

export function registerAttest(program: Command): void {
  const attest = program
    .command('attest')
    .description('what the members’ hosts run, and which may hold shares')
  attest
    .command('measure')
    .description(
      'measure the program installed here, and the platform under it: what an operator puts into the policy',
    )
    .option('--tpm2', 'also the platform, by this host’s TPM')
    .option('--tpm2-tcti <tcti>', 'how to reach the TPM; by default TPM2TOOLS_TCTI, else device:/dev/tpmrm0')
    .option('--tpm2-pcrs <list>', 'which PCRs, such as 0,2,4,7', pcrList)
    .option('--dir <dir>', 'a node’s directory: with --tpm2 also that node’s key, made if there is none')
    .option('--files', 'list every file with its hash')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText(['ostraka attest measure', 'ostraka attest measure --tpm2 --tpm2-pcrs 0,2,4,7']),
    )
    .action(measure)
  clientCommand(attest, 'show [peerId]', ['ostraka attest show', 'ostraka attest show 12D3KooW… --json'])
    .description('every member’s last attestation, or one’s, and how it stands with the policy')
    .action(show)
  registerPolicy(attest)
}

function registerPolicy(attest: Command): void {
  const policy = attest.command('policy').description('whom the network gives shares to, by what they attest')
  clientCommand(policy, 'show', ['ostraka attest policy show'])
    .description('the policy')
    .action(async (options: ClientOptions) => {
      const view = await withClient(options, client => client.attestation())
      print(view.policy, options.json, () => revisionLines(view))
    })
  const signed = (usage: string, examples: readonly string[]): Command =>
    decisionOptions(clientCommand(policy, usage, examples))
  signed('allow [measurements...]', [
    'ostraka attest policy allow "$(ostraka attest measure --json | jq -r .program)"',
    'ostraka attest policy allow --key 3f1c…',
    'ostraka attest policy allow 9b0e… --operator-file alice.json --propose "release 1.4"',
  ])
    .description('accept measurements, of programs or platforms')
    .option('--key <hash>', 'accept a TPM’s attestation key, as attest show prints it; repeatable', collect)
    .action(allow)
  signed('deny <hashes...>', ['ostraka attest policy deny 9b0e…'])
    .description('accept measurements or attestation keys no longer')
    .action(deny)
  signed('require <method>', [
    'ostraka attest policy require measured',
    'ostraka attest policy require tpm2 --max-age 40',
  ])
    .description(`which method suffices at least: ${ATTESTATION_METHODS.join(', ')}`)
    .option('--max-age <epochs>', 'how many epochs an attestation counts', integerFrom(1, 2 ** 31))
    .action(requireMethod)
}

async function measure(options: MeasureOptions): Promise<void> {
  const { toHex } = await import('../../base/index.ts')
  const { measurePlatform, measureProgram, thisInstallation } = await import('../../io/index.ts')
  const { measurement, files } = await measureProgram(thisInstallation())
  const { tpm2, tpm2Pcrs, tpm2Tcti } = options
  const platform = tpm2 ? await measurePlatform(tpm2Pcrs, tpm2Tcti) : undefined
  const key = tpm2 && options.dir !== undefined ? await keyOf(options.dir, tpm2Tcti) : undefined
  const value = {
    program: toHex(measurement),
    ...(platform === undefined
      ? {}
      : {
          platform: toHex(platform.measurement),
          pcrs: Object.fromEntries([...platform.values].map(([pcr, held]) => [pcr, toHex(held)])),
        }),
    ...(key === undefined ? {} : { attestationKey: key }),
    ...(options.files ? { files: files.map(({ path, hash }) => ({ path, hash: toHex(hash) })) } : {}),
  }
  print(value, options.json, () => [
    `program   ${value.program}`,
    ...(value.platform === undefined ? [] : [`platform  ${value.platform}`]),
    ...(value.attestationKey === undefined ? [] : [`key       ${value.attestationKey}`]),
    ...Object.entries(value.pcrs ?? {}).map(([pcr, held]) => `pcr ${pcr.padStart(2)}    ${held}`),
    ...(value.files ?? []).map(({ path, hash }) => `${hash}  ${path}`),
  ])
}

async function keyOf(dir: string, tcti: string | undefined): Promise<string> {
  const { toHex } = await import('../../base/index.ts')
  const { attestationKeyId } = await import('../../trust/index.ts')
  const { tpmOf } = await import('../attestor.ts')
  return toHex(attestationKeyId(await tpmOf(dir, tcti === undefined ? {} : { tcti }).attestationKey()))
}

async function show(peerId: string | undefined, options: ClientOptions): Promise<void> {
  const { OstrakaError } = await import('../../base/index.ts')
  const view = await withClient(options, client => client.attestation())
  if (peerId === undefined) {
    print(view, options.json, () => overviewLines(view))
    return
  }
  const member = view.members.find(each => each.peerId === peerId)
  if (member === undefined) throw new OstrakaError('not_found', 'no such member', { peerId })
  print(member, options.json, () => memberLines(member))
}

type Member = AttestationJson['members'][number]

function memberLines(member: Member): readonly string[] {
  const { peerId, standing, method, measurements, attestationKey, epoch, height } = member
  const [program, platform] = measurements
  return [
    `member    ${peerId}`,
    `standing  ${standing.replaceAll('_', ' ')}`,
    `method    ${method ?? 'none'}`,
    ...(program === undefined ? [] : [`program   ${program}`]),
    ...(platform === undefined ? [] : [`platform  ${platform}`]),
    ...(attestationKey === null ? [] : [`key       ${attestationKey}`]),
    ...(epoch === null ? [] : [`attested  in epoch ${epoch}, at height ${height}`]),
  ]
}

function overviewLines(view: AttestationJson): readonly string[] {
  const { epoch, eligible, accepted, isMoving, policy } = view
  const rows = view.members.map(({ peerId, standing, method, measurements, epoch: attested }) => [
    shortPeer(peerId),
    standing.replaceAll('_', ' '),
    method,
    ...[0, 1].map(at => measurements[at]?.slice(0, 16)),
    attested === null ? null : `${epoch - attested} epochs`,
  ])
  return [
    `required  ${policy.method}`,
    `accepted  ${accepted} of ${eligible} members`,
    ...(isMoving ? [] : ['too few: slots stay where they are']),
    '',
    ...tableLines(['MEMBER', 'STANDING', 'METHOD', 'PROGRAM', 'PLATFORM', 'AGE'], rows),
  ]
}

/** A policy for people to read. */
export function policyLines({
  method,
  maxAgeEpochs,
  measurements,
  attestationKeys,
}: AttestationPolicyJson): string[] {
  return [
    `required     ${method}, at most ${maxAgeEpochs} epochs old`,
    ...measurements.map(each => `measurement  ${each}`),
    ...attestationKeys.map(each => `key          ${each}`),
  ]
}

/** Reads the policy, has `change` make another of it, and hands that in, signed; or proposes it. */
async function changePolicy(
  options: PolicyOptions,
  change: (policy: AttestationPolicy) => AttestationPolicy,
): Promise<void> {
  const { policyOf, signAttestationPolicy } = await import('../attestation.ts')
  const changeOf = async (client: Client): Promise<AttestationChange> => {
    const { policy, revision } = await client.attestation()
    return { revision, policy: change(policyOf(policy)) }
  }
  if (options.propose !== undefined) {
    const { proposeAct } = await import('../approving.ts')
    return proposeAct(options, async client => ({ type: 'set-attestation', ...(await changeOf(client)) }))
  }
  const { readPrincipal } = await import('../../api/index.ts')
  const [first, ...others] = operatorFiles(options.operatorFile ?? [])
  const decided = await withClient(options, async client => {
    const { genesis } = await client.genesis()
    const operators = [readPrincipal(first), ...others.map(readPrincipal)] as const
    return client.setAttestation(signAttestationPolicy(genesis, operators, await changeOf(client)))
  })
  const { attestation } = decided
  print(decided, options.json, () => [
    ...revisionLines(attestation),
    `accepted     ${attestation.accepted} of ${attestation.eligible} members`,
    ...(attestation.isMoving ? [] : ['too few: slots stay where they are']),
  ])
}

function revisionLines({ policy, revision }: AttestationJson): string[] {
  return [...policyLines(policy), `revision     ${revision}`]
}

async function allow(measurements: readonly string[], options: PolicyOptions): Promise<void> {
  const { OstrakaError } = await import('../../base/index.ts')
  const { allowing, hashOf } = await import('../attestation.ts')
  const keys = options.key ?? []
  if (measurements.length + keys.length === 0)
    throw new OstrakaError('malformed', 'name a measurement, or a key with --key')
  await changePolicy(options, policy => allowing(policy, measurements.map(hashOf), keys.map(hashOf)))
}

async function deny(hashes: readonly string[], options: PolicyOptions): Promise<void> {
  const { denying, hashOf } = await import('../attestation.ts')
  await changePolicy(options, policy => denying(policy, hashes.map(hashOf)))
}

async function requireMethod(text: string, options: PolicyOptions): Promise<void> {
  const { OstrakaError } = await import('../../base/index.ts')
  const method = ATTESTATION_METHODS.find(each => each === text)
  if (method === undefined)
    throw new OstrakaError('malformed', `${text} is none of ${ATTESTATION_METHODS.join(', ')}`)
  await changePolicy(options, policy => ({
    ...policy,
    method,
    maxAgeEpochs: options.maxAge ?? policy.maxAgeEpochs,
  }))
}

/** What `node run` takes. */
export function attestOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--attest <method>', 'how this node attests what runs on it')
        .choices([...ATTESTATION_METHODS])
        .default('measured' satisfies AttestationMethod)
        .env('OSTRAKA_ATTEST'),
    )
    .option('--tpm2-tcti <tcti>', 'how to reach the TPM; by default TPM2TOOLS_TCTI, else device:/dev/tpmrm0')
    .option(
      '--tpm2-pcrs <list>',
      'which PCRs the TPM quotes, of the SHA-256 bank (default: 0,2,4,7)',
      pcrList,
    )
}

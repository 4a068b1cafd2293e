import { renameSync, writeFileSync } from 'node:fs'
import {
  fromBase64,
  fromHex,
  isOstrakaError,
  listFromBase64,
  OstrakaError,
  type PeerId,
  toBase64,
  toHex,
} from '../base/index.ts'
import { checkFounders, networkIdOf } from '../control/index.ts'
import { cryptoReady } from '../crypto/index.ts'
import { readJson } from '../files/index.ts'
import {
  type AttestationPolicy,
  DEFAULT_DESTROY_DELAY_MS,
  type DleqProof,
  dleqProofSchema,
  type Genesis,
  type GenesisDocument,
  genesisDocumentCodec,
  type Location,
  type Member,
  memberSchema,
  type Timing,
} from '../wire/index.ts'

/** A genesis as a file: the same fields, with bytes in base64. The network id is over its canonical CBOR, never over this text. */
interface GenesisFile {
  readonly name: string
  readonly createdMs: number
  readonly operators: readonly string[]
  readonly approvals: number
  readonly members: readonly FounderFile[]
  readonly creators: readonly string[]
  readonly timing: Timing
  readonly attestation?: AttestationPolicyFile
}

/** Hashes in hexadecimal, as the commands print them. */
type AttestationPolicyFile = Omit<AttestationPolicy, 'measurements' | 'attestationKeys'> & {
  readonly measurements: readonly string[]
  readonly attestationKeys: readonly string[]
}

/** What `node init` writes for whoever makes the genesis: all of it public. */
interface MemberFile {
  readonly peerId: string
  readonly sealingKey: string
  readonly location: Location
}

/** A founder's proof of possession stands beside its member.json; a draft lacks some. */
interface FounderFile extends MemberFile {
  readonly possession?: { readonly challenge: string; readonly response: string }
}

/** A genesis for which some founders may have proofs still to make. */
export interface DraftGenesis {
  readonly document: GenesisDocument
  readonly possessions: ReadonlyMap<PeerId, DleqProof>
}

/** Epochs of 30 s, and waits that suit a network around the world. */
export const DEFAULT_TIMING: Timing = {
  epochMs: 30_000,
  proposeMs: 3000,
  voteMs: 1500,
  roundDeltaMs: 500,
  dealMs: 20_000,
  acknowledgeMs: 20_000,
  destroyDelayMs: DEFAULT_DESTROY_DELAY_MS,
}

/** No network is older: a number below it is in seconds. */
const EARLIEST_MS = Date.UTC(2020, 0, 1)

/** How many operators decide unless the genesis is told otherwise: more than half. */
export function majorityOf(operators: number): number {
  return Math.floor(operators / 2) + 1
}

/** The network id as text. */
export function networkIdText(genesis: GenesisDocument): string {
  return toHex(networkIdOf(genesis))
}

export function writeGenesis(path: string, { possessions, ...document }: Genesis): void {
  const proofs = document.members.map(({ peerId }, at) => [peerId, possessions[at]!] as const)
  writeDraft(path, { document, possessions: new Map(proofs) })
}

export function writeDraft(path: string, { document, possessions }: DraftGenesis): void {
  const { operators, members, creators, attestation, ...rest } = checked(document)
  const file: GenesisFile = {
    ...rest,
    operators: operators.map(toBase64),
    creators: creators.map(toBase64),
    members: members.map(member => founderFile(member, possessions.get(member.peerId))),
    ...(attestation === undefined ? {} : { attestation: policyFile(attestation) }),
  }
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`)
  renameSync(`${path}.new`, path)
}

/** The proofs are not verified. Errors: `not_found`, `malformed`. */
export function readDraft(path: string): DraftGenesis {
  const file = readJson(path) as GenesisFile
  return refusing(path, () => {
    const { attestation, ...rest } = file
    if (file.createdMs < EARLIEST_MS) throw new Error('createdMs is no time of this network, in milliseconds')
    const document = checked({
      ...rest,
      ...(attestation === undefined ? {} : { attestation: policyOf(attestation) }),
      operators: listFromBase64(file.operators, 'operators'),
      creators: listFromBase64(file.creators, 'creators'),
      members: file.members.map(memberOf),
    })
    return { document, possessions: new Map(file.members.flatMap(possessionOf)) }
  })
}

/** Errors: `not_found`, `malformed`, `unproven` (a founder's proof is missing or wrong: `peerId`). */
export async function readGenesis(path: string): Promise<Genesis> {
  await cryptoReady
  return completeGenesis(readDraft(path), path)
}

/** The genesis, if all founders have proven their sealing keys; `source` names the draft. Errors: as `readGenesis`. */
export function completeGenesis({ document, possessions }: DraftGenesis, source: string): Genesis {
  const missing = document.members.map(({ peerId }) => peerId).filter(peerId => !possessions.has(peerId))
  const [first] = missing
  if (first !== undefined) {
    const others = missing.length === 1 ? '' : ` (and ${missing.length - 1} more)`
    const text = `${source}: founder ${first}${others} has not proven its sealing key. ${HOW_TO_PROVE}`
    throw new OstrakaError('unproven', text, { peerId: first, missing })
  }
  const proofs = document.members.map(({ peerId }) => possessions.get(peerId)!)
  const genesis: Genesis = { ...document, possessions: proofs }
  try {
    checkFounders(genesis)
  } catch (error) {
    if (!isOstrakaError(error)) throw error
    const how = error.code === 'unproven' ? `. ${HOW_TO_PROVE}` : ''
    throw new OstrakaError(error.code, `${source}: ${error.message}${how}`, error.details)
  }
  return genesis
}

const HOW_TO_PROVE =
  'On its host, with this file as DIR/genesis.json: ostraka node prove --dir DIR. Then: ostraka network assemble'

export function writeMember(path: string, member: Member): void {
  writeFileSync(path, `${JSON.stringify(memberFile(member), null, 2)}\n`)
}

/** Errors: `not_found`, `malformed`. */
export function readMember(path: string): Member {
  const file = readJson(path) as MemberFile
  return refusing(path, () => memberSchema.check(memberOf(file), 'member'))
}

function policyFile(policy: AttestationPolicy): AttestationPolicyFile {
  const { measurements, attestationKeys } = policy
  return { ...policy, measurements: measurements.map(toHex), attestationKeys: attestationKeys.map(toHex) }
}

function policyOf(file: AttestationPolicyFile): AttestationPolicy {
  const { measurements, attestationKeys } = file
  return { ...file, measurements: measurements.map(fromHex), attestationKeys: attestationKeys.map(fromHex) }
}

function memberFile(member: Member): MemberFile {
  return { ...member, sealingKey: toBase64(member.sealingKey) }
}

function memberOf({ possession: _, ...file }: FounderFile): Member {
  return { ...file, sealingKey: fromBase64(file.sealingKey, 'sealingKey') }
}

function founderFile(member: Member, possession: DleqProof | undefined): FounderFile {
  if (possession === undefined) return memberFile(member)
  const { challenge, response } = possession
  const proof = { challenge: toBase64(challenge), response: toBase64(response) }
  return { ...memberFile(member), possession: proof }
}

function possessionOf({ peerId, possession }: FounderFile): [PeerId, DleqProof][] {
  if (possession === undefined) return []
  const proof = {
    challenge: fromBase64(possession.challenge, 'possession.challenge'),
    response: fromBase64(possession.response, 'possession.response'),
  }
  return [[peerId, dleqProofSchema.check(proof, 'possession')]]
}

function checked(document: GenesisDocument): GenesisDocument {
  return genesisDocumentCodec.decode(genesisDocumentCodec.encode(document))
}

/** A missing list or text in a hand-written file is its author's error, not ours. */
function refusing<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new OstrakaError('malformed', `${path}: ${reason}`)
  }
}

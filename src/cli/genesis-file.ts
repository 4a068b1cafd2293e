import { readFileSync, writeFileSync } from 'node:fs'
import { fromBase64, fromHex, OstrakaError, toBase64, toHex } from '../base/index.ts'
import { networkIdOf } from '../control/index.ts'
import {
  type AttestationPolicy,
  type Genesis,
  genesisCodec,
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
  readonly members: readonly MemberFile[]
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

/** Epochs of 30 s, and waits that suit a network around the world. */
export const DEFAULT_TIMING: Timing = {
  epochMs: 30_000,
  proposeMs: 3000,
  voteMs: 1500,
  roundDeltaMs: 500,
  dealMs: 20_000,
  acknowledgeMs: 20_000,
}

/** How many operators decide unless the genesis is told otherwise: more than half. */
export function majorityOf(operators: number): number {
  return Math.floor(operators / 2) + 1
}

/** The network id as text. */
export function networkIdText(genesis: Genesis): string {
  return toHex(networkIdOf(genesis))
}

export function writeGenesis(path: string, genesis: Genesis): void {
  const { operators, members, creators, attestation, ...rest } = checked(genesis)
  const file: GenesisFile = {
    ...rest,
    operators: operators.map(toBase64),
    creators: creators.map(toBase64),
    members: members.map(memberFile),
    ...(attestation === undefined ? {} : { attestation: policyFile(attestation) }),
  }
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`)
}

/** Errors: `not_found`, `malformed`. */
export function readGenesis(path: string): Genesis {
  const file = readJson(path) as GenesisFile
  const { attestation, ...rest } = file
  return refusing(path, () =>
    checked({
      ...rest,
      ...(attestation === undefined ? {} : { attestation: policyOf(attestation) }),
      operators: file.operators.map(fromBase64),
      creators: file.creators.map(fromBase64),
      members: file.members.map(memberOf),
    }),
  )
}

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

function memberOf(file: MemberFile): Member {
  return { ...file, sealingKey: fromBase64(file.sealingKey) }
}

function checked(genesis: Genesis): Genesis {
  return genesisCodec.decode(genesisCodec.encode(genesis))
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'not_found' : 'malformed'
    throw new OstrakaError(code, `${path}: ${error instanceof Error ? error.message : 'unreadable'}`)
  }
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

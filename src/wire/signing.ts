import { concat, utf8 } from '../base/index.ts'

/** The closed list of what is ever signed; a signature made for one type or network is void for every other. */
export const SIGNING_TYPES = [
  'transaction',
  'proposal',
  'prevote',
  'precommit',
  'beacon',
  'plan',
  'operation',
  'partial',
  'sealed-dealing',
  'possession',
  'invite',
  'join',
  'removal',
  'attestation',
  'attestation-policy',
  'approval',
  'export',
  'audit-reset',
  'api',
] as const

export type SigningType = (typeof SIGNING_TYPES)[number]

const ZERO = new Uint8Array([0])
const prefixes: ReadonlyMap<SigningType, Uint8Array> = new Map(
  SIGNING_TYPES.map(type => [type, concat(utf8(`ostraka/1/${type}`), ZERO)]),
)

/** The bytes that are signed: `"ostraka/1/" + type + 0x00 + networkId + bytes`. `networkId` is 32 bytes. */
export function signingBytes(type: SigningType, networkId: Uint8Array, bytes: Uint8Array): Uint8Array {
  return concat(prefixes.get(type)!, networkId, bytes)
}

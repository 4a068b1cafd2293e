import type { PeerId } from '../base/index.ts'
import {
  type Approval,
  approvals,
  nonce16,
  peerId,
  publicKey32,
  regionName,
  type Signed,
  signature64,
  signedSchema,
  timeMs,
} from './common.ts'
import { type DleqProof, dleqProofSchema } from './dealing.ts'
import { type Genesis, genesisCodec, type Member, memberSchema } from './genesis.ts'
import {
  type Codec,
  codec,
  fixedBytes,
  list,
  literal,
  matching,
  optional,
  type Schema,
  struct,
  textUpTo,
} from './schema.ts'

/** An operator's word that one node may join, once and until then. Signed in the domain `invite`. */
export interface Invite {
  /** Names the invite in the ledger once it is used. */
  readonly nonce: Uint8Array
  /** Ed25519; only the token has its secret half. What members and their log see of an invite admits nobody. */
  readonly key: Uint8Array
  /** In block time. */
  readonly expiresMs: number
  /** Only this node. */
  readonly peerId?: PeerId
  /** Only a node that says it stands there. */
  readonly region?: string
}

/** Admits a node: from now on members speak with it. It holds no share and has no vote before it arrives. Signed by it. */
export interface Join {
  readonly type: 'join'
  readonly invite: Signed<Invite>
  /** The invite's key's signature over an `Acceptance`, in the domain `join`: this node has the token. */
  readonly acceptance: Uint8Array
  readonly member: Member
  /** That the node knows its sealing key's secret half; bound to network, node and revision 0. */
  readonly possession: DleqProof
  /** Multiaddrs where the others reach it; without any, it must reach them. */
  readonly addresses: readonly string[]
}

/** What the key of an invite signs: which node uses it. */
export interface Acceptance {
  /** The invite's nonce. */
  readonly invite: Uint8Array
  readonly peerId: PeerId
}

/** The admitted node's word that it has caught up with the log: it votes and may hold shares. Signed by it. */
export interface Arrive {
  readonly type: 'arrive'
}

/** A node goes, for good. Signed by it. */
export interface Leave {
  readonly type: 'leave'
}

/** Takes a node out for good. Signed by an operator; `approvals` are those of others, where the genesis asks for more. */
export interface RemoveMember {
  readonly type: 'remove-member'
  readonly peerId: PeerId
  readonly approvals: readonly Approval[]
}

/** What an operator's approval of a removal signs, in the domain `removal`. */
export interface Removal {
  readonly peerId: PeerId
}

export type MembershipTransaction = Join | Arrive | Leave | RemoveMember

/** What an invited node's operator is handed: all that the node needs to know of the network. */
export interface InviteToken {
  readonly genesis: Genesis
  /** Multiaddrs of members, with /p2p/ ids. */
  readonly peers: readonly string[]
  /** Base URLs of members' HTTP interfaces, which take the join transaction. */
  readonly apis: readonly string[]
  readonly invite: Signed<Invite>
  /** The seed of the invite's key. Whoever has it may join: the token travels as a password does. */
  readonly secret: Uint8Array
}

/** A host has a few interfaces; each costs every member that dials it. */
export const MAX_ADDRESSES = 8

/** One reachable member suffices; more are for when it is down. */
export const MAX_BOOTSTRAP = 16

const MAX_MULTIADDR_LENGTH = 256
const MULTIADDR = new RegExp(`^(?=.{1,${MAX_MULTIADDR_LENGTH}}$)(/[a-zA-Z0-9.:_%-]+)+$`)
const multiaddrText: Schema<string> = matching(MULTIADDR, 'a multiaddr')

const invite: Schema<Invite> = struct<Invite>({
  nonce: nonce16,
  key: publicKey32,
  expiresMs: timeMs,
  peerId: optional(peerId),
  region: optional(regionName),
})

const join: Schema<Join> = struct<Join>({
  type: literal('join'),
  invite: signedSchema(invite),
  acceptance: signature64,
  member: memberSchema,
  possession: dleqProofSchema,
  addresses: list(multiaddrText, MAX_ADDRESSES),
})

const removeMember: Schema<RemoveMember> = struct<RemoveMember>({
  type: literal('remove-member'),
  peerId,
  approvals,
})

export const membershipSchemas: {
  readonly [K in MembershipTransaction['type']]: Schema<Extract<MembershipTransaction, { readonly type: K }>>
} = {
  join,
  arrive: struct<Arrive>({ type: literal('arrive') }),
  leave: struct<Leave>({ type: literal('leave') }),
  'remove-member': removeMember,
}

export const inviteTokenCodec: Codec<InviteToken> = codec(
  'invite-token',
  160 * 1024,
  struct<InviteToken>({
    genesis: genesisCodec,
    peers: list(multiaddrText, MAX_BOOTSTRAP),
    apis: list(textUpTo(256), MAX_BOOTSTRAP),
    invite: signedSchema(invite),
    secret: fixedBytes(32),
  }),
)

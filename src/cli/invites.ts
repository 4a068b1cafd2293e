import { existsSync, writeFileSync } from 'node:fs'
import { connect, type MembershipDecision } from '../api/index.ts'
import {
  fromBase64Url,
  isOstrakaError,
  OstrakaError,
  type PeerId,
  peerIdOf,
  type Rng,
  Secret,
  toBase64Url,
  utf8,
} from '../base/index.ts'
import { checkFounders, networkIdOf, proveSealingKey } from '../control/index.ts'
import { cryptoReady, SigningKey, signValue } from '../crypto/index.ts'
import { isReadable, readText } from '../files/index.ts'
import {
  type Acceptance,
  type Approval,
  type AuditReset,
  type Genesis,
  type Invite,
  type InviteToken,
  inviteTokenCodec,
  type Location,
  MAX_BOOTSTRAP,
  type Member,
  type SignedTransaction,
  type SigningType,
  type Transaction,
  transactionCodec,
} from '../wire/index.ts'
import { networkIdText, readDraft, writeGenesis } from './genesis-file.ts'
import { type NodeSecrets, nodeFiles } from './node-directory.ts'

/** Marks the text for people; the rest is base64url of the token's canonical bytes. */
const PREFIX = 'ostraka-invite-'

export interface InviteRequest {
  readonly operator: SigningKey
  readonly genesis: Genesis
  /** Multiaddrs of members, with /p2p/ ids. */
  readonly peers: readonly string[]
  readonly apis: readonly string[]
  readonly expiresMs: number
  readonly peerId?: PeerId
  readonly region?: string
}

/** A single-use invite as text. Errors: `unauthorized` for a key that is no operator's, `malformed`. */
export function makeInvite(request: InviteRequest, rng: Rng): string {
  const { operator, genesis, peers, apis, expiresMs, peerId, region } = request
  if (!genesis.operators.some(other => Buffer.from(other).equals(operator.publicKey))) {
    throw new OstrakaError('unauthorized', 'that key is no operator’s of this network')
  }
  const secret = rng.bytes(32)
  const invite: Invite = {
    nonce: rng.bytes(16),
    key: new SigningKey(new Secret(secret)).publicKey,
    expiresMs,
    ...(peerId === undefined ? {} : { peerId }),
    ...(region === undefined ? {} : { region }),
  }
  const token: InviteToken = {
    genesis,
    peers: peers.slice(0, MAX_BOOTSTRAP),
    apis: apis.slice(0, MAX_BOOTSTRAP),
    invite: signValue(operator, 'invite', networkIdOf(genesis), invite),
    secret,
  }
  const bytes = inviteTokenCodec.encode(token)
  inviteTokenCodec.decode(bytes)
  return PREFIX + toBase64Url(bytes)
}

/** Whether that is a token itself, which should not stand where others can read it. */
export function isInviteText(text: string): boolean {
  return text.startsWith(PREFIX)
}

/** Reads a token, the file that holds one, or standard input for `-`. Errors: `malformed`, `too_large`, `unproven`. */
export async function readInvite(textOrFile: string): Promise<InviteToken> {
  const isFile = !isInviteText(textOrFile) && isReadable(textOrFile)
  const text = (isFile ? readText(textOrFile) : textOrFile).trim()
  if (!text.startsWith(PREFIX)) {
    throw new OstrakaError('malformed', 'not an invite, nor a file with one')
  }
  const token = inviteTokenCodec.decode(fromBase64Url(text.slice(PREFIX.length), 'the invite'))
  await cryptoReady
  checkFounders(token.genesis)
  return token
}

/** Signs in the network of that genesis, checked as receivers will. Errors: `malformed`, `too_large`. */
export function signIn(genesis: Genesis, key: SigningKey, value: Transaction): SignedTransaction {
  const signed = signValue(key, 'transaction', networkIdOf(genesis), value)
  transactionCodec.decode(transactionCodec.encode(signed))
  return signed
}

/** What further operators add to a transaction that the first of them signs: each its signature over `value`. */
export function approvalsBy(
  genesis: Genesis,
  operators: readonly SigningKey[],
  type: SigningType,
  value: object,
): readonly Approval[] {
  return operators.map(operator => {
    const { signer, signature } = signValue(operator, type, networkIdOf(genesis), value)
    return { signer, signature }
  })
}

/** The removal of a member, approved by all the given operators. */
export function signRemoval(
  genesis: Genesis,
  operators: readonly [SigningKey, ...SigningKey[]],
  peerId: PeerId,
): SignedTransaction {
  const [first, ...others] = operators
  const approvals = approvalsBy(genesis, others, 'removal', { peerId })
  return signIn(genesis, first, { type: 'remove-member', peerId, approvals })
}

/** The write-off of a node's audit log, approved by all the given operators; `generation` is that of its next log. */
export function signAuditReset(
  genesis: Genesis,
  operators: readonly [SigningKey, ...SigningKey[]],
  reset: AuditReset,
): SignedTransaction {
  const [first, ...others] = operators
  const approvals = approvalsBy(genesis, others, 'audit-reset', reset)
  return signIn(genesis, first, { type: 'reset-audit', ...reset, approvals })
}

/**
 * Writes into a node's directory what it needs to find the network. Errors: `conflict` when it belongs to another one.
 */
export function prepareJoin(dir: string, { genesis, peers }: InviteToken): void {
  const files = nodeFiles(dir)
  if (
    existsSync(files.genesis) &&
    networkIdText(readDraft(files.genesis).document) !== networkIdText(genesis)
  ) {
    throw new OstrakaError('conflict', `${dir} belongs to another network`)
  }
  writeGenesis(files.genesis, genesis)
  writeFileSync(files.peers, utf8(`${JSON.stringify(peers, null, 2)}\n`))
}

/**
 * What the network would refuse a join for, found out before anything is made for it. Errors: `forbidden` (the invite is for
 * another region), `expired`.
 */
export function requireFitting({ invite: { value } }: InviteToken, region: string, nowMs: number): void {
  if (value.region !== undefined && value.region !== region) {
    const text = `the invite is for region ${value.region}, not ${region}: leave --region out, or ask for another invite`
    throw new OstrakaError('forbidden', text, { region: value.region })
  }
  if (value.expiresMs <= nowMs) {
    throw new OstrakaError('expired', 'the invite has expired: ask an operator for another', {
      expiresMs: value.expiresMs,
    })
  }
}

/** The transaction that asks to be admitted. */
export function joinTransaction(
  { genesis, invite, secret }: InviteToken,
  { identity, sealingKeys }: Pick<NodeSecrets, 'identity' | 'sealingKeys'>,
  location: Location,
  addresses: readonly string[],
  rng: Rng,
): SignedTransaction {
  const peerId = peerIdOf(identity.publicKey)
  const networkId = networkIdOf(genesis)
  const member: Member = { peerId, sealingKey: sealingKeys.publicKey.bytes, location }
  const possession = proveSealingKey({ networkId, peerId, revision: 0 }, sealingKeys, rng)
  const accepted: Acceptance = { invite: invite.value.nonce, peerId }
  const key = new SigningKey(new Secret(secret))
  const { signature: acceptance } = signValue(key, 'join', networkId, accepted)
  return signIn(genesis, identity, { type: 'join', invite, acceptance, member, possession, addresses })
}

/** Hands a join to the first member that answers; a refusal is final. Errors: `unreachable`, or the network's refusal. */
export async function submitJoin(
  apis: readonly string[],
  join: SignedTransaction,
): Promise<MembershipDecision> {
  let last = new OstrakaError('unreachable', 'the invite names no HTTP interface: give --api')
  for (const api of apis) {
    const client = connect({ api })
    try {
      return await client.admit(join)
    } catch (error) {
      if (!isOstrakaError(error) || !CAN_BE_ELSEWHERE.has(error.code)) throw error
      last = error
    } finally {
      client.close()
    }
  }
  throw last
}

/** What one member's trouble may be, and not the next one's. */
const CAN_BE_ELSEWHERE: ReadonlySet<string> = new Set([
  'unreachable',
  'deadline_exceeded',
  'not_ready',
  'no_quorum',
])

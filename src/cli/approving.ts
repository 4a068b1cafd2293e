import { randomBytes } from 'node:crypto'
import { type ApprovalsJson, type Client, type ProposalJson, readPrincipal } from '../api/index.ts'
import { fromBase64, fromHex, OstrakaError, toHex } from '../base/index.ts'
import { networkIdOf } from '../control/index.ts'
import { type SigningKey, signValue } from '../crypto/index.ts'
import {
  type Act,
  type Consent,
  DEFAULT_QUOTA,
  type Genesis,
  type Quota,
  type SignedTransaction,
} from '../wire/index.ts'
import { policyOf } from './attestation.ts'
import { withClient } from './connection.ts'
import { signIn } from './invites.ts'
import { type DecisionOptions, operatorFiles } from './operators.ts'
import { print } from './output.ts'

/** Fewer digits than this of an id are a guess. */
const MIN_PREFIX = 8

/** The one proposal whose id begins like this. Errors: `malformed` (too short), `not_found`, `conflict` (several). */
export function proposalNamed({ proposals }: ApprovalsJson, prefix: string): ProposalJson {
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < MIN_PREFIX) {
    throw new OstrakaError('malformed', `a proposal is named by at least ${MIN_PREFIX} hexadecimal digits`)
  }
  const [found, ...others] = proposals.filter(({ id }) => id.startsWith(prefix))
  if (found === undefined) throw new OstrakaError('not_found', 'no such proposal', { proposal: prefix })
  if (others.length > 0) throw new OstrakaError('conflict', 'several proposals begin like this')
  return found
}

/**
 * An operator's approval of what the daemon has shown, all of it: when the daemon lied about anything, the signature is of
 * something that nobody has proposed, and void.
 */
export function signApproval(
  genesis: Genesis,
  operator: SigningKey,
  proposal: ProposalJson,
): SignedTransaction {
  const id = fromHex(proposal.id)
  const consent: Consent = {
    proposal: id,
    proposer: fromBase64(proposal.proposer, 'proposer'),
    act: actOf(proposal.act),
    reason: proposal.reason,
    expiresMs: proposal.expiresMs,
  }
  const { signature } = signValue(operator, 'approval', networkIdOf(genesis), consent)
  return signIn(genesis, operator, { type: 'approve', proposal: id, signature })
}

function actOf(act: ProposalJson['act']): Act {
  switch (act.type) {
    case 'export-key':
      return { ...act, keyId: fromHex(act.keyId), recipient: fromBase64(act.recipient, 'recipient') }
    case 'destroy-version':
      return { ...act, keyId: fromHex(act.keyId) }
    case 'set-attestation':
      return { ...act, policy: policyOf(act.policy) }
    case 'remove-member':
    case 'reset-audit':
      return act
  }
}

/**
 * Puts an act before the operators, in the name of the one whose file is given, and prints the proposal. Errors:
 * `malformed` for several files, `not_found` without any, and what the network refuses the proposal with.
 */
export async function proposeAct(
  options: DecisionOptions,
  actOf: (client: Client) => Act | Promise<Act>,
): Promise<void> {
  const { operatorFile = [], propose: reason = '', ttl } = options
  const [file, ...others] = operatorFiles(operatorFile)
  if (others.length > 0) {
    throw new OstrakaError('malformed', 'one operator proposes; the others approve, each with approve sign')
  }
  const operator = readPrincipal(file)
  const proposal = await withClient(options, async client => {
    const { genesis } = await client.genesis()
    const nonce = new Uint8Array(randomBytes(16))
    const act = await actOf(client)
    const expiresMs = Date.now() + ttl
    return client.stepApproval(signIn(genesis, operator, { type: 'propose', nonce, act, reason, expiresMs }))
  })
  print(proposal, options.json, ({ id, needed }) => [`proposed: ${id} (0 of ${needed} approvals)`])
}

/** Gives a principal the right to create keys, or takes it. */
export async function signGrant(
  client: Client,
  operator: SigningKey,
  principal: Uint8Array,
  isAllowed: boolean,
  change: Partial<Quota> | undefined,
): Promise<SignedTransaction> {
  const { genesis } = await client.genesis()
  const known = (await client.creators()).find(
    each => toHex(fromBase64(each.principal, 'principal')) === toHex(principal),
  )
  const revision = known?.revision ?? 0
  const quota = change && { quota: { ...DEFAULT_QUOTA, ...genesis.quota, ...change } }
  return signIn(genesis, operator, { type: 'grant-create', principal, revision, isAllowed, ...quota })
}

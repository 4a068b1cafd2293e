import type { ApprovalsJson, Client, ProposalJson } from '../api/index.ts'
import { fromBase64, fromHex, OstrakaError, type PeerId, toHex } from '../base/index.ts'
import { networkIdOf } from '../control/index.ts'
import { type SigningKey, signValue } from '../crypto/index.ts'
import type { Act, Consent, Genesis, SignedTransaction, Transaction } from '../wire/index.ts'
import { signIn } from './invites.ts'

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
    proposer: fromBase64(proposal.proposer),
    act: actOf(proposal.act),
    reason: proposal.reason,
    expiresMs: proposal.expiresMs,
  }
  const { signature } = signValue(operator, 'approval', networkIdOf(genesis), consent)
  return signIn(genesis, operator, { type: 'approve', proposal: id, signature })
}

function actOf(act: ProposalJson['act']): Act {
  if (act.type === 'remove-member') return { type: act.type, peerId: act.peerId }
  const { type, name, version, keyId, recipient } = act
  return { type, name, version, keyId: fromHex(keyId), recipient: fromBase64(recipient) }
}

/** A removal that other operators are to approve one by one. */
export function proposeRemoval(
  genesis: Genesis,
  operator: SigningKey,
  peerId: PeerId,
  about: { readonly reason: string; readonly expiresMs: number; readonly nonce: Uint8Array },
): SignedTransaction {
  const value: Transaction = { type: 'propose', act: { type: 'remove-member', peerId }, ...about }
  return signIn(genesis, operator, value)
}

/** Gives a principal the right to create keys, or takes it. */
export async function signGrant(
  client: Client,
  operator: SigningKey,
  principal: Uint8Array,
  isAllowed: boolean,
): Promise<SignedTransaction> {
  const { genesis } = await client.genesis()
  const known = (await client.creators()).find(each => toHex(fromBase64(each.principal)) === toHex(principal))
  const revision = known?.revision ?? 0
  return signIn(genesis, operator, { type: 'grant-create', principal, revision, isAllowed })
}

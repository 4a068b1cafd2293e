import {
  equalBytes,
  fromBase64,
  fromHex,
  OstrakaError,
  requireComing,
  toBase64,
  toHex,
} from '../base/index.ts'
import { proposalIdOf } from '../control/index.ts'
import { verifySigned } from '../crypto/index.ts'
import {
  type ApprovalTransaction,
  exportedSharesCodec,
  type KeyKind,
  type Propose,
  type SignedTransaction,
  transactionCodec,
} from '../wire/index.ts'
import type { ExportJson } from './json.ts'
import { next, pageQuery, slicePage } from './pages.ts'
import type { ExportResult, NodePort, ProposalView } from './port.ts'
import { type Answer, type Call, type Context, keyNameOf, type Route, requirePrincipal } from './route.ts'
import { requireKey } from './routes-keys.ts'
import * as schema from './schemas.ts'
import { signTransaction } from './signing.ts'

/** How long a proposal waits for operators unless its proposer says otherwise. */
const DEFAULT_LIFE_MS = 3_600_000

/** A body that is no envelope carries the same signed bytes, or has the daemon sign for the token's principal. */
const stepBody = {
  anyOf: [
    schema.object({
      transaction: { ...schema.bytes, description: 'Canonical CBOR of the signed transaction.' },
    }),
    schema.object({ withdraw: schema.proposalId }),
  ],
}

function proposalOf(value: ApprovalTransaction, transactionId: Uint8Array): string {
  return toHex(value.type === 'propose' ? proposalIdOf(transactionId) : value.proposal)
}

function requireProposal(port: NodePort, id: string): ProposalView {
  const proposal = port.approvals().proposals.find(each => each.id === id)
  if (proposal === undefined) throw new OstrakaError('not_found', 'no such proposal', { proposal: id })
  return proposal
}

const listApprovals: Route = {
  method: 'GET',
  path: '/api/v1/approvals',
  id: 'listApprovals',
  summary:
    'The acts that were put before the operators: what waits, and what became of the others, in pages.',
  query: pageQuery,
  answers: {
    200: {
      description: 'Oldest first, those after the one whose id is `after`; those that are over for a month.',
      schema: schema.approvals(next),
    },
  },
  errors: ['not_found'],
  handle({ port }, call) {
    const view = port.approvals()
    const page = slicePage(view.proposals, ({ id }) => id, call)
    return { status: 200, body: { ...view, proposals: page.items, ...page.next } }
  },
}

const takeStep: Route = {
  method: 'POST',
  path: '/api/v1/approvals',
  id: 'stepApproval',
  summary:
    'Hands in one step of an exceptional act: a signed `propose`, `approve` or `withdraw` transaction.',
  description:
    'With a bearer token, `{ withdraw }` takes back a proposal of the token’s principal. A key’s export is proposed, and ' +
    'used once it is approved, at /api/v1/keys/{name}/export.',
  body: stepBody,
  envelope: 'transaction',
  access: 'signed-body',
  answers: { 200: { description: 'The proposal after it.', schema: schema.proposal } },
  errors: [
    ...(['bad_signature', 'unauthorized', 'forbidden', 'not_found', 'conflict', 'expired'] as const),
    ...(['overloaded', 'not_exportable', 'no_quorum'] as const),
  ],
  async handle({ port }, call): Promise<Answer> {
    const transaction = stepOf(port, call)
    const { transactionId } = await port.submit(transaction)
    return { status: 200, body: requireProposal(port, proposalOf(transaction.value, transactionId)) }
  },
}

function stepOf(port: NodePort, call: Call): SignedTransaction & { readonly value: ApprovalTransaction } {
  const body = call.body as { readonly transaction: string } | { readonly withdraw: string } | undefined
  if (body !== undefined && 'withdraw' in body) {
    const value = { type: 'withdraw', proposal: fromHex(body.withdraw) } as const
    return { ...signTransaction(requirePrincipal(call), port.networkId, value), value }
  }
  const transaction = transactionCodec.decode(call.envelope ?? fromBase64(body!.transaction, 'transaction'))
  const { value } = transaction
  if (value.type !== 'propose' && value.type !== 'approve' && value.type !== 'withdraw') {
    throw new OstrakaError('malformed', `a step of an approval belongs here, not ${value.type}`)
  }
  return { ...transaction, value }
}

const askFields = {
  recipient: {
    ...schema.bytes,
    description: 'A fresh ristretto255 public key of the requester’s, used once.',
  },
  reason: { type: 'string', minLength: 1, maxLength: 256, description: 'For the operators.' },
  version: schema.keyVersion,
  expiresMs: {
    ...schema.comingMs,
    description:
      'In milliseconds since the Unix epoch: an hour from now unless given; a day from now at most.',
  },
}

interface AskJson {
  readonly recipient: string
  readonly reason: string
  readonly version?: number
  readonly expiresMs?: number
}

const exportKey: Route = {
  method: 'POST',
  path: '/api/v1/keys/{name}/export',
  id: 'exportKey',
  summary: 'Gives an exportable key away, in two steps with the operators’ approvals between.',
  description:
    'First `{ recipient, reason }` (or a signed `propose`): 202 with the proposal. Once it is `approved`, `{ proposal }` ' +
    '(or a signed `use-approval`): 200 with every holder’s shares, each sealed to `recipient`, for as long as a ceremony ' +
    'may take; then the shares are refreshed. The client opens, checks and joins them; no daemon sees the secret. ' +
    'Whoever does this has the key: every node logs, audits and announces each step.',
  body: {
    anyOf: [
      schema.object(askFields, ['version', 'expiresMs']),
      schema.object({ proposal: schema.proposalId }),
    ],
  },
  envelope: 'transaction',
  answers: {
    200: { description: 'The sealed shares.', schema: schema.exported },
    202: { description: 'The proposal, which waits for the operators.', schema: schema.proposal },
  },
  errors: [
    ...(['unknown_key', 'unknown_version', 'not_exportable', 'forbidden', 'not_found', 'conflict'] as const),
    ...(['expired', 'overloaded', 'insufficient_shares', 'no_quorum'] as const),
  ],
  async handle(context, call): Promise<Answer> {
    const { port, clock } = context
    const name = keyNameOf(call)
    requireKey(port, name)
    const transaction = exportStep(context, call, name, clock.nowMs())
    const { value } = transaction
    if (value.type === 'propose') {
      const { transactionId } = await port.submit(transaction)
      return { status: 202, body: requireProposal(port, proposalOf(transaction.value, transactionId)) }
    }
    return { status: 200, body: await collect(port, transaction, value.proposal) }
  },
}

type ExportStep = SignedTransaction & {
  readonly value: Extract<ApprovalTransaction, { readonly type: 'propose' | 'use-approval' }>
}

function exportStep(context: Context, call: Call, name: string, nowMs: number): ExportStep {
  const { port } = context
  if (call.envelope === undefined) {
    const value = wishOf(context, call.body as AskJson | { readonly proposal: string }, name, nowMs)
    return { ...signTransaction(requirePrincipal(call), port.networkId, value), value }
  }
  const transaction = transactionCodec.decode(call.envelope)
  const { value } = transaction
  const isOfKey =
    value.type === 'propose'
      ? value.act.type === 'export-key' && value.act.name === name
      : value.type === 'use-approval' && isExportOf(requireProposal(port, toHex(value.proposal)), name)
  if (isOfKey) return transaction as ExportStep
  throw new OstrakaError('malformed', `a proposal to export ${name}, or its use, belongs here`)
}

function isExportOf({ act }: ProposalView, name: string): boolean {
  return act.type === 'export-key' && act.name === name
}

function wishOf(
  { port, rng }: Context,
  body: AskJson | { readonly proposal: string },
  name: string,
  nowMs: number,
): ExportStep['value'] {
  if ('proposal' in body) {
    if (!isExportOf(requireProposal(port, body.proposal), name)) {
      throw new OstrakaError('malformed', `this proposal is not about exporting ${name}`)
    }
    return { type: 'use-approval', proposal: fromHex(body.proposal) }
  }
  const { keyId, version: active } = requireKey(port, name)
  const { recipient, reason, version = 0, expiresMs = nowMs + DEFAULT_LIFE_MS } = body
  requireComing(expiresMs, nowMs, 'expiresMs')
  const act: Propose['act'] = {
    ...{ type: 'export-key', name, keyId: fromHex(keyId) },
    ...{ version: version === 0 ? active : version, recipient: fromBase64(recipient, 'recipient') },
  }
  return { type: 'propose', nonce: rng.bytes(16), act, reason, expiresMs }
}

/** Uses the approval, unless it has been used and the answer was lost: then its proposer may ask again. */
async function collect(port: NodePort, use: SignedTransaction, proposal: Uint8Array): Promise<ExportJson> {
  const { state, proposer } = requireProposal(port, toHex(proposal))
  if (state === 'done') requireProposer(port, use, fromBase64(proposer, 'proposer'))
  else await port.submit(use)
  const result = await port.exportShares(proposal)
  const { id, act } = result.export
  return exportJson(result, requireKey(port, act.name).kind, requireProposal(port, toHex(id)))
}

/** Errors: `forbidden`, `bad_signature`. */
function requireProposer(port: NodePort, use: SignedTransaction, proposer: Uint8Array): void {
  if (!equalBytes(use.signer, proposer)) {
    throw new OstrakaError('forbidden', 'only its proposer withdraws or uses a proposal')
  }
  if (!verifySigned('transaction', port.networkId, use)) {
    throw new OstrakaError('bad_signature', 'the principal did not sign this request')
  }
}

/** The holders' answers, and all that it takes to check them. */
export function exportJson(
  { version, answers }: ExportResult,
  kind: KeyKind,
  proposal: ProposalView,
): ExportJson {
  return {
    proposal,
    kind,
    generation: version.generation,
    threshold: version.threshold,
    publicKey: toBase64(version.publicKey),
    commitments: version.commitments.map(toBase64),
    holders: version.slots.map(({ slot, peerId }) => ({ slot, peerId })),
    answers: answers.map(answer => toBase64(exportedSharesCodec.encode(answer))),
  }
}

const destroyFields = {
  version: { ...schema.keyVersion, minimum: 1, description: 'A version that is pending-destruction.' },
  reason: askFields.reason,
  expiresMs: askFields.expiresMs,
}

const destroyNow: Route = {
  method: 'POST',
  path: '/api/v1/keys/{name}/destroy-now',
  id: 'destroyNow',
  summary: 'Asks the operators to destroy a version that waits for it without the rest of its waiting time.',
  body: schema.object(destroyFields, ['expiresMs']),
  envelope: 'transaction',
  answers: { 202: { description: 'The proposal, which waits for the operators.', schema: schema.proposal } },
  errors: [
    ...(['unknown_key', 'unknown_version', 'version_destroyed', 'forbidden', 'conflict'] as const),
    ...(['expired', 'overloaded', 'no_quorum'] as const),
  ],
  async handle(context, call): Promise<Answer> {
    const { port } = context
    const name = keyNameOf(call)
    requireKey(port, name)
    const transaction = destructionStep(context, call, name)
    const { transactionId } = await port.submit(transaction)
    return { status: 202, body: requireProposal(port, toHex(proposalIdOf(transactionId))) }
  },
}

function destructionStep({ port, rng, clock }: Context, call: Call, name: string): SignedTransaction {
  if (call.envelope !== undefined) {
    const transaction = transactionCodec.decode(call.envelope)
    const { value } = transaction
    if (value.type === 'propose' && value.act.type === 'destroy-version' && value.act.name === name)
      return transaction
    throw new OstrakaError('malformed', `a proposal to destroy a version of ${name} belongs here`)
  }
  const nowMs = clock.nowMs()
  const body = call.body as { version: number; reason: string; expiresMs?: number }
  const { version, reason, expiresMs = nowMs + DEFAULT_LIFE_MS } = body
  requireComing(expiresMs, nowMs, 'expiresMs')
  const act = {
    type: 'destroy-version',
    name,
    keyId: fromHex(requireKey(port, name).keyId),
    version,
  } as const
  const value: Propose = { type: 'propose', nonce: rng.bytes(16), act, reason, expiresMs }
  return signTransaction(requirePrincipal(call), port.networkId, value)
}

export const approvalRoutes: readonly Route[] = [listApprovals, takeStep, exportKey, destroyNow]

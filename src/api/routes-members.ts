import { fromBase64, OstrakaError, peerIdOf, toBase64, toHex } from '../base/index.ts'
import { genesisCodec, type SignedTransaction, transactionCodec } from '../wire/index.ts'
import { next, pageQuery, slicePage } from './pages.ts'
import type { MembershipView, NodePort } from './port.ts'
import type { Answer, Call, Context, JsonSchema, Route } from './route.ts'
import { transactionOf } from './routes-keys.ts'
import * as schema from './schemas.ts'

/** A body that is no envelope carries the same signed bytes. */
export const signedBody: JsonSchema = schema.object({
  transaction: { ...schema.bytes, description: 'Canonical CBOR of the signed transaction.' },
})

export function envelopeOf(call: Call): Uint8Array {
  return (
    call.envelope ?? fromBase64((call.body as { readonly transaction: string }).transaction, 'transaction')
  )
}

function requireMember(port: NodePort, peerId: string): MembershipView {
  const member = port.members().find(other => other.peerId === peerId)
  if (member === undefined) throw new OstrakaError('not_found', 'no such member', { peerId })
  return member
}

async function decided({ port }: Context, transaction: SignedTransaction, peerId: string): Promise<unknown> {
  const { height } = await port.submit(transaction)
  return { height, member: requireMember(port, peerId) }
}

const listMembers: Route = {
  method: 'GET',
  path: '/api/v1/members',
  id: 'listMembers',
  summary: 'Every member that there is or was, as the control log has it, in pages.',
  query: pageQuery,
  answers: {
    200: {
      description: 'The members after the one whose peer id is `after`.',
      schema: schema.object({ members: schema.listOf(schema.member), next }, ['next']),
    },
  },
  errors: ['not_found'],
  handle({ port }, call) {
    const page = slicePage(port.members(), member => member.peerId, call)
    return { status: 200, body: { members: page.items, ...page.next } }
  },
}

const showGenesis: Route = {
  method: 'GET',
  path: '/api/v1/genesis',
  id: 'genesis',
  summary: 'The document that the network began with, and where this node listens: what an invite carries.',
  answers: {
    200: {
      description:
        'Its canonical CBOR. The network’s id is the SHA-256 of that without the founders’ proofs of possession.',
      schema: schema.object({
        networkId: schema.text,
        genesis: schema.bytes,
        addresses: schema.listOf(schema.text),
      }),
    },
  },
  errors: [],
  handle({ port, addresses }) {
    const genesis = toBase64(genesisCodec.encode(port.genesis))
    return { status: 200, body: { networkId: toHex(port.networkId), genesis, addresses: addresses() } }
  },
}

const admit: Route = {
  method: 'POST',
  path: '/api/v1/members',
  id: 'admitMember',
  summary:
    'Admits a node by the invite inside its signed `join` transaction; that invite is all the authority needed.',
  body: signedBody,
  envelope: 'transaction',
  access: 'signed-body',
  answers: { 201: { description: 'The block that admitted it.', schema: schema.decision } },
  errors: ['bad_signature', 'expired', 'replayed', 'forbidden', 'conflict', 'no_quorum'],
  async handle(context, call): Promise<Answer> {
    const transaction = transactionOf(envelopeOf(call), 'join')
    return { status: 201, body: await decided(context, transaction, transaction.value.member.peerId) }
  },
}

/** A `leave` by the node itself, or a `remove-member` by an operator. */
function departureOf(call: Call): SignedTransaction {
  const transaction = transactionCodec.decode(envelopeOf(call))
  const { value, signer } = transaction
  const { type } = value
  if (type !== 'leave' && type !== 'remove-member') {
    throw new OstrakaError('malformed', `a leave or remove-member transaction belongs here, not ${type}`)
  }
  const peerId = type === 'leave' ? peerIdOf(signer) : value.peerId
  if (peerId !== call.params.peerId) {
    throw new OstrakaError('malformed', 'the transaction is about another node', { peerId })
  }
  return transaction
}

const remove: Route = {
  method: 'DELETE',
  path: '/api/v1/members/{peerId}',
  id: 'removeMember',
  summary: 'Takes a node out for good: by an operator’s signed `remove-member`, or its own signed `leave`.',
  body: signedBody,
  envelope: 'transaction',
  access: 'signed-body',
  answers: { 200: { description: 'The block that removed it.', schema: schema.decision } },
  errors: ['bad_signature', 'forbidden', 'not_found', 'conflict', 'not_enough_nodes', 'no_quorum'],
  async handle(context, call): Promise<Answer> {
    return { status: 200, body: await decided(context, departureOf(call), call.params.peerId!) }
  },
}

export const memberRoutes: readonly Route[] = [listMembers, showGenesis, admit, remove]

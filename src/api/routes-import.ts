import { fromBase64, listFromBase64, OstrakaError, toHex } from '../base/index.ts'
import { shareTreeRoot } from '../keys/index.ts'
import {
  type Deal,
  type DleqProof,
  type SealedDealing,
  type Signed,
  type SignedTransaction,
  sealedDealingCodec,
} from '../wire/index.ts'
import { keyJson, planJson } from './json.ts'
import type { NodePort } from './port.ts'
import { type Answer, type Call, type Context, keyNameOf, type Route, requirePrincipal } from './route.ts'
import {
  createKeyOf,
  type NewKeyJson,
  newKeyBody,
  requireKey,
  requireSameName,
  transactionOf,
} from './routes-keys.ts'
import * as schema from './schemas.ts'
import { signDealing, signTransaction } from './signing.ts'

interface ProofJson {
  readonly challenge: string
  readonly response: string
}

/** What a bearer of a token deals: its daemon signs it, and can open none of it. */
export interface DealingJson {
  readonly ceremony: string
  readonly commitments: readonly string[]
  readonly possession: ProofJson
  readonly encapsulation: { readonly enc: string; readonly proof: ProofJson }
  readonly shares: readonly { readonly slot: number; readonly sealed: string }[]
}

/** The same, signed by the importing principal: canonical bytes of the deal transaction and of its record. */
export interface SignedDealingJson {
  readonly transaction: string
  readonly record: string
}

const dealing = schema.object({
  ceremony: schema.bytes,
  commitments: schema.listOf(schema.bytes, { minItems: 1, maxItems: 64 }),
  possession: schema.possession,
  encapsulation: schema.encapsulation,
  shares: schema.listOf(schema.sealedShare, { minItems: 1, maxItems: 64 }),
})
const signedDealing = schema.object({ transaction: schema.bytes, record: schema.bytes })

interface Dealt {
  readonly deal: SignedTransaction
  readonly record: Uint8Array
}

const importKey: Route = {
  method: 'POST',
  path: '/api/v1/keys/{name}/import',
  id: 'importKey',
  summary:
    'Imports a key in two steps: opens the ceremony, then takes the sealed shares that the client dealt.',
  description:
    'First `{ kind, threshold, shares }` (or a signed create-key transaction of origin `import`): 202 with the plan, ' +
    'to whom to deal. Then `{ dealing }`: 201 when active. The client deals the shares itself and seals each to its ' +
    'holder; no daemon sees the secret. Whoever made an imported key has seen it whole: that is not undone.',
  body: {
    anyOf: [newKeyBody, schema.object({ dealing: { anyOf: [dealing, signedDealing] } })],
  },
  envelope: 'transaction',
  answers: {
    201: { description: 'The active key.', schema: schema.key },
    202: { description: 'The plan to deal by.', schema: schema.plan },
  },
  errors: [
    'unknown_key',
    'forbidden',
    'name_taken',
    'conflict',
    'bad_dealing',
    'ceremony_aborted',
    'no_quorum',
  ],
  handle(context, call) {
    const body = call.body as NewKeyJson | { readonly dealing: DealingJson | SignedDealingJson } | undefined
    if (body !== undefined && 'dealing' in body) return takeDealing(context, call, body.dealing)
    return openCeremony(context, call, body)
  },
}

async function openCeremony(context: Context, call: Call, body: NewKeyJson | undefined): Promise<Answer> {
  const { port } = context
  const name = keyNameOf(call)
  let transaction: SignedTransaction
  if (call.envelope === undefined) {
    const value = createKeyOf(context, name, body!, 'import')
    transaction = signTransaction(requirePrincipal(call), port.networkId, value)
  } else {
    const signed = transactionOf(call.envelope, 'create-key')
    requireSameName(signed.value.name, name)
    if (signed.value.origin !== 'import') throw new OstrakaError('malformed', 'the origin is not import')
    transaction = signed
  }
  await port.submit(transaction)
  return { status: 202, body: planJson(await port.importPlan(name), transaction.signer) }
}

async function takeDealing(
  { port }: Context,
  call: Call,
  body: DealingJson | SignedDealingJson,
): Promise<Answer> {
  const name = keyNameOf(call)
  requireKey(port, name)
  const { deal, record } = 'record' in body ? signedPair(body) : await signedHere(port, call, name, body)
  await port.putRecord(record)
  await port.submit(deal)
  const key = await port.ceremonyEnd(name)
  return { status: 201, body: keyJson(key), headers: { location: `/api/v1/keys/${key.name}` } }
}

/** The principal signed both halves itself, which is all the authority that is needed. */
function signedPair(body: SignedDealingJson): Dealt {
  const deal = transactionOf(fromBase64(body.transaction, 'transaction'), 'deal')
  const record = fromBase64(body.record, 'record')
  requireRoot(deal.value, sealedDealingCodec.decode(record).value)
  return { deal, record }
}

async function signedHere(port: NodePort, call: Call, name: string, body: DealingJson): Promise<Dealt> {
  const principal = requirePrincipal(call)
  const plan = await port.importPlan(name)
  const ceremony = fromBase64(body.ceremony, 'ceremony')
  if (toHex(ceremony) !== toHex(plan.ceremony)) {
    throw new OstrakaError('conflict', 'the dealing belongs to another ceremony than the open one', {
      ceremony: toHex(plan.ceremony),
    })
  }
  const sealed: Signed<SealedDealing> = signDealing(principal, port.networkId, {
    ceremony,
    keyId: plan.keyId,
    version: plan.version,
    fromSlot: 0,
    shares: body.shares.map(({ slot, sealed }, index) => ({
      slot,
      sealed: fromBase64(sealed, `shares[${index}].sealed`),
    })),
  })
  const record = sealedDealingCodec.encode(sealed)
  const value: Deal = {
    type: 'deal',
    ceremony,
    fromSlot: 0,
    commitments: listFromBase64(body.commitments, 'commitments'),
    possession: proofOf(body.possession, 'possession'),
    encapsulation: {
      enc: fromBase64(body.encapsulation.enc, 'encapsulation.enc'),
      proof: proofOf(body.encapsulation.proof, 'encapsulation.proof'),
    },
    root: shareTreeRoot(sealed.value.shares),
  }
  return { deal: signTransaction(principal, port.networkId, value), record }
}

function proofOf({ challenge, response }: ProofJson, field: string): DleqProof {
  return {
    challenge: fromBase64(challenge, `${field}.challenge`),
    response: fromBase64(response, `${field}.response`),
  }
}

function requireRoot(deal: Deal, { shares }: SealedDealing): void {
  if (toHex(deal.root) === toHex(shareTreeRoot(shares))) return
  throw new OstrakaError('bad_dealing', 'the transaction pins another record')
}

export const importRoutes: readonly Route[] = [importKey]

import { fromBase64, OstrakaError } from '../base/index.ts'
import { requireRulesComing } from '../keys/index.ts'
import {
  type CreateKey,
  type KeyKind,
  type PolicyRule,
  policyRules,
  type SetPolicy,
  type SignedTransaction,
  type Transaction,
  transactionCodec,
} from '../wire/index.ts'
import { keyJson, policyJson, type RuleJson } from './json.ts'
import { next, pageOf, pageQuery } from './pages.ts'
import type { KeyView, NodePort } from './port.ts'
import { type Call, type Context, keyNameOf, type Route, requirePrincipal } from './route.ts'
import * as schema from './schemas.ts'
import { signTransaction } from './signing.ts'

const newKeyFields = {
  kind: schema.kind,
  threshold: schema.slotCount,
  shares: schema.slotCount,
  policy: schema.object({ rules: schema.rules, public: schema.isPublic }, ['public']),
  exportable: schema.flag,
  entropy: { type: 'number', minimum: 0, maximum: 1 },
}
const OPTIONAL = ['policy', 'exportable', 'entropy']

/** The body of a key's creation or import, beside its name. */
export const newKeyBody: ReturnType<typeof schema.object> = schema.object(newKeyFields, OPTIONAL)

export interface NewKeyJson {
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly policy?: { readonly rules: readonly RuleJson[]; readonly public?: boolean }
  readonly exportable?: boolean
  readonly entropy?: number
}

/** The control transaction that a JSON body asks for. Errors: `malformed`. */
export function createKeyOf(
  { rng, clock }: Context,
  name: string,
  body: NewKeyJson,
  origin: CreateKey['origin'],
): CreateKey {
  if (body.threshold > body.shares) throw new OstrakaError('malformed', 'threshold is above shares')
  return {
    type: 'create-key',
    nonce: rng.bytes(16),
    name,
    kind: body.kind,
    threshold: body.threshold,
    shares: body.shares,
    rules: rulesOf(body.policy?.rules ?? [], clock.nowMs(), []),
    isPublic: body.policy?.public ?? false,
    isExportable: body.exportable ?? false,
    entropy: body.entropy ?? 0,
    origin,
  }
}

/** `before`: the rules that these replace, which may have ended. */
function rulesOf(
  rules: readonly RuleJson[],
  nowMs: number,
  before: readonly PolicyRule[],
): readonly PolicyRule[] {
  const decoded = rules.map((rule, index) => ({
    ...rule,
    principal: fromBase64(rule.principal, `rules[${index}].principal`),
  }))
  const checked = policyRules.check(decoded, 'rules')
  requireRulesComing(checked, nowMs, before)
  return checked
}

/** The transaction in a signed request, if it is of that type. Errors: `malformed`. */
export function transactionOf<T extends Transaction['type']>(
  envelope: Uint8Array,
  type: T,
): SignedTransaction & { readonly value: Extract<Transaction, { readonly type: T }> } {
  const transaction = transactionCodec.decode(envelope)
  if (transaction.value.type !== type) {
    throw new OstrakaError('malformed', `a ${type} transaction belongs here, not ${transaction.value.type}`)
  }
  return transaction as SignedTransaction & { readonly value: Extract<Transaction, { readonly type: T }> }
}

/** Errors: `unknown_key`. */
export function requireKey(port: NodePort, name: string): KeyView {
  const key = port.key(name)
  if (key === undefined) throw new OstrakaError('unknown_key', `no key is named ${name}`, { name })
  return key
}

const listKeys: Route = {
  method: 'GET',
  path: '/api/v1/keys',
  id: 'listKeys',
  summary: 'The keys of the network, in pages.',
  query: { ...pageQuery, after: { ...pageQuery.after, ...schema.name } },
  answers: {
    200: {
      description: 'The keys after the one named `after`, by name.',
      schema: schema.object({ keys: schema.listOf(schema.key), next }, ['next']),
    },
  },
  errors: [],
  handle({ port }, call) {
    const { after, limit } = pageOf(call)
    const keys = port.keys(after, limit + 1)
    const page = keys.slice(0, limit)
    const rest = keys.length > limit ? { next: page.at(-1)!.name } : {}
    return { status: 200, body: { keys: page.map(keyJson), ...rest } }
  },
}

const createKey: Route = {
  method: 'POST',
  path: '/api/v1/keys',
  id: 'createKey',
  summary: 'Creates a key by distributed key generation; answers when its first version is active.',
  body: schema.object({ name: schema.name, ...newKeyFields }, OPTIONAL),
  envelope: 'transaction',
  answers: { 201: { description: 'The active key.', schema: schema.key } },
  errors: ['forbidden', 'name_taken', 'not_enough_nodes', 'ceremony_aborted', 'no_quorum'],
  async handle(context, call) {
    const transaction = createTransaction(context, call)
    await context.port.submit(transaction)
    const key = await context.port.ceremonyEnd(transaction.value.name)
    return { status: 201, body: keyJson(key), headers: { location: `/api/v1/keys/${key.name}` } }
  },
}

function createTransaction(
  context: Context,
  call: Call,
): SignedTransaction & { readonly value: Extract<Transaction, { readonly type: 'create-key' }> } {
  if (call.envelope !== undefined) {
    const transaction = transactionOf(call.envelope, 'create-key')
    if (transaction.value.origin === 'generate') return transaction
    throw new OstrakaError('malformed', 'an imported key is created at /api/v1/keys/{name}/import')
  }
  const principal = requirePrincipal(call)
  const { name, ...body } = call.body as NewKeyJson & { readonly name: string }
  const value = createKeyOf(context, name, body, 'generate')
  return { ...signTransaction(principal, context.port.networkId, value), value }
}

const showKey: Route = {
  method: 'GET',
  path: '/api/v1/keys/{name}',
  id: 'showKey',
  showsKey: true,
  summary: 'One key: public key, holders, policy, versions.',
  answers: { 200: { description: 'The key.', schema: schema.key } },
  errors: ['unknown_key'],
  handle: ({ port }, call) => ({ status: 200, body: keyJson(requireKey(port, keyNameOf(call))) }),
}

const showPolicy: Route = {
  method: 'GET',
  path: '/api/v1/keys/{name}/policy',
  id: 'showPolicy',
  summary: 'Who may do what with the key, beside its owner.',
  answers: { 200: { description: 'The policy.', schema: schema.policy } },
  errors: ['unknown_key'],
  handle: ({ port }, call) => ({ status: 200, body: policyJson(requireKey(port, keyNameOf(call))) }),
}

const setPolicy: Route = {
  method: 'PUT',
  path: '/api/v1/keys/{name}/policy',
  id: 'setPolicy',
  summary: 'Replaces the key’s policy; its owner alone may.',
  description:
    '`revision` is that of the policy that is replaced: two writers cannot undo each other unseen.',
  body: schema.policy,
  envelope: 'transaction',
  answers: { 200: { description: 'The new policy.', schema: schema.policy } },
  errors: ['unknown_key', 'forbidden', 'conflict', 'no_quorum'],
  async handle(context, call) {
    const { port } = context
    const name = keyNameOf(call)
    requireKey(port, name)
    await port.submit(policyTransaction(context, call, name))
    return { status: 200, body: policyJson(requireKey(port, name)) }
  },
}

function policyTransaction({ port, clock }: Context, call: Call, name: string): SignedTransaction {
  if (call.envelope !== undefined) {
    const transaction = transactionOf(call.envelope, 'set-policy')
    requireSameName(transaction.value.name, name)
    return transaction
  }
  const principal = requirePrincipal(call)
  const body = call.body as { revision: number; rules: readonly RuleJson[]; public?: boolean }
  const { revision, rules, public: isPublic = false } = body
  const after = rulesOf(rules, clock.nowMs(), requireKey(port, name).rules)
  const value: SetPolicy = { type: 'set-policy', name, revision, rules: after, isPublic }
  return signTransaction(principal, port.networkId, value)
}

/** Errors: `malformed` when a signed request names another key than its path. */
export function requireSameName(signed: string, path: string): void {
  if (signed === path) return
  throw new OstrakaError('malformed', `the signed request names ${signed}, its path ${path}`)
}

export const keyRoutes: readonly Route[] = [listKeys, createKey, showKey, showPolicy, setPolicy]

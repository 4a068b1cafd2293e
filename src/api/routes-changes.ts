import { type PeerId, requireComing } from '../base/index.ts'
import type { ChangeKey, RetireVersion, SignedTransaction } from '../wire/index.ts'
import { keyJson } from './json.ts'
import { type Answer, type Call, type Context, keyNameOf, type Route, requirePrincipal } from './route.ts'
import { requireKey, requireSameName, transactionOf } from './routes-keys.ts'
import * as schema from './schemas.ts'
import { signTransaction } from './signing.ts'

/** What a body may say of the shares that a change makes. */
export interface ChangeJson {
  readonly threshold?: number
  readonly shares?: number
  readonly holders?: readonly PeerId[]
}

const numbers = { threshold: schema.slotCount, shares: schema.slotCount }

function changeTransaction(
  { port, rng }: Context,
  call: Call,
  name: string,
  change: ChangeKey['change'],
): SignedTransaction {
  if (call.envelope !== undefined) {
    const transaction = transactionOf(call.envelope, 'change-key')
    requireSameName(transaction.value.name, name)
    return transaction
  }
  const { version, generation } = requireKey(port, name)
  const body = (call.body ?? {}) as ChangeJson
  const value: ChangeKey = {
    type: 'change-key',
    nonce: rng.bytes(16),
    name,
    change,
    version,
    generation,
    ...body,
  }
  return signTransaction(requirePrincipal(call), port.networkId, value)
}

/** Opens the ceremony and answers when it has ended: with the changed key, or with `ceremony_aborted`. */
async function changeKey(context: Context, call: Call, change: ChangeKey['change']): Promise<Answer> {
  const name = keyNameOf(call)
  requireKey(context.port, name)
  await context.port.submit(changeTransaction(context, call, name, change))
  return { status: 200, body: keyJson(await context.port.ceremonyEnd(name)) }
}

const CEREMONY_ERRORS = [
  'unknown_key',
  'forbidden',
  'conflict',
  'not_enough_nodes',
  'insufficient_shares',
  'ceremony_aborted',
  'no_quorum',
] as const

/** `POST /api/v1/keys/{name}/<verb>`, answered with the key as it then is. */
function changeRoute(
  verb: string,
  route: Pick<Route, 'id' | 'summary' | 'description' | 'body' | 'errors' | 'handle'>,
  description: string,
): Route {
  return {
    method: 'POST',
    path: `/api/v1/keys/{name}/${verb}`,
    envelope: 'transaction',
    answers: { 200: { description, schema: schema.key } },
    ...route,
  }
}

const rotate = changeRoute(
  'rotate',
  {
    id: 'rotateKey',
    summary: 'Makes a new secret, which is the key’s next version; the old version is archived.',
    body: schema.object(numbers, Object.keys(numbers)),
    errors: CEREMONY_ERRORS,
    handle: (context, call) => changeKey(context, call, 'rotate'),
  },
  'The key with its new version.',
)

const refresh = changeRoute(
  'refresh',
  {
    id: 'refreshKey',
    summary: 'Makes new shares of the same secret; the old ones are of no use afterwards.',
    body: schema.object({}, []),
    errors: CEREMONY_ERRORS,
    handle: (context, call) => changeKey(context, call, 'refresh'),
  },
  'The key with its next generation of shares.',
)

const reshare = changeRoute(
  'reshare',
  {
    id: 'reshareKey',
    summary: 'Shares the same secret anew: to another threshold, number of shares, or set of holders.',
    body: schema.object({ ...numbers, holders: schema.listOf({ type: 'string' }) }, ['holders']),
    errors: CEREMONY_ERRORS,
    handle: (context, call) => changeKey(context, call, 'reshare'),
  },
  'The key with its new holders.',
)

function retireTransaction(
  { port, clock }: Context,
  call: Call,
  name: string,
  change: RetireVersion['change'],
): SignedTransaction {
  if (call.envelope !== undefined) {
    const transaction = transactionOf(call.envelope, 'retire-version')
    requireSameName(transaction.value.name, name)
    return transaction
  }
  const body = call.body as { readonly version: number; readonly retainUntilMs?: number }
  const { retainUntilMs } = body
  if (retainUntilMs !== undefined) requireComing(retainUntilMs, clock.nowMs(), 'retainUntilMs')
  const known = requireKey(port, name).versions.find(each => each.version === body.version)
  const value: RetireVersion = {
    type: 'retire-version',
    name,
    revision: known?.revision ?? 0,
    change,
    ...body,
  }
  return signTransaction(requirePrincipal(call), port.networkId, value)
}

async function retire(context: Context, call: Call, change: RetireVersion['change']): Promise<Answer> {
  const name = keyNameOf(call)
  requireKey(context.port, name)
  await context.port.submit(retireTransaction(context, call, name, change))
  return { status: 200, body: keyJson(requireKey(context.port, name)) }
}

const RETIRING_ERRORS = [
  ...(['unknown_key', 'unknown_version', 'version_destroyed', 'forbidden', 'conflict', 'no_quorum'] as const),
]

const version = { type: 'integer', minimum: 1 } as const

const archive = changeRoute(
  'archive',
  {
    id: 'archiveVersion',
    summary: 'Takes a version out of service: it still decrypts and derives, until its retention ends.',
    description:
      'When its retention has ended it does nothing, but its shares are kept: archiving it again opens it again. Only ' +
      '`destroy` destroys.',
    body: schema.object({ version, retainUntilMs: schema.comingMs }, ['retainUntilMs']),
    errors: RETIRING_ERRORS,
    handle: (context, call) => retire(context, call, 'archive'),
  },
  'The key.',
)

const destroy = changeRoute(
  'destroy',
  {
    id: 'destroyVersion',
    summary: 'Destroys a version for good, once the network’s waiting time is over.',
    description:
      'At once nobody can use it: it is `pending-destruction`, and `cancel-destroy` keeps it. Then it is `destroyed`: its ' +
      'holders erase their shares, and no backup brings them back. The genesis says how long it waits.',
    body: schema.object({ version }, []),
    errors: RETIRING_ERRORS,
    handle: (context, call) => retire(context, call, 'destroy'),
  },
  'The key.',
)

const cancelDestroy = changeRoute(
  'cancel-destroy',
  {
    id: 'cancelDestroy',
    summary: 'Keeps a version that waits for its destruction: it is as it was before.',
    body: schema.object({ version }, []),
    errors: RETIRING_ERRORS,
    handle: (context, call) => retire(context, call, 'cancel-destroy'),
  },
  'The key.',
)

export const changeRoutes: readonly Route[] = [rotate, refresh, reshare, archive, destroy, cancelDestroy]

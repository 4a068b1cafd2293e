import { fromBase64, toBase64 } from '../base/index.ts'
import type { CreatorJson } from './json.ts'
import { next, pageQuery, slicePage } from './pages.ts'
import type { CreatorView, NodePort } from './port.ts'
import type { Answer, Route } from './route.ts'
import { transactionOf } from './routes-keys.ts'
import * as schema from './schemas.ts'

const creator = schema.object({
  principal: schema.bytes,
  isAllowed: schema.flag,
  revision: { ...schema.count, description: 'What the next grant or withdrawal must name.' },
  quota: schema.object({
    versions: { ...schema.count, description: 'Key versions that are not destroyed.' },
    ceremonies: { ...schema.count, description: 'Ceremonies that run at once.' },
    queued: { ...schema.count, description: 'Creations that wait for one of those to end.' },
    logBytesPerHour: { ...schema.count, description: 'Bytes of control log, ceremonies included.' },
  }),
  usage: schema.object({ versions: schema.count, queued: schema.count }),
})

function creatorJson({ principal, ...rest }: CreatorView): CreatorJson {
  return { principal: toBase64(principal), ...rest }
}

function creators(port: NodePort): CreatorJson[] {
  return port.creators().map(creatorJson)
}

const listCreators: Route = {
  method: 'GET',
  path: '/api/v1/creators',
  id: 'listCreators',
  summary: 'Which principals may create keys, or might once, in pages.',
  query: pageQuery,
  answers: {
    200: {
      description: 'The principals after `after`.',
      schema: schema.object({ creators: schema.listOf(creator), next }, ['next']),
    },
  },
  errors: ['not_found'],
  handle({ port }, call) {
    const page = slicePage(creators(port), ({ principal }) => principal, call)
    return { status: 200, body: { creators: page.items, ...page.next } }
  },
}

const grant: Route = {
  method: 'POST',
  path: '/api/v1/creators',
  id: 'grantCreate',
  summary: 'Gives a principal the right to create keys, or takes it: by an operator’s signed `grant-create`.',
  body: schema.object({
    transaction: { ...schema.bytes, description: 'Canonical CBOR of the signed transaction.' },
  }),
  envelope: 'transaction',
  access: 'signed-body',
  answers: { 200: { description: 'What the principal may do now.', schema: creator } },
  errors: ['bad_signature', 'unauthorized', 'conflict', 'no_quorum'],
  async handle({ port }, call): Promise<Answer> {
    const bytes =
      call.envelope ?? fromBase64((call.body as { readonly transaction: string }).transaction, 'transaction')
    const transaction = transactionOf(bytes, 'grant-create')
    await port.submit(transaction)
    const principal = toBase64(transaction.value.principal)
    return { status: 200, body: creators(port).find(each => each.principal === principal) }
  },
}

export const creatorRoutes: readonly Route[] = [listCreators, grant]

import { blockJson } from './json.ts'
import type { NodePort, ProposalView } from './port.ts'
import type { Route } from './route.ts'
import { anything, count, listOf, object, peers, status, text, trust } from './schemas.ts'
import { MAX_WAIT_MS, untilHeight } from './waiting.ts'

const DEFAULT_BLOCKS = 64
/** A block may hold close to a megabyte: more than this in one answer would be a memory attack on ourselves. */
const MAX_BLOCKS = 256

const healthAnswer = object({ status: text, reasons: listOf(text), notices: listOf(text) }, [
  'reasons',
  'notices',
])

const health: Route = {
  method: 'GET',
  path: '/health',
  access: 'health',
  id: 'health',
  summary:
    'Whether this node can serve operations on keys, and, for who shows a credential, what it cannot do.',
  description:
    '`ok`: everything. `degraded`: operations, but no control changes, as without a quorum. `unavailable`: neither.',
  answers: {
    200: { description: 'It can; `degraded` when it cannot take control changes.', schema: healthAnswer },
    503: { description: 'It cannot.', schema: healthAnswer },
  },
  errors: [],
  handle({ port }, { caller }) {
    const { status, canServe, reasons } = healthOf(port)
    const details = caller === undefined ? {} : { reasons, notices: port.status().approvals.map(noticeOf) }
    return { status: canServe ? 200 : 503, body: { status, ...details } }
  },
}

/** What a node says of its health, by what it cannot do. */
export function healthOf(port: Pick<NodePort, 'complaints' | 'shortcomings'>): {
  readonly status: 'ok' | 'degraded' | 'unavailable'
  readonly canServe: boolean
  readonly reasons: readonly string[]
} {
  const complaints = port.complaints()
  const reasons = [...complaints, ...port.shortcomings()]
  const canServe = complaints.length === 0
  return { status: canServe ? (reasons.length === 0 ? 'ok' : 'degraded') : 'unavailable', canServe, reasons }
}

/** What an operator should look at, though nothing is wrong with this node. */
function noticeOf({ id, act, state, needed, approvals }: ProposalView): string {
  const given = `${approvals.length} of ${needed} approvals`
  return `exceptional act ${id.slice(0, 16)}: ${act.type}, ${state}, ${given}`
}

const showStatus: Route = {
  method: 'GET',
  path: '/api/v1/status',
  id: 'status',
  summary: 'The network as this node sees it: height, epoch, coordinator, validators, members.',
  answers: { 200: { description: 'The status.', schema: status } },
  errors: [],
  handle: ({ port }) => ({ status: 200, body: port.status() }),
}

const listPeers: Route = {
  method: 'GET',
  path: '/api/v1/peers',
  id: 'peers',
  summary: 'Every member as its last beacon shows it.',
  answers: { 200: { description: 'The members.', schema: peers } },
  errors: [],
  handle: ({ port }) => ({ status: 200, body: { peers: port.peers() } }),
}

const showTrust: Route = {
  method: 'GET',
  path: '/api/v1/trust',
  id: 'trust',
  summary: 'The trust vector, the reports it is made of, and who has been convicted of what.',
  answers: { 200: { description: 'Trust, as the control log agrees on it.', schema: trust } },
  errors: [],
  handle: ({ port }) => ({ status: 200, body: port.trust() }),
}

const readLog: Route = {
  method: 'GET',
  path: '/api/v1/log',
  id: 'log',
  summary: 'Control-log blocks with their certificates; bytes in base64.',
  description:
    'With `waitMs` the answer waits for block `from` when it is not there yet, and is an empty list when none came: ' +
    'a follower asks again from the height after the last block it got.',
  query: {
    from: { ...count, minimum: 1, default: 1 },
    limit: { ...count, minimum: 1, maximum: MAX_BLOCKS, default: DEFAULT_BLOCKS },
    waitMs: { ...count, maximum: MAX_WAIT_MS, default: 0 },
  },
  answers: {
    200: {
      description: 'Blocks from that height on, ascending.',
      schema: object({
        height: count,
        blocks: listOf(object({ height: count, blockId: text, block: anything, certificate: anything })),
      }),
    },
  },
  errors: ['not_found'],
  async handle({ port }, { query, signal }) {
    const from = Number(query.from)
    const hasCome = await untilHeight(port, from, Number(query.waitMs), signal)
    const blocks = hasCome ? await port.blocks(from, Number(query.limit)) : []
    return { status: 200, body: { height: port.status().height, blocks: blocks.map(blockJson) } }
  },
}

export const networkRoutes: readonly Route[] = [health, showStatus, listPeers, showTrust, readLog]

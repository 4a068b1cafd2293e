import { auditEntryCodec } from '../audit/index.ts'
import { jsonOf } from './json.ts'
import { type Route, requirePrincipal } from './route.ts'
import { amount, anything, bytes, count, listOf, nullableOf, object, text } from './schemas.ts'

const DEFAULT_ENTRIES = 64
/** An entry with its proof is a few kilobytes of JSON at the most. */
const MAX_ENTRIES = 256

const checkpoint = object({
  peerId: text,
  size: count,
  root: bytes,
  signature: bytes,
  height: { ...count, description: 'The block that recorded it.' },
  timeMs: amount,
  note: { ...text, description: 'The same as a C2SP tlog-checkpoint, a signed note.' },
})

const readAudit: Route = {
  method: 'GET',
  path: '/api/v1/audit',
  id: 'audit',
  summary: 'This node’s audit log: entries with their inclusion proofs (RFC 6962), bytes in base64.',
  description:
    'Each proof leads to the tree of the first `provenSize` entries: the last checkpoint that the control log has ' +
    'recorded, or the whole log for entries after it; `consistency` leads from the one to the other. Takes a bearer ' +
    'token, since the entries tell who used which key.',
  query: {
    from: { ...count, default: 0 },
    limit: { ...count, minimum: 1, maximum: MAX_ENTRIES, default: DEFAULT_ENTRIES },
  },
  answers: {
    200: {
      description: 'Entries from that one on, ascending.',
      schema: object({
        peerId: text,
        origin: text,
        size: count,
        root: bytes,
        checkpoint: nullableOf(checkpoint),
        consistency: listOf(bytes),
        entries: listOf(
          object({
            sequence: count,
            bytes: { ...bytes, description: 'The leaf: the entry’s canonical CBOR.' },
            entry: anything,
            provenSize: count,
            proof: listOf(bytes),
          }),
        ),
      }),
    },
  },
  errors: ['storage_corrupt'],
  async handle({ port }, call) {
    requirePrincipal(call)
    const view = await port.audit(Number(call.query.from), Number(call.query.limit))
    const entries = view.entries.map(one => ({ ...one, entry: decoded(one.bytes) }))
    return { status: 200, body: jsonOf({ ...view, entries }) }
  },
}

/** An entry that was edited on disk may be anything; its bytes go out all the same, for the verifier to judge. */
function decoded(entry: Uint8Array): unknown {
  try {
    return auditEntryCodec.decode(entry)
  } catch {
    return null
  }
}

const readCheckpoints: Route = {
  method: 'GET',
  path: '/api/v1/audit/checkpoints',
  id: 'auditCheckpoints',
  summary: 'The last checkpoint of every node’s audit log, as the control log has recorded it.',
  answers: {
    200: { description: 'The checkpoints.', schema: object({ checkpoints: listOf(checkpoint) }) },
  },
  errors: [],
  handle: ({ port }) => ({ status: 200, body: { checkpoints: jsonOf(port.auditCheckpoints()) } }),
}

export const auditRoutes: readonly Route[] = [readAudit, readCheckpoints]

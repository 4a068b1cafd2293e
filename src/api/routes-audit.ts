import { auditEntryCodec } from '../audit/index.ts'
import { jsonOf } from './json.ts'
import type { Route } from './route.ts'
import { transactionOf } from './routes-keys.ts'
import { envelopeOf, signedBody } from './routes-members.ts'
import { amount, anything, bytes, count, listOf, nullableOf, object, text } from './schemas.ts'

const DEFAULT_ENTRIES = 64
/** An entry with its proof is a few kilobytes of JSON at the most. */
const MAX_ENTRIES = 256

const generation = { ...count, description: 'Which of the node’s logs: as many were written off before.' }

const checkpoint = object({
  peerId: text,
  generation,
  size: count,
  root: bytes,
  signature: bytes,
  height: { ...count, description: 'The block that recorded it.' },
  timeMs: amount,
  note: { ...text, description: 'The same as a C2SP tlog-checkpoint, a signed note.' },
})

const loss = object({
  peerId: text,
  generation,
  size: { ...count, description: 'What was on record of it.' },
  root: bytes,
  height: { ...count, description: 'The block that wrote it off.' },
  timeMs: amount,
  operator: { ...bytes, description: 'The public key of the operator whose signature completed that.' },
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
        generation,
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
  summary:
    'The last checkpoint of every node’s audit log, as the control log has recorded it, and what was lost.',
  answers: {
    200: {
      description: 'The checkpoints, and the logs that operators have written off.',
      schema: object({ checkpoints: listOf(checkpoint), losses: listOf(loss) }),
    },
  },
  errors: [],
  handle: ({ port }) => ({
    status: 200,
    body: { checkpoints: jsonOf(port.auditCheckpoints()), losses: jsonOf(port.auditLosses()) },
  }),
}

const resetAudit: Route = {
  method: 'POST',
  path: '/api/v1/audit/resets',
  id: 'resetAudit',
  summary:
    'Writes a lost or broken audit log off, by operators’ signed `reset-audit`; the loss stays on record.',
  body: signedBody,
  envelope: 'transaction',
  access: 'signed-body',
  answers: {
    200: {
      description: 'The block that wrote it off, and which log the node keeps from then on.',
      schema: object({ height: count, peerId: text, generation }),
    },
  },
  errors: ['bad_signature', 'not_found', 'conflict', 'no_quorum'],
  async handle({ port }, call) {
    const transaction = transactionOf(envelopeOf(call), 'reset-audit')
    const { height } = await port.submit(transaction)
    const { peerId, generation: next } = transaction.value
    return { status: 200, body: { height, peerId, generation: next } }
  },
}

const reportEvidence: Route = {
  method: 'POST',
  path: '/api/v1/evidence',
  id: 'reportEvidence',
  summary:
    'Hands in proof of misconduct, a signed `report-evidence`: whoever signed it, the proof speaks for itself.',
  body: signedBody,
  envelope: 'transaction',
  access: 'signed-body',
  answers: { 200: { description: 'The block that judged it.', schema: object({ height: count }) } },
  errors: ['bad_signature', 'conflict', 'no_quorum'],
  async handle({ port }, call) {
    const { height } = await port.submit(transactionOf(envelopeOf(call), 'report-evidence'))
    return { status: 200, body: { height } }
  },
}

export const auditRoutes: readonly Route[] = [readAudit, readCheckpoints, resetAudit, reportEvidence]

import { OstrakaError, toBase64 } from '../base/index.ts'
import { stateProofCodec } from '../wire/index.ts'
import type { ProofSubject } from './port.ts'
import type { Call, Route } from './route.ts'
import * as schema from './schemas.ts'
import { MAX_WAIT_MS, untilHeight } from './waiting.ts'

/** Certificates take a few kilobytes each. */
const MAX_HANDOVERS = 64

/** What `/api/v1/proof` answers. */
export interface ProofAnswer {
  readonly height: number
  readonly proof: string
}

export interface HandoversAnswer {
  readonly handovers: readonly string[]
}

const proofBytes = { ...schema.bytes, description: 'Canonical CBOR of a state-proof.' }

function subjectOf({ query }: Call): ProofSubject {
  const { key, record, version = 0 } = query
  if ((key === undefined) === (record === undefined)) {
    throw new OstrakaError('malformed', 'either key or record says what to prove')
  }
  return key === undefined ? { record: String(record) } : { key: String(key), version: Number(version) }
}

const prove: Route = {
  method: 'GET',
  path: '/api/v1/proof',
  id: 'proof',
  showsKey: true,
  summary:
    'Records of the agreed state with Merkle proofs, and the certified block header that carries their root.',
  description:
    'With `key`: its record, the record of `version` (by default the active one), and its open ceremony, if there is ' +
    'one; with `record`: what is at that path of the state. Absence is proven too. The set that votes is always among ' +
    'them. A header carries the root of the state before its block, so what a block has changed is proven from the next ' +
    'block on: with `from` and `waitMs` the answer waits for the block at that height.',
  query: {
    key: schema.name,
    version: { ...schema.keyVersion, default: 0 },
    record: { type: 'string', minLength: 1, maxLength: 200 },
    from: { ...schema.count, default: 0 },
    waitMs: { ...schema.count, maximum: MAX_WAIT_MS, default: 0 },
  },
  answers: {
    200: {
      description: 'The proof, in the state before the block at `height`.',
      schema: schema.object({ height: schema.count, proof: proofBytes }),
    },
  },
  errors: ['malformed', 'not_ready'],
  async handle({ port }, call) {
    const from = Number(call.query.from)
    const subject = subjectOf(call)
    if (!(await untilHeight(port, from, Number(call.query.waitMs), call.signal))) {
      throw new OstrakaError('not_ready', 'that block is not there yet', {
        from,
        height: port.status().height,
      })
    }
    const proof = port.prove(subject)
    const body: ProofAnswer = { height: proof.header.height, proof: toBase64(stateProofCodec.encode(proof)) }
    return { status: 200, body }
  },
}

const listHandovers: Route = {
  method: 'GET',
  path: '/api/v1/handovers',
  id: 'handovers',
  showsKey: true,
  summary: 'Proofs of each change of the set that votes: what leads a client from an old checkpoint to now.',
  description:
    'A node has those of the changes that it saw; one that joined by a snapshot lacks those under the snapshot.',
  query: {
    from: { ...schema.count, minimum: 1, default: 1 },
    key: { ...schema.name, description: 'The key whose proof needs them: a public one needs no credential.' },
  },
  answers: {
    200: {
      description: `At most ${MAX_HANDOVERS}, from that height on, ascending.`,
      schema: schema.object({ handovers: schema.listOf(proofBytes) }),
    },
  },
  errors: [],
  async handle({ port }, { query }) {
    const proofs = await port.handovers(Number(query.from), MAX_HANDOVERS)
    const body: HandoversAnswer = { handovers: proofs.map(proof => toBase64(stateProofCodec.encode(proof))) }
    return { status: 200, body }
  },
}

export const proofRoutes: readonly Route[] = [prove, listHandovers]

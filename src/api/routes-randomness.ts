import { OstrakaError } from '../base/index.ts'
import { jsonOf } from './json.ts'
import type { Route } from './route.ts'
import { bytes, count, listOf, object, possession, slotCount } from './schemas.ts'

const readRandomness: Route = {
  method: 'GET',
  path: '/api/v1/randomness',
  id: 'randomness',
  summary: 'The network’s randomness of an epoch, which ranks the validators, with what proves it.',
  description:
    'RFC 9497’s VOPRF under the network’s own key `beacon`, on the epoch’s number. Any `commitments.length` of the ' +
    'partials, each checked against the commitments by its proof, give the value again. The newest few epochs are kept.',
  query: { epoch: { ...count, default: 0, description: '0 or absent means the newest.' } },
  answers: {
    200: {
      description: 'The value and its proofs.',
      schema: object(
        {
          epoch: count,
          value: { ...bytes, description: '32 bytes.' },
          height: { ...count, description: 'The block that opened the epoch.' },
          source: {
            type: 'string',
            enum: ['key', 'fallback', 'certificate'],
            description:
              'key: made by the network’s key. fallback: too few partials came in time, so it is a hash of the value ' +
              'before. certificate: the network had no key yet.',
          },
          previous: { ...bytes, description: 'fallback: the value of which it is the hash.' },
          version: { ...count, description: 'key: the version of the network’s key.' },
          generation: { ...count, description: 'key: which set of its shares.' },
          commitments: {
            ...listOf(bytes),
            description: 'key: Feldman commitments; the first is the public key.',
          },
          partials: listOf(object({ slot: slotCount, element: bytes, proof: possession })),
          inUse: { ...object({ epoch: count, seed: bytes }), description: 'What ranks the validators now.' },
        },
        ['previous', 'version', 'generation', 'commitments', 'partials'],
      ),
    },
  },
  errors: ['not_found'],
  handle({ port }, { query }) {
    const epoch = Number(query.epoch)
    const view = port.randomness(epoch)
    if (view === undefined) {
      throw new OstrakaError('not_found', 'no randomness of this epoch is kept', { epoch })
    }
    return { status: 200, body: jsonOf(view) }
  },
}

export const randomnessRoutes: readonly Route[] = [readRandomness]

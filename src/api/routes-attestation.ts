import { attestationJson } from './json.ts'
import type { Route } from './route.ts'
import { transactionOf } from './routes-keys.ts'
import { envelopeOf, signedBody } from './routes-members.ts'
import * as schema from './schemas.ts'

const show: Route = {
  method: 'GET',
  path: '/api/v1/attestation',
  id: 'attestation',
  summary:
    'What the network asks of the hosts that hold shares, and how every member’s attestation stands with it.',
  answers: { 200: { description: 'As the control log agrees on it.', schema: schema.attestation } },
  errors: [],
  handle: ({ port }) => ({ status: 200, body: attestationJson(port.attestation()) }),
}

const setPolicy: Route = {
  method: 'PUT',
  path: '/api/v1/attestation/policy',
  id: 'setAttestationPolicy',
  summary:
    'Replaces the policy, by a `set-attestation` transaction that as many operators as needed have signed.',
  body: signedBody,
  envelope: 'transaction',
  access: 'signed-body',
  answers: {
    200: {
      description: 'The block that replaced it, and what it came to.',
      schema: schema.object({ height: schema.count, attestation: schema.attestation }),
    },
  },
  errors: ['bad_signature', 'conflict', 'no_quorum'],
  async handle({ port }, call) {
    const { height } = await port.submit(transactionOf(envelopeOf(call), 'set-attestation'))
    return { status: 200, body: { height, attestation: attestationJson(port.attestation()) } }
  },
}

export const attestationRoutes: readonly Route[] = [show, setPolicy]

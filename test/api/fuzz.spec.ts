import { equal, ok } from 'node:assert/strict'
import { Agent } from 'node:http'
import { bendTree } from '../../scripts/fuzz-mutations.ts'
import { SeededRng, toBase64, toHex } from '../../src/base/index.ts'
import { type ApiFixture, startFixture } from './fixture.ts'
import { send } from './raw-http.ts'

/** Set FUZZ_HTTP_INPUTS for more. */
const INPUTS = Number(process.env.FUZZ_HTTP_INPUTS ?? 150)

const b64 = toBase64(new Uint8Array(32).fill(9))
const rule = { principal: b64, operations: ['sign'], ratePerMinute: 10 }
const newKey = { kind: 'ed25519', threshold: 1, shares: 1, policy: { rules: [rule] }, entropy: 0.5 }
const dealing = {
  commitments: [b64],
  possession: { challenge: b64, response: b64 },
  sealedShares: [{ slot: 1, sealed: b64 }],
}

/** A body that each route would look at in earnest, by operation id. */
const BODIES: Readonly<Record<string, unknown>> = {
  createKey: { name: 'fuzzed', ...newKey },
  setPolicy: { revision: 0, rules: [rule] },
  sign: { messages: [b64, b64], version: 1 },
  derive: { inputs: [b64], blinded: false },
  decrypt: { encapsulations: [b64] },
  importKey: { dealing },
  rotateKey: { threshold: 1, shares: 1 },
  refreshKey: {},
  reshareKey: { threshold: 1, shares: 1 },
  archiveVersion: { version: 1, retainUntilMs: 2_000_000_000_000 },
  destroyVersion: { version: 1 },
  cancelDestroy: { version: 1 },
  destroyNow: { version: 1, reason: 'fuzzed', expiresMs: 2_000_000_000_000 },
  stepApproval: { withdraw: '09'.repeat(32) },
  exportKey: { recipient: b64, reason: 'fuzzed', version: 1, expiresMs: 2_000_000_000_000 },
  grantCreate: { transaction: b64 },
  setAttestationPolicy: { transaction: b64 },
  admitMember: { transaction: b64 },
  removeMember: { transaction: b64 },
  resetAudit: { transaction: b64 },
  reportEvidence: { transaction: b64 },
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly requestBody?: unknown
}

describe('fuzzed HTTP bodies', () => {
  let api: ApiFixture
  let routes: ReadonlyArray<{ readonly method: string; readonly path: string; readonly id: string }>
  const agent = new Agent({ keepAlive: true })

  before(async () => {
    api = await startFixture()
    await api.client.createKey({ name: 'held', kind: 'ed25519', threshold: 1, shares: 1 })
    const { text } = await send(agent, api.url, { method: 'GET', path: '/openapi.json' })
    const { paths } = JSON.parse(text) as Document
    routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([, operation]) => operation.requestBody !== undefined)
        .map(([method, { operationId }]) => ({ method: method.toUpperCase(), path, id: operationId })),
    )
  })
  after(async () => {
    agent.destroy()
    await api.stop()
  })

  it('every route that takes a body has a sample here', () => {
    equal(
      routes
        .map(route => route.id)
        .filter(id => !(id in BODIES))
        .join(),
      '',
    )
    equal(
      Object.keys(BODIES)
        .filter(id => !routes.some(route => route.id === id))
        .join(),
      '',
    )
  })

  it('are answered, or refused with a problem that has a code, and never with a failure of our own', async () => {
    const rng = new SeededRng('fuzzed http')
    let refused = 0
    for (const { method, path, id } of routes) {
      const at = path.replace('{name}', 'held').replace('{peerId}', api.node.peerId)
      for (let i = 0; i < INPUTS; i++) {
        const body = bent(rng, BODIES[id])
        const headers = { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' }
        const { status, text } = await send(agent, api.url, { method, path: at, headers, body })
        if (status < 400) continue
        const { code } = JSON.parse(text) as { readonly code: string }
        ok(code !== 'internal' && code !== undefined, `${id}: ${status} ${text} on ${toHex(body)}`)
        refused++
      }
    }
    equal(api.internalErrors.length, 0)
    ok(refused > (routes.length * INPUTS) / 2, 'hardly anything was refused: the inputs are not bent')
  })
})

/** A value bent in one to three places, and now and then bytes that are no JSON. */
function bent(rng: SeededRng, sample: unknown): Uint8Array {
  let tree: unknown = structuredClone(sample)
  const [rounds, cut] = rng.bytes(2) as unknown as [number, number]
  for (let i = 0; i <= rounds % 3; i++) tree = bendTree(rng, tree)
  const bytes = new TextEncoder().encode(JSON.stringify(tree) ?? '')
  return cut < 16 ? bytes.subarray(0, bytes.length >> 1) : bytes
}

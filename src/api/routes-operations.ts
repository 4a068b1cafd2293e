import { listFromBase64, OstrakaError, toBase64 } from '../base/index.ts'
import { type Operation, type OperationRequest, type Signed, signedOperationCodec } from '../wire/index.ts'
import { proofsJson } from './json.ts'
import type { OperationResult } from './port.ts'
import { type Call, type Context, type JsonSchema, keyNameOf, type Route, requirePrincipal } from './route.ts'
import { requireSameName } from './routes-keys.ts'
import * as schema from './schemas.ts'
import { signOperation } from './signing.ts'

interface OperationShape {
  readonly operation: Operation
  readonly summary: string
  readonly description?: string
  /** The JSON field that holds the inputs, and the one that holds the outputs. */
  readonly input: string
  readonly output: string
  readonly extraInput?: Readonly<Record<string, JsonSchema>>
  readonly extraAnswer?: Readonly<Record<string, JsonSchema>>
  readonly isKeyAnswered: boolean
}

const SHAPES: readonly OperationShape[] = [
  {
    operation: 'sign',
    summary: 'Signs each message: Ed25519 for an ed25519 key, BIP-340 for a secp256k1 key.',
    input: 'messages',
    output: 'signatures',
    isKeyAnswered: true,
  },
  {
    operation: 'derive',
    summary: 'Evaluates RFC 9497 VOPRF(ristretto255, SHA-512) on each input.',
    description:
      'With `blinded` the inputs are blinded elements, and the outputs are evaluated elements: the client checks the ' +
      'holders’ `proofs` against the key’s commitments, then finalizes; the network learns no input and no output.',
    input: 'inputs',
    output: 'outputs',
    extraInput: { blinded: schema.flag },
    extraAnswer: { proofs: schema.listOf(schema.proof) },
    isKeyAnswered: false,
  },
  {
    operation: 'decrypt',
    summary: 'Computes the raw X25519 shared secret with each encapsulated public key.',
    input: 'encapsulations',
    output: 'sharedSecrets',
    isKeyAnswered: false,
  },
]

function routeOf(shape: OperationShape): Route {
  const { operation, input, output, extraInput = {}, extraAnswer = {} } = shape
  const answer = {
    version: schema.count,
    ...(shape.isKeyAnswered ? { publicKey: schema.bytes } : {}),
    [output]: schema.listOf(schema.bytes),
    ...extraAnswer,
  }
  return {
    method: 'POST',
    path: `/api/v1/keys/{name}/${operation}`,
    id: operation,
    summary: shape.summary,
    ...(shape.description === undefined ? {} : { description: shape.description }),
    body: schema.object({ [input]: schema.inputs, version: schema.keyVersion, ...extraInput }, [
      'version',
      ...Object.keys(extraInput),
    ]),
    envelope: 'signed-operation',
    answers: {
      200: { description: 'One output per input.', schema: schema.object(answer, Object.keys(extraAnswer)) },
    },
    errors: [
      'forbidden',
      'expired',
      'replayed',
      'rate_limited',
      'wrong_kind',
      'unknown_key',
      'unknown_version',
      'version_destroyed',
      'version_expired',
      'pending_destruction',
      'insufficient_shares',
      'overloaded',
    ],
    async handle(context, call) {
      const result = await context.port.operate(requestOf(context, call, shape), call.signal)
      return { status: 200, body: answerOf(shape, result) }
    },
  }
}

function requestOf(
  context: Context,
  call: Call,
  { operation, input }: OperationShape,
): Signed<OperationRequest> {
  const name = keyNameOf(call)
  if (call.envelope !== undefined) {
    const request = signedOperationCodec.decode(call.envelope)
    requireSameName(request.value.key, name)
    if (request.value.operation === operation) return request
    throw new OstrakaError('malformed', `the signed request is for ${request.value.operation}`)
  }
  const principal = requirePrincipal(call)
  const body = call.body as Readonly<Record<string, unknown>> & { version?: number; blinded?: boolean }
  const inputs = listFromBase64(body[input] as readonly string[], input)
  const { clock, rng, port } = context
  return signOperation(
    principal,
    port.networkId,
    { key: name, operation, inputs, version: body.version ?? 0, isBlinded: body.blinded ?? false },
    clock.nowMs(),
    rng,
  )
}

function answerOf(shape: OperationShape, result: OperationResult): Readonly<Record<string, unknown>> {
  return {
    version: result.version,
    ...(shape.isKeyAnswered ? { publicKey: toBase64(result.publicKey) } : {}),
    [shape.output]: result.outputs.map(toBase64),
    ...proofsJson(result),
  }
}

export const operationRoutes: readonly Route[] = SHAPES.map(routeOf)

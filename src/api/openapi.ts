import { ERROR_CODES, type ErrorCode } from '../base/index.ts'
import { PROBLEM_MEDIA_TYPE, statusOf } from './problem.ts'
import type { JsonSchema, Route } from './route.ts'
import { problem } from './schemas.ts'

/** What any route may answer with, beside its own errors. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'malformed',
  'unauthorized',
  'not_ready',
  'overloaded',
  'internal',
]
const BODY_ERRORS: readonly ErrorCode[] = [
  'too_large',
  'unsupported_media_type',
  'bad_signature',
  'deadline_exceeded',
]

const CBOR = 'application/cbor'

/** The OpenAPI 3.1 document of exactly these routes: they are its only source. */
export function openApiDocument(routes: readonly Route[], software: string): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Ostraka node',
      version: software,
      description:
        'Keys that exist only as shares on several nodes. Reads and writes take a bearer token, which lends a principal ' +
        'that this node holds, or a principal’s own signature: the canonical CBOR envelope of an operation or ' +
        'transaction as the body, or `Authorization: Ostraka <base64url of a signed api-request>` where there is no ' +
        'such body. Without a credential: `/`, `/health` (its status only), this document, and keys whose policy is public.',
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        signed: { type: 'http', scheme: 'ostraka', description: 'A signed api-request, base64url.' },
      },
      schemas: { Problem: { ...problem, properties: { ...(problem.properties as object), code: codes() } } },
    },
  }
}

function codes(): JsonSchema {
  return { type: 'string', enum: [...ERROR_CODES] }
}

function operationOf(route: Route): JsonSchema {
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(match => ({
      name: match[1],
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries(route.query ?? {}).map(([name, schema]) => ({ name, in: 'query', schema })),
  ]
  return {
    operationId: route.id,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: requestBodyOf(route) }),
    security: securityOf(route),
    responses: { ...answersOf(route), ...problemsOf(route) },
  }
}

/** `{}` stands for no credential: an envelope has its own signature, and a public key needs none. */
function securityOf({ access, envelope, showsKey }: Route): readonly JsonSchema[] {
  const named = [{ bearer: [] }, { signed: [] }]
  if (access === 'open') return [{}]
  return access !== undefined || envelope !== undefined || showsKey === true ? [...named, {}] : named
}

function requestBodyOf(route: Route): JsonSchema {
  const envelope = {
    [CBOR]: {
      schema: {
        contentMediaType: CBOR,
        description: `Canonical CBOR of a ${route.envelope} envelope, signed by the principal; no Authorization header.`,
      },
    },
  }
  return {
    required: true,
    content: {
      'application/json': { schema: route.body },
      ...(route.envelope === undefined ? {} : envelope),
    },
  }
}

function answersOf(route: Route): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, { description, schema }]) => [
      status,
      { description, content: { [mediaTypeOf(schema)]: { schema } } },
    ]),
  )
}

/** Plain text answers say so in their schema. */
function mediaTypeOf(schema: JsonSchema): string {
  return typeof schema.contentMediaType === 'string' ? schema.contentMediaType : 'application/json'
}

function problemsOf(route: Route): Record<string, unknown> {
  const errors = new Set([
    ...route.errors,
    ...COMMON_ERRORS,
    ...(route.body === undefined ? [] : BODY_ERRORS),
  ])
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of errors) {
    const status = statusOf(code)
    // the route's own answer of that status says more
    if (status in route.answers) continue
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const schema = { $ref: '#/components/schemas/Problem' }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      { description: list.join(', '), content: { [PROBLEM_MEDIA_TYPE]: { schema } } },
    ]),
  )
}

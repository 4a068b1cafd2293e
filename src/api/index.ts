import type { FastifyInstance } from 'fastify'
import { OstrakaError } from '../base/index.ts'
import type { ServerOptions } from './server.ts'

export { type Authority, authorityOf } from './auth.ts'
export type * from './client.ts'
export { connect } from './connect.ts'
export type { SecretForm } from './dealing-client.ts'
export {
  type ApprovalsJson,
  type AttestationJson,
  type AttestationPolicyJson,
  type AuditCheckpointJson,
  type AuditJson,
  type AuditLossJson,
  ageRecipient,
  type BlockJson,
  type CreatorJson,
  type KeyJson,
  type MembershipJson,
  type PeerJson,
  type PolicyJson,
  type ProposalJson,
  publicKeyOfRecipient,
  type RandomnessJson,
  type StatusJson,
  type TrustJson,
} from './json.ts'
export type * from './port.ts'
export {
  PrincipalVault,
  principalNamed,
  readPrincipal,
  readPrincipalSeed,
  writePrincipal,
} from './principals.ts'
export type { ServerOptions } from './server.ts'
export { createToken, TokenRegister } from './tokens.ts'
export type { ProvenKey, Trust, Verified } from './trust.ts'

/** Where a server listens; port 0 takes a free one, `path` is that of a Unix socket. */
export type Listening = { readonly host: string; readonly port: number } | { readonly path: string }

/** The HTTP interface, listening. Errors: `conflict` when the address is taken. */
export async function startApi(
  options: ServerOptions,
  at: Listening,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  // only daemons need the server; clients that import this file should not wait for fastify
  const { buildServer } = await import('./server.ts')
  const server: FastifyInstance = buildServer(options)
  if ('path' in at) {
    const { atUnixSocket } = await import('./unix-socket.ts')
    const remove = await atUnixSocket(at.path, path => server.listen({ path }))
    return { url: `unix:${at.path}`, stop: () => server.close().then(remove) }
  }
  let url: string
  try {
    url = await server.listen({ host: at.host, port: at.port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new OstrakaError('conflict', `${at.host}:${at.port} is in use`)
  }
  return { url, stop: () => server.close() }
}

import { isIP } from 'node:net'
import { OstrakaError } from '../base/index.ts'

/** What a browser may call this server. A page whose name was rebound to our address names itself in Host and Origin. */
export interface HostRules {
  /** Names that the operator gives the server, such as that of a proxy before it; lower case, without ports. */
  readonly names: ReadonlySet<string>
}

/** The parts of a request by which a browser says where it is and what it asks. */
export interface BrowserHeaders {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly fetchSite: string | undefined
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+?)\.?(?::(\d{1,5}))?$/

/** The name or address in a Host header, in lower case, IPv6 without brackets; undefined for what is no host. */
function hostNamed(header: string): string | undefined {
  const name = HOST.exec(header.toLowerCase())?.[1]
  return name?.startsWith('[') ? name.slice(1, -1) : name
}

function isLoopback(name: string): boolean {
  if (name === 'localhost') return true
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === '::1' || name === '0:0:0:0:0:0:0:1'
}

function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

/**
 * Refuses a request for a host that this server is not: only loopback, the address at which the connection arrived, and
 * the configured names are. `localAddress` is undefined on a Unix socket, which no browser reaches. Errors: `forbidden`.
 */
export function requireOwnHost(
  { host, origin, fetchSite }: BrowserHeaders,
  localAddress: string | undefined,
  { names }: HostRules,
): void {
  if (localAddress === undefined) return
  const named = host === undefined ? undefined : hostNamed(host)
  const isOwn =
    named !== undefined && (isLoopback(named) || named === withoutMapping(localAddress) || names.has(named))
  if (!isOwn) {
    throw new OstrakaError('forbidden', 'the Host header names another server: see --api-host')
  }
  requireSameOrigin(host!.toLowerCase(), origin, fetchSite)
}

/** A page of another origin, even of another port of this host, has no business here. Errors: `forbidden`. */
function requireSameOrigin(host: string, origin: string | undefined, fetchSite: string | undefined): void {
  const isSame =
    origin === undefined || (URL.canParse(origin) && new URL(origin).host === new URL(`http://${host}`).host)
  const isOurs = fetchSite === undefined || fetchSite === 'none' || fetchSite === 'same-origin'
  if (isSame && isOurs) return
  throw new OstrakaError('forbidden', 'a web page of another origin asks')
}

import { toHex } from '../base/index.ts'
import type { Route } from './route.ts'
import { healthOf } from './routes-network.ts'
import { object, text } from './schemas.ts'

/** The page runs nothing, loads nothing and sends nothing anywhere. */
const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'referrer-policy': 'no-referrer',
}

/** What stands at `/`: a page for people; for programs, which network this is, which they sign their requests for. */
export function rootRoute(software: string): Route {
  return {
    method: 'GET',
    path: '/',
    id: 'root',
    summary: 'What this is: a page for browsers, JSON for programs.',
    access: 'open',
    answers: {
      200: {
        description: 'The software, and the network’s id, by which requests are signed.',
        schema: object({ software: text, networkId: text, openapi: text, health: text }),
      },
    },
    errors: [],
    handle({ port }, { accept }) {
      const networkId = toHex(port.networkId)
      if (accept.includes('text/html')) {
        // without the reasons: anybody may read it
        const body = pageOf(software, networkId, healthOf(port).status)
        return { status: 200, body, headers: PAGE_HEADERS }
      }
      return { status: 200, body: { software, networkId, openapi: '/openapi.json', health: '/health' } }
    },
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(value: string): string {
  return value.replaceAll(/[&<>"']/g, character => ENTITIES[character]!)
}

const HEALTH_TEXTS = {
  ok: 'it serves operations on keys and changes of them',
  degraded: 'it serves operations on keys, but no changes of them: other nodes are missing',
  unavailable: 'it serves nothing now: it is starting, stopping, or has a fault',
} as const

function pageOf(software: string, networkId: string, health: keyof typeof HEALTH_TEXTS): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Ostraka</title></head>
<body>
<h1>Ostraka</h1>
<p>This is a node of a threshold key-management network, ${escaped(software)}.</p>
<p>Health: <strong>${health}</strong>: ${HEALTH_TEXTS[health]}.</p>
<p>Network: <code>${escaped(networkId)}</code></p>
<ul>
<li><a href="/health">/health</a>: the same for probes; 200 when it serves, else 503</li>
<li><a href="/openapi.json">/openapi.json</a>: the interface for programs</li>
<li>/metrics: for Prometheus, with a token</li>
</ul>
<p>On this host, <code>ostraka status</code> tells more.</p>
</body>
</html>
`
}

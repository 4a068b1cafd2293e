import { toHex } from '../base/index.ts'
import type { Route } from './route.ts'
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
  const page = pageOf(software)
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
      if (accept.includes('text/html')) return { status: 200, body: page, headers: PAGE_HEADERS }
      const networkId = toHex(port.networkId)
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

function pageOf(software: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Ostraka</title></head>
<body>
<h1>Ostraka</h1>
<p>This is a node of a threshold key-management network, ${escaped(software)}.</p>
<p>Programs use its <a href="/openapi.json">HTTP interface</a>; <a href="/health">health</a> says whether it serves.</p>
</body>
</html>
`
}

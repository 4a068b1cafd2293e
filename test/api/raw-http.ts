import { type Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface RawRequest {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** One request as it is, over the agent's connections: nothing is checked or interpreted on the way. */
export function send(
  agent: Agent,
  url: string,
  { method, path, headers, body }: RawRequest,
): Promise<{ readonly status: number; readonly text: string; readonly headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    // without a length, node:http sends the body of a DELETE as if it were the next request
    const length = body === undefined ? {} : { 'content-length': body.length }
    const sent = request(
      new URL(path, url),
      { agent, method, headers: { ...headers, ...length } },
      response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
        )
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

import { ERROR_CODES, type ErrorCode, isOstrakaError, OstrakaError, type Outcome } from '../base/index.ts'
import type { NodePort } from '../node/index.ts'
import type { Findings } from './checks/findings.ts'
import type { SimHost } from './host.ts'
import type { VirtualTime } from './time.ts'
import type { Trace } from './trace.ts'

/** No node answers a well-behaved client with these: they are bugs, or a check that took the honest for a liar. */
const SUSPICIOUS: ReadonlySet<ErrorCode> = new Set([
  'internal',
  'malformed',
  'bad_signature',
  'wrong_network',
  'wrong_kind',
  'bad_certificate',
  'bad_block',
  'storage_corrupt',
])

export interface CallContext {
  readonly time: VirtualTime
  readonly trace: Trace
  readonly findings: Findings
}

/** How clients wait: in virtual time, and never for ever, since the node that they asked may have died. */
export class Calls {
  readonly outcomes: Map<string, number> = new Map()
  readonly #context: CallContext

  constructor(context: CallContext) {
    this.#context = context
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise(resolve => this.#context.time.schedule(delayMs, resolve))
  }

  /** One call on a node. A node that is down or silent is `unreachable`, as its HTTP port would be. */
  async make<T>(
    what: string,
    host: SimHost,
    patienceMs: number,
    call: (port: NodePort) => Promise<T>,
  ): Promise<Outcome<T>> {
    const outcome = await this.#settle(host, patienceMs, call)
    const { trace, time, findings } = this.#context
    const result = outcome.ok ? 'ok' : outcome.error.code
    trace.add(time.nowMs, `${what} at ${host.name}: ${result}`)
    const name = `${what.split(' ')[0]} ${result}`
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1)
    // a machine that has lost its disk says so, until an operator has written its audit log off
    const isOwnLoss = host.hasLostDisk && result === 'storage_corrupt'
    if (!outcome.ok && SUSPICIOUS.has(outcome.error.code) && !isOwnLoss) {
      findings.add(
        'honest clients are served or refused for a reason',
        `${what}: ${result} (${outcome.error.message})`,
      )
    }
    return outcome
  }

  async #settle<T>(
    host: SimHost,
    patienceMs: number,
    call: (port: NodePort) => Promise<T>,
  ): Promise<Outcome<T>> {
    const { port } = host
    const gone: Outcome<T> = { ok: false, error: new OstrakaError('unreachable', 'the node is down') }
    if (port === undefined) return gone
    return Promise.race([
      call(port).then(
        (value): Outcome<T> => ({ ok: true, value }),
        (error): Outcome<T> => ({ ok: false, error: this.#typed(error) }),
      ),
      this.sleep(patienceMs).then(() => gone),
      // the connection is reset
      host.death.then(() => gone),
    ])
  }

  #typed(error: unknown): OstrakaError {
    if (isOstrakaError(error) && ERROR_CODES.includes(error.code)) return error
    return new OstrakaError('internal', error instanceof Error ? `${error.stack}` : String(error))
  }
}

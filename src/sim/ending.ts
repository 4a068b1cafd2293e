import { type Rng, randomBelow } from '../base/index.ts'
import type { KeyKind } from '../wire/index.ts'
import type { Calls } from './calls.ts'
import type { AgreementCheck } from './checks/agreement.ts'
import type { Findings } from './checks/findings.ts'
import type { Clients } from './clients.ts'
import type { SimHost } from './host.ts'
import type { VirtualTime } from './time.ts'

export interface EndingContext {
  readonly time: VirtualTime
  readonly rng: Rng
  readonly findings: Findings
  readonly calls: Calls
  readonly clients: Clients
  readonly agreement: AgreementCheck
  readonly honest: readonly SimHost[]
  readonly kinds: readonly KeyKind[]
}

/** Time that the healed network gets to agree on one height before its liveness is tested. */
const CONVERGE_MS = 40_000
/** Time that a holder gets to recover the shares that it missed. */
const COMPLETE_MS = 90_000
const ATTEMPTS = 4
const ATTEMPT_PAUSE_MS = 2500
/** How a node complains that must catch up before it votes, and one that uses no secret. */
const LOST = 'its database was lost'
const UNUSED = 'no secret is used'

/** The liveness phase, on a healed network. */
export class Ending {
  readonly #context: EndingContext

  constructor(context: EndingContext) {
    this.#context = context
  }

  async run(): Promise<void> {
    await this.#converge()
    await this.#writeOffLostLogs()
    await this.#proveLiveness()
    await this.#complete()
  }

  /** Every honest node comes to the same height, and the log goes on. */
  async #converge(): Promise<void> {
    const { time, agreement, findings, calls, honest } = this.#context
    const limitMs = time.nowMs + CONVERGE_MS
    const startHeight = agreement.height
    for (;;) {
      const heights = honest.map(host => host.port?.status().height ?? -1)
      if (new Set(heights).size === 1 && heights[0]! > startHeight) return
      if (time.nowMs > limitMs) {
        findings.add('a healed network agrees', `heights ${heights.join(', ')} after ${CONVERGE_MS} ms`)
        return
      }
      await calls.sleep(250)
    }
  }

  /** What an operator does for a node that has lost its audit log with its disk, once it votes again. */
  async #writeOffLostLogs(): Promise<void> {
    const { time, findings, calls, clients, honest } = this.#context
    const limitMs = time.nowMs + CONVERGE_MS
    for (const host of honest) {
      const reasons = (): readonly string[] | undefined =>
        host.port && [...host.port.complaints(), ...host.port.shortcomings()]
      const complains = (of: string): boolean => reasons()?.some(reason => reason.startsWith(of)) ?? true
      let isReset = false
      while (complains(LOST) || complains(UNUSED)) {
        if (time.nowMs > limitMs) {
          findings.add('a node that lost its disk serves again', reasons()?.join() ?? 'it is down')
          return
        }
        if (!isReset && !complains(LOST)) isReset = await clients.resetAudit(host, host)
        await calls.sleep(500)
      }
    }
  }

  async #proveLiveness(): Promise<void> {
    const { clients, kinds } = this.#context
    for (const kind of kinds) {
      await this.#must(`a healed network creates ${kind} keys`, host => clients.create(kind, host))
    }
    for (const key of clients.known.values()) {
      await this.#must(`${key.name} was acknowledged and is usable`, host => clients.use(key, host))
      await this.#must(`the policy of ${key.name} holds`, host => clients.guestVisit(key, host))
    }
  }

  async #must(what: string, attempt: (host: SimHost) => Promise<boolean>): Promise<void> {
    const { calls, findings, honest, rng } = this.#context
    for (let count = 0; count < ATTEMPTS; count++) {
      if (await attempt(honest[randomBelow(rng, honest.length)]!)) return
      await calls.sleep(ATTEMPT_PAUSE_MS)
    }
    findings.add('liveness', `not so: ${what}`)
  }

  /** Every honest holder comes to hold what the versions say that it holds, whatever it missed. */
  async #complete(): Promise<void> {
    const { time, findings, calls, honest } = this.#context
    const limitMs = time.nowMs + COMPLETE_MS
    for (;;) {
      const missing = honest.flatMap(host => this.#missingShares(host))
      if (missing.length === 0) return
      if (time.nowMs > limitMs) {
        findings.add('every holder has its shares in the end', `missing ${missing.join(', ')}`)
        return
      }
      await calls.sleep(500)
    }
  }

  #missingShares(host: SimHost): string[] {
    return [...this.#context.clients.known.values()].flatMap(({ name, keyId, version }) => {
      const slots = host.port?.key(name)?.holders.filter(({ peerId }) => peerId === host.peerId) ?? []
      const shares = host.shares(`keys/share/${keyId}/${version}/`)
      return slots.length > shares.size ? [`${host.name} lacks ${name}`] : []
    })
  }
}

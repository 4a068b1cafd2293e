import {
  type Outcome,
  type Rng,
  randomBelow,
  randomUnit,
  Secret,
  type SeededRng,
  toHex,
} from '../base/index.ts'
import { groupByName, type SigningKey, signValue } from '../crypto/index.ts'
import { makeDealing, suiteOf } from '../keys/index.ts'
import type { KeyView, NodePort, OperationResult } from '../node/index.ts'
import type { CreateKey, KeyKind, OperationRequest, PolicyRule, Signed, Transaction } from '../wire/index.ts'
import type { Calls } from './calls.ts'
import { montgomeryLadder, toLittleEndian } from './checks/arithmetic.ts'
import type { Findings } from './checks/findings.ts'
import type { SecretCheck } from './checks/secrets.ts'
import { isSingleKeyResult } from './checks/single-key.ts'
import type { SimHost } from './host.ts'
import { mostFaulty } from './plan.ts'
import type { VirtualTime } from './time.ts'

export interface ClientContext {
  readonly rng: SeededRng
  readonly time: VirtualTime
  readonly networkId: Uint8Array
  readonly hosts: readonly SimHost[]
  readonly kinds: readonly KeyKind[]
  readonly owner: SigningKey
  readonly guest: SigningKey
  readonly stranger: SigningKey
  readonly calls: Calls
  readonly findings: Findings
  readonly secrets: SecretCheck
}

/** A key whose creation a client has seen acknowledged. */
export interface KnownKey {
  readonly name: string
  readonly kind: KeyKind
  readonly keyId: string
  readonly threshold: number
  readonly publicKey: Uint8Array
  readonly version: number
  /** What the guest may do, once a policy change was acknowledged; undefined while one is in doubt. */
  isGuestWelcome: boolean | undefined
  /** The policy's revision after the last change that was acknowledged. */
  policyRevision: number
}

const REQUEST_LIFE_MS = 30_000
const OPERATE_PATIENCE_MS = 15_000
const SUBMIT_PATIENCE_MS = 15_000
const CEREMONY_PATIENCE_MS = 60_000

/** What clients do, one deed at a time; every answer is compared with what the whole key would have given. */
export class Clients {
  readonly known: Map<string, KnownKey> = new Map()
  results = 0
  refusals = 0
  readonly #context: ClientContext
  readonly #late: {
    readonly key: KnownKey
    readonly inputs: readonly Uint8Array[]
    readonly result: OperationResult
  }[] = []
  readonly #changing = new Set<string>()
  #names = 0

  constructor(context: ClientContext) {
    this.#context = context
  }

  /**
   * Creates a key, of so many shares or some, and waits until it serves. False when it came to nothing, which the weather
   * may excuse.
   */
  async create(kind: KeyKind, host: SimHost, shares?: number): Promise<boolean> {
    const create = this.#newKey(kind, 'generate', shares)
    if (!(await this.#submit(`create ${create.name}`, host, create)).ok) return false
    return this.#ceremonyEnd(create.name, kind, host)
  }

  /** Brings a key along: the client deals its shares, and knows what must come out. */
  async import(kind: KeyKind, host: SimHost): Promise<boolean> {
    const { calls, owner, networkId, rng } = this.#context
    const create = this.#newKey(kind, 'import')
    if (!(await this.#submit(`import ${create.name}`, host, create)).ok) return false
    const plan = await calls.make(`plan ${create.name}`, host, SUBMIT_PATIENCE_MS, port =>
      port.importPlan(create.name),
    )
    if (!plan.ok) return false
    const { group } = suiteOf(kind)
    const scalar = new Secret(groupByName(group).randomScalar(rng))
    const made = makeDealing({ ...plan.value, networkId, id: plan.value.ceremony, group }, owner, scalar, rng)
    const put = await calls.make(`put ${create.name}`, host, SUBMIT_PATIENCE_MS, port =>
      port.putRecord(made.record),
    )
    if (!put.ok || !(await this.#submit(`deal ${create.name}`, host, made.deal)).ok) return false
    return this.#ceremonyEnd(create.name, kind, host)
  }

  /** Writes off the audit log of a node that has lost it, as an operator. */
  async resetAudit({ peerId, name }: SimHost, host: SimHost): Promise<boolean> {
    const losses = host.port?.auditLosses().filter(loss => loss.peerId === peerId) ?? []
    const reset = { type: 'reset-audit', peerId, generation: losses.length + 1, approvals: [] } as const
    return (await this.#submit(`reset-audit ${name}`, host, reset)).ok
  }

  /** Uses a key as its owner. */
  async use(key: KnownKey, host: SimHost): Promise<boolean> {
    const request = this.#request(key, this.#context.owner)
    const outcome = await this.#operate(`${request.value.operation} ${key.name}`, host, request)
    if (outcome.ok) this.#checkResult(key, request.value.inputs, outcome.value)
    return outcome.ok
  }

  /** The same request again at the node that has served it: nobody may ever get an answer twice. */
  async replay(key: KnownKey, host: SimHost): Promise<void> {
    const request = this.#request(key, this.#context.owner)
    const before = host.port
    const first = await this.#operate(`sign ${key.name}`, host, request)
    if (!first.ok || host.port !== before) return
    const again = await this.#operate(`replay ${key.name}`, host, request)
    if (again.ok) this.#context.findings.add('no replay is served', `${host.name} answered ${key.name} twice`)
    else this.refusals++
  }

  /** Somebody without rights, and somebody who signs for another. */
  async intrude(key: KnownKey, host: SimHost): Promise<void> {
    const { stranger, owner, findings, rng } = this.#context
    const request = this.#request(key, stranger)
    const isForged = randomBelow(rng, 2) === 0
    const forged = { ...request, signer: owner.publicKey }
    const outcome = await this.#tryIntrusion(host, isForged ? forged : request)
    if (outcome === 'ok') findings.add('no right, no answer', `${host.name} served a stranger on ${key.name}`)
    else this.refusals++
  }

  /** Lets the guest in, or out again. */
  async changePolicy(key: KnownKey, host: SimHost): Promise<void> {
    const { guest, calls } = this.#context
    const view = host.port?.key(key.name)
    // of two changes at once either may come last; and a node that lags would have an old change made again, which the
    // log confirms as the old one
    if (view === undefined || this.#changing.has(key.name) || view.policyRevision < key.policyRevision) return
    this.#changing.add(key.name)
    const isWelcome = !view.rules.some(rule => toHex(rule.principal) === toHex(guest.publicKey))
    const rules: PolicyRule[] = isWelcome
      ? [{ principal: guest.publicKey, operations: [suiteOf(key.kind).operation], ratePerMinute: 100_000 }]
      : []
    key.isGuestWelcome = undefined
    const { name } = key
    const change: Transaction = { type: 'set-policy', name, revision: view.policyRevision, rules }
    const outcome = await this.#submit(`policy ${name}`, host, change)
    this.#changing.delete(key.name)
    if (outcome.ok) {
      key.isGuestWelcome = isWelcome
      key.policyRevision = view.policyRevision + 1
    }
    // others see it once they have applied the block
    await calls.sleep(100)
  }

  /** What the policy says of the guest is what the guest gets. Only in calm weather. */
  async guestVisit(key: KnownKey, host: SimHost): Promise<boolean> {
    const isWelcome = key.isGuestWelcome
    if (isWelcome === undefined) return true
    const request = this.#request(key, this.#context.guest)
    const outcome = await this.#operate(`guest ${key.name}`, host, request)
    if (outcome.ok && !isWelcome) {
      this.#context.findings.add(
        'no right, no answer',
        `${host.name} served the banished guest on ${key.name}`,
      )
    }
    if (outcome.ok) this.#checkResult(key, request.value.inputs, outcome.value)
    return outcome.ok === isWelcome
  }

  async #tryIntrusion(host: SimHost, request: Signed<OperationRequest>): Promise<string> {
    const { calls } = this.#context
    // its refusal is `bad_signature` or `forbidden`, which would be suspicious for an honest client
    const outcome = await calls.make('intrude', host, OPERATE_PATIENCE_MS, async port =>
      port.operate(request).then(
        () => 'ok',
        error => error.code as string,
      ),
    )
    return outcome.ok ? outcome.value : outcome.error.code
  }

  #operate(
    what: string,
    host: SimHost,
    request: Signed<OperationRequest>,
  ): Promise<Outcome<OperationResult>> {
    return this.#context.calls.make(what, host, OPERATE_PATIENCE_MS, port => port.operate(request))
  }

  #submit(what: string, host: SimHost, value: Transaction): ReturnType<Calls['make']> {
    const { calls, owner, networkId } = this.#context
    const signed = signValue(owner, 'transaction', networkId, value)
    return calls.make(what, host, SUBMIT_PATIENCE_MS, (port: NodePort) => port.submit(signed))
  }

  async #ceremonyEnd(name: string, kind: KeyKind, host: SimHost): Promise<boolean> {
    const { calls } = this.#context
    const end = await calls.make(`ceremony ${name}`, host, CEREMONY_PATIENCE_MS, port =>
      port.ceremonyEnd(name),
    )
    if (!end.ok) return false
    const { keyId, threshold, publicKey, version }: KeyView = end.value
    this.known.set(name, {
      name,
      kind,
      keyId,
      threshold,
      publicKey,
      version,
      isGuestWelcome: false,
      policyRevision: 0,
    })
    return true
  }

  /** Results that came before their holders' shares were on disk, for the end. */
  checkLateResults(): void {
    for (const { key, inputs, result } of this.#late.splice(0)) {
      this.#context.secrets.demand({ ...key, version: result.version, publicKey: result.publicKey })
      this.#checkResult(key, inputs, result)
    }
  }

  #checkResult(key: KnownKey, inputs: readonly Uint8Array[], result: OperationResult): void {
    const { findings, secrets } = this.#context
    const { version, publicKey, outputs } = result
    const whole = secrets.assemble({ ...key, version, publicKey })
    if (whole === undefined) {
      this.#late.push({ key, inputs, result })
      return
    }
    const isRight =
      outputs.length === inputs.length &&
      outputs.every((output, index) => isSingleKeyResult(whole, inputs[index]!, output))
    if (!isRight)
      findings.add('every result is the single-key result', `${key.name} (${key.kind}) gave another`)
    this.results++
  }

  #newKey(kind: KeyKind, origin: CreateKey['origin'], wanted?: number): CreateKey {
    const { rng, hosts } = this.#context
    const nodes = hosts.length
    // as many honest holders are left as the threshold needs, whoever lies or is down
    const faulty = mostFaulty(nodes)
    const fewest = Math.min(nodes, faulty + 2)
    const drawn = fewest + randomBelow(rng, nodes - fewest + 1)
    const shares = wanted ?? drawn
    const threshold = nodes === 1 ? 1 : 2 + randomBelow(rng, Math.max(1, shares - faulty - 1))
    const name = `${origin}-${kind}-${++this.#names}`
    const nonce = rng.bytes(16)
    const rules: PolicyRule[] = []
    return {
      type: 'create-key',
      nonce,
      name,
      kind,
      threshold,
      shares,
      rules,
      isExportable: false,
      entropy: 0,
      origin,
    }
  }

  #request(key: KnownKey, principal: SigningKey): Signed<OperationRequest> {
    const { rng, time, networkId } = this.#context
    const { operation } = suiteOf(key.kind)
    const inputs = Array.from({ length: 1 + randomBelow(rng, 3) }, () => inputFor(key.kind, rng))
    const nonce = rng.bytes(16)
    const expiresMs = Math.floor(time.nowMs) + REQUEST_LIFE_MS
    const request = { key: key.name, version: 0, operation, isBlinded: false, inputs, nonce, expiresMs }
    return signValue(principal, 'operation', networkId, request)
  }
}

/** A message, a PRF input, or somebody's ephemeral X25519 key. */
function inputFor(kind: KeyKind, rng: Rng): Uint8Array {
  if (kind !== 'x25519') return rng.bytes(Math.floor(randomUnit(rng) * 100))
  const scalar = 1n + BigInt(`0x${Buffer.from(rng.bytes(31)).toString('hex')}`)
  return toLittleEndian(montgomeryLadder(scalar, 9n))
}

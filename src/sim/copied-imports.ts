import { isOstrakaError, randomBelow, Secret, type SeededRng, toHex } from '../base/index.ts'
import { groupByName, type SigningKey, signValue } from '../crypto/index.ts'
import { makeDealing, shareTreeRoot, suiteOf } from '../keys/index.ts'
import type { NodePort } from '../node/index.ts'
import {
  type CreateKey,
  type Encapsulation,
  type KeyKind,
  sealedDealingCodec,
  type Transaction,
} from '../wire/index.ts'
import type { Findings } from './checks/findings.ts'
import type { SimHost } from './host.ts'

/** Each leaves an import that the log aborts at its deadline. */
const MAX_COPIES = 4

const PREFIX = 'copied-'

/** A client with the right to create keys that imports one by an honest dealer's encapsulation: its holders would complain, and open it. */
export class CopiedImports {
  readonly #client: SigningKey
  readonly #networkId: Uint8Array
  readonly #kind: KeyKind
  readonly #rng: SeededRng
  readonly #ceremonies = new Set<string>()
  #opened = 0
  #copies = 0

  constructor(client: SigningKey, networkId: Uint8Array, kind: KeyKind, rng: SeededRng) {
    this.#client = client
    this.#networkId = networkId
    this.#kind = kind
    this.#rng = rng
  }

  /** Whether a block holds a dealing under the copy; it convicts the client, which is no member. */
  async deal(port: NodePort, copied: Encapsulation): Promise<boolean> {
    if (this.#copies >= MAX_COPIES) return false
    const name = `${PREFIX}${++this.#copies}`
    try {
      await port.submit(signValue(this.#client, 'transaction', this.#networkId, this.#creation(name)))
      const plan = await port.importPlan(name)
      const { group } = suiteOf(this.#kind)
      const secret = new Secret(groupByName(group).randomScalar(this.#rng))
      const id = { networkId: this.#networkId, id: plan.ceremony, group }
      const { deal, record } = makeDealing({ ...plan, ...id }, this.#client, secret, this.#rng)
      const { value } = sealedDealingCodec.decode(record)
      const shares = value.shares.map(each => ({ ...each, sealed: this.#rng.bytes(each.sealed.length) }))
      const garbage = signValue(this.#client, 'sealed-dealing', this.#networkId, { ...value, shares })
      await port.putRecord(sealedDealingCodec.encode(garbage))
      this.#ceremonies.add(toHex(plan.ceremony))
      const dealt = { ...deal, encapsulation: copied, root: shareTreeRoot(shares) }
      await port.submit(signValue(this.#client, 'transaction', this.#networkId, dealt))
      return true
    } catch (error) {
      if (!isOstrakaError(error)) throw error
      return false
    }
  }

  /** A complaint about such a dealing would open what the honest dealer has sealed. */
  see(value: Transaction): void {
    if (value.type === 'complain' && this.#ceremonies.has(toHex(value.ceremony))) this.#opened += 1
  }

  /** In the end, at an honest host. */
  inspect({ name, port }: SimHost, findings: Findings): void {
    if (this.#opened > 0)
      findings.add('nothing is opened about a copied encapsulation', `${this.#opened} complaints were sent`)
    for (let copy = 1; copy <= this.#copies; copy++) {
      const key = `${PREFIX}${copy}`
      if ((port?.key(key)?.version ?? 0) > 0)
        findings.add('no key is imported under a copied encapsulation', `${key} on ${name}`)
    }
  }

  #creation(name: string): CreateKey {
    return {
      ...{ type: 'create-key', nonce: this.#rng.bytes(16), name, kind: this.#kind, origin: 'import' },
      ...{ threshold: 2, shares: 3 + randomBelow(this.#rng, 3), rules: [], isExportable: false, entropy: 0 },
    }
  }
}

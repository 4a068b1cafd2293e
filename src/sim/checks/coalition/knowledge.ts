import { fromLittleEndian, modulo, orderOf, toLittleEndian } from '../arithmetic.ts'
import { multiplied, multipliedBase, noncePoint, openSealed, type SealedName } from './forms.ts'
import { LinearFacts, type LinearForm } from './linear.ts'

const L = orderOf('toy')

/** Where a point lives: keys of these runs are toy keys, whose points are never read as numbers; the rest is ristretto255. */
export type Field = 'toy' | 'ristretto255'

/** A Schnorr or DLEQ proof: challenge, response. */
export interface Proof {
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

/** One ciphertext that travelled, and what an honest recipient would believe of its plaintext. */
export interface SealedFact {
  readonly enc: Uint8Array
  readonly recipient: Uint8Array
  readonly name: SealedName
  readonly sealed: Uint8Array
  /** What the plaintext is, if it is sound. */
  readonly meaning: LinearForm
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export function named(field: Field, point: Uint8Array): string {
  return `${field}:${hex(point)}`
}

/** p(x), where the polynomial's coefficients are the discrete logarithms of `commitments`. */
export function evaluated(commitments: readonly Uint8Array[], x: number): Map<string, bigint> {
  const form = new Map<string, bigint>()
  let power = 1n
  for (const commitment of commitments) {
    const name = named('toy', commitment)
    form.set(name, (form.get(name) ?? 0n) + power)
    power *= BigInt(x)
  }
  return form
}

export function minus(a: LinearForm, b: LinearForm): Map<string, bigint> {
  const form = new Map(a)
  for (const [name, coefficient] of b) form.set(name, (form.get(name) ?? 0n) - coefficient)
  return form
}

/** The discrete logarithm of the point that the form names, in the toy group: only to verify what was derived. */
function toyLogarithm(form: LinearForm): bigint {
  let sum = 0n
  for (const [name, coefficient] of form) {
    sum += coefficient * fromLittleEndian(Buffer.from(name.slice('toy:'.length), 'hex'))
  }
  return modulo(sum, L)
}

/**
 * All that the coalition can work out: what it was sent and what it published, closed under linear combination,
 * multiplication of points by known scalars, key derivation, and opening of every ciphertext that it ever saw.
 */
export class Knowledge {
  readonly #facts = new LinearFacts()
  /** Known secret halves of sealing keys, by public key. */
  readonly #secretKeys = new Map<string, Uint8Array>()
  /** Points that may be the shared point of some ciphertext to this key. */
  readonly #sharedPoints = new Map<string, Uint8Array[]>()
  readonly #sealed = new Map<string, Set<SealedFact>>()
  readonly #known = new Set<string>()
  /** Ciphertexts that opened. */
  opened = 0
  /** Ciphertexts tried with a point. */
  tried = 0

  /** The coalition's own scalar. */
  scalar(field: Field, point: Uint8Array, value: Uint8Array): void {
    if (!this.#isNew(`scalar ${named(field, point)}`)) return
    this.#facts.add(new Map([[named(field, point), 1n]]), fromLittleEndian(value))
    if (field === 'ristretto255') this.#secretKeys.set(hex(point), value)
  }

  /** A sum that the coalition has chosen without knowing its terms. */
  relation(form: LinearForm, value: Uint8Array): void {
    this.#facts.add(form, fromLittleEndian(value))
  }

  /** Two ways to compute one thing. */
  equal(a: LinearForm, b: LinearForm): void {
    const form = minus(a, b)
    if (toyLogarithm(form) !== 0n) throw new Error('the network says two things are equal that are not')
    this.#facts.add(form, 0n)
  }

  /** A published proof about the logarithm of `point`: response = nonce - challenge * logarithm. */
  proof(field: Field, point: Uint8Array, { challenge, response }: Proof): void {
    if (!this.#isNew(`proof ${named(field, point)} ${hex(challenge)} ${hex(response)}`)) return
    const [c, r] = [fromLittleEndian(challenge), fromLittleEndian(response)]
    const nonce =
      field === 'toy'
        ? toLittleEndian(modulo(r + c * fromLittleEndian(point), L))
        : noncePoint(response, challenge, point)
    if (nonce === undefined) return
    this.#facts.add(minus(new Map([[named(field, nonce), 1n]]), new Map([[named(field, point), c]])), r)
  }

  /** A published point that is said to be a sealing key's secret half times some encapsulation. */
  sharedPoint(recipient: Uint8Array, point: Uint8Array): void {
    const key = hex(recipient)
    if (!this.#isNew(`shared ${key} ${hex(point)}`)) return
    this.#sharedPoints.set(key, [...(this.#sharedPoints.get(key) ?? []), point])
    for (const fact of this.#sealed.get(key) ?? []) this.#try(fact, point)
  }

  /** A ciphertext that travelled. */
  ciphertext(fact: SealedFact): void {
    const { enc, recipient, sealed, name } = fact
    const key = hex(recipient)
    if (!this.#isNew(`sealed ${key} ${hex(enc)} ${hex(sealed)} ${hex(name.context)} ${hex(name.info)}`))
      return
    const secretKey = this.#secretKeys.get(key)
    const own = secretKey && multiplied(secretKey, enc)
    if (own !== undefined) {
      this.#try(fact, own)
      return
    }
    this.#sealed.set(key, (this.#sealed.get(key) ?? new Set()).add(fact))
    for (const point of this.#sharedPoints.get(key) ?? []) this.#try(fact, point)
  }

  /** The value that the coalition can work out; verified against the public points that name it. */
  valueOf(form: LinearForm): bigint | undefined {
    const value = this.#facts.valueOf(form)
    if (value === undefined) return undefined
    const [first] = form.keys()
    const isRight = first!.startsWith('toy:')
      ? value === toyLogarithm(form)
      : hex(multipliedBase(toLittleEndian(value))) === first!.slice('ristretto255:'.length)
    if (!isRight) throw new Error('the coalition checker has derived what the public points contradict')
    return value
  }

  #try(fact: SealedFact, point: Uint8Array): void {
    this.tried++
    const plaintext = openSealed(fact.enc, fact.recipient, point, fact.name, fact.sealed)
    if (plaintext === undefined) return
    this.opened++
    this.#sealed.get(hex(fact.recipient))?.delete(fact)
    const value = fromLittleEndian(plaintext)
    // a dishonest dealer's plaintext may be anything
    if (plaintext.length === 32 && value === toyLogarithm(fact.meaning)) this.#facts.add(fact.meaning, value)
  }

  #isNew(name: string): boolean {
    if (this.#known.has(name)) return false
    this.#known.add(name)
    return true
  }
}

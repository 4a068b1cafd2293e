import { inverse, modulo, orderOf } from '../arithmetic.ts'

/** The prime order of ristretto255 and of the toy group. */
const L = orderOf('toy')

/** A sum of coefficient times unknown. */
export type LinearForm = ReadonlyMap<string, bigint>

interface Row {
  /** Without the pivot, whose coefficient is 1. */
  readonly rest: ReadonlyMap<number, bigint>
  readonly value: bigint
}

/**
 * Linear equations over the scalar field, in echelon form. An unknown is a discrete logarithm, named by its point. The
 * newest unknown of an equation is its pivot, so that most questions end at the first unknown without an equation.
 */
export class LinearFacts {
  readonly #indices = new Map<string, number>()
  readonly #rows = new Map<number, Row>()

  /** Adds `form` = `value`. False when that follows from the equations already known. Throws when it contradicts them. */
  add(form: LinearForm, value: bigint): boolean {
    const work = new Map<number, bigint>()
    for (const [name, coefficient] of form) this.#addTo(work, this.#indexOf(name), coefficient)
    const { pivot, sum } = this.#eliminate(work, modulo(value, L))
    if (pivot === undefined) {
      if (sum !== 0n) throw new Error('the coalition checker has taken a wrong fact for true')
      return false
    }
    const factor = inverse(work.get(pivot)!, L)
    work.delete(pivot)
    for (const [index, coefficient] of work) work.set(index, (coefficient * factor) % L)
    this.#rows.set(pivot, { rest: work, value: (sum * factor) % L })
    return true
  }

  /** The value that the equations give `form`; undefined while they leave it open. */
  valueOf(form: LinearForm): bigint | undefined {
    const work = new Map<number, bigint>()
    for (const [name, coefficient] of form) {
      const index = this.#indices.get(name)
      if (index === undefined) return undefined
      this.#addTo(work, index, coefficient)
    }
    const { pivot, sum } = this.#eliminate(work, 0n)
    return pivot === undefined ? modulo(-sum, L) : undefined
  }

  /** Substitutes pivots, newest first, until an unknown without an equation leads. */
  #eliminate(work: Map<number, bigint>, value: bigint): { pivot: number | undefined; sum: bigint } {
    let sum = value
    while (work.size > 0) {
      let newest = -1
      for (const index of work.keys()) if (index > newest) newest = index
      const row = this.#rows.get(newest)
      if (row === undefined) return { pivot: newest, sum }
      const coefficient = work.get(newest)!
      work.delete(newest)
      for (const [index, other] of row.rest) this.#addTo(work, index, L - ((coefficient * other) % L))
      sum = modulo(sum - coefficient * row.value, L)
    }
    return { pivot: undefined, sum }
  }

  #addTo(work: Map<number, bigint>, index: number, coefficient: bigint): void {
    const sum = modulo((work.get(index) ?? 0n) + coefficient, L)
    if (sum === 0n) work.delete(index)
    else work.set(index, sum)
  }

  #indexOf(name: string): number {
    let index = this.#indices.get(name)
    if (index === undefined) {
      index = this.#indices.size
      this.#indices.set(name, index)
    }
    return index
  }
}

/** The weight of each dealing in a version: 1 for new secrets, its slot's Lagrange coefficient at zero for handed-on shares. */
export function weightsOf(fromSlots: readonly number[]): bigint[] {
  return fromSlots.map(slot => {
    if (slot === 0) return 1n
    let [numerator, denominator] = [1n, 1n]
    for (const other of fromSlots) {
      if (other === slot) continue
      numerator = (numerator * BigInt(other)) % L
      denominator = modulo(denominator * BigInt(other - slot), L)
    }
    return (numerator * inverse(denominator, L)) % L
  })
}

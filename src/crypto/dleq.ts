import { concat, OstrakaError, type Rng, type Secret, utf8 } from '../base/index.ts'
import type { Element, Group, Scalar } from './group.ts'
import { sha512 } from './hash.ts'
import { hashToScalar } from './hash-to-group.ts'
import { secretScalar } from './secret-scalars.ts'
import { framed, uint16 } from './transcript.ts'

/** A proof that one scalar k joins B = k*A and D_i = k*C_i for all i: RFC 9497 section 2.2. */
export interface DleqProof {
  readonly challenge: Scalar
  readonly response: Scalar
}

/** Where a proof is valid: the group, and RFC 9497's contextString, which separates the protocols that use it. */
export interface DleqDomain {
  readonly group: Group
  readonly contextString: Uint8Array
}

/** What is claimed: `evaluated[i]` = k * `elements[i]`, where `publicKey` = k * base. */
export interface DleqStatement {
  readonly publicKey: Element
  readonly elements: readonly Element[]
  readonly evaluated: readonly Element[]
}

/** I2OSP(i, 2) numbers the elements of a batch. */
const MAX_BATCH = 0xffff

/** RFC 9497 section 2.2.1, GenerateProof with A the group's base, over a batch of at least one element. */
export function proveDleq(domain: DleqDomain, secret: Secret, statement: DleqStatement, rng: Rng): DleqProof {
  const bound = encodeStatement(domain, statement)
  return proveWith(domain, secret, statement, secretScalar(domain.group, 'dleq-nonce', secret, rng, bound))
}

/** `proveDleq` with the RFC's `r`, which it wipes. */
export function proveWith(
  domain: DleqDomain,
  secret: Secret,
  statement: DleqStatement,
  nonce: Scalar,
): DleqProof {
  const { group } = domain
  const k = secret.expose()
  const m = compositeOf(domain, statement, statement.elements)
  const z = group.multiply(m, k) // ComputeCompositesFast: the prover knows k
  const t2 = group.multiplyBase(nonce)
  const t3 = group.multiply(m, nonce)
  const challenge = challengeOf(domain, statement.publicKey, m, z, t2, t3)
  const product = group.scalarMultiply(challenge, k)
  const response = group.scalarSubtract(nonce, product)
  nonce.fill(0)
  product.fill(0)
  return { challenge, response }
}

/** RFC 9497 section 2.2.2, VerifyProof; false also for statements and scalars that are not well formed. */
export function verifyDleq(domain: DleqDomain, statement: DleqStatement, proof: DleqProof): boolean {
  const { group } = domain
  let challenge: Scalar
  let response: Scalar
  try {
    challenge = group.decodeScalar(proof.challenge)
    response = group.decodeScalar(proof.response)
    requireBatch(statement)
  } catch {
    return false
  }
  const weights = weightsOf(domain, statement)
  const m = weightedSum(group, weights, statement.elements)
  const z = weightedSum(group, weights, statement.evaluated)
  const t2 = group.add(group.multiplyBase(response), group.multiply(statement.publicKey, challenge))
  const t3 = group.publicMultiplySum([
    [response, m],
    [challenge, z],
  ])
  const expected = challengeOf(domain, statement.publicKey, m, z, t2, t3)
  return group.isZeroScalar(group.scalarSubtract(expected, challenge))
}

/** All that a proof claims: whatever differs in it makes another nonce. */
function encodeStatement({ contextString }: DleqDomain, statement: DleqStatement): Uint8Array {
  const { publicKey, elements, evaluated } = statement
  return framed(contextString, ...[publicKey, ...elements, ...evaluated].map(element => element.bytes))
}

function requireBatch({ elements, evaluated }: DleqStatement): void {
  if (elements.length === 0 || elements.length > MAX_BATCH || elements.length !== evaluated.length) {
    throw new OstrakaError('malformed', 'a batch has 1 to 65535 elements and as many results', {
      elements: elements.length,
      evaluated: evaluated.length,
    })
  }
}

function compositeOf(domain: DleqDomain, statement: DleqStatement, elements: readonly Element[]): Element {
  requireBatch(statement)
  return weightedSum(domain.group, weightsOf(domain, statement), elements)
}

/** The scalars d_i of RFC 9497 section 2.2.1, ComputeComposites. */
function weightsOf({ group, contextString }: DleqDomain, statement: DleqStatement): Scalar[] {
  const seedDomain = concat(utf8('Seed-'), contextString)
  const seed = sha512(framed(statement.publicKey.bytes, seedDomain))
  const scalarDomain = concat(utf8('HashToScalar-'), contextString)
  return statement.elements.map((element, index) => {
    const pair = framed(element.bytes, statement.evaluated[index]!.bytes)
    const transcript = concat(framed(seed), uint16(index), pair, utf8('Composite'))
    return hashToScalar(group, transcript, scalarDomain)
  })
}

function weightedSum(group: Group, weights: readonly Scalar[], elements: readonly Element[]): Element {
  return group.publicMultiplySum(elements.map((element, index) => [weights[index]!, element] as const))
}

function challengeOf({ group, contextString }: DleqDomain, ...elements: readonly Element[]): Scalar {
  const transcript = concat(framed(...elements.map(element => element.bytes)), utf8('Challenge'))
  return hashToScalar(group, transcript, concat(utf8('HashToScalar-'), contextString))
}

import { fromBase64, isOstrakaError, listFromBase64, type Rng } from '../base/index.ts'
import {
  blind,
  cryptoReady,
  type Element,
  finalize,
  ristretto255,
  verifyBlindedEvaluation,
} from '../crypto/index.ts'
import type { ProofJson } from './json.ts'

interface Evaluation {
  readonly version: number
  readonly proofs?: readonly ProofJson[]
}

/** One generation of the shares of one version of a key. */
export interface SharedVersion {
  readonly version: number
  readonly generation: number
  readonly commitments: readonly Uint8Array[]
}

/** What the network is asked: evaluates blinded elements and proves it. */
export interface BlindEvaluator {
  /** The wanted version, or that one; asked again, as it is then. Errors: `unknown_version`. */
  version(number?: number): Promise<SharedVersion>
  evaluate(blinded: readonly Uint8Array[]): Promise<Evaluation>
}

/**
 * RFC 9497's client: blinds each input, checks the holders' proofs against the key's commitments, unblinds. The network
 * learns neither inputs nor outputs, and no gateway can pass off a wrong result. Errors: `bad_partial`,
 * `insufficient_shares`, `unknown_version`.
 */
export async function deriveBlinded(
  network: BlindEvaluator,
  inputs: readonly Uint8Array[],
  rng: Rng,
): Promise<{ readonly version: number; readonly outputs: readonly Uint8Array[] }> {
  await cryptoReady
  const before = await network.version()
  const blinded = inputs.map(input => blind(ristretto255, input, rng))
  const elements = blinded.map(({ element }) => element)
  const { version, proofs = [] } = await network.evaluate(elements.map(element => element.bytes))
  const partials = proofs.map(proof => ({
    slot: proof.slot,
    elements: listFromBase64(proof.elements, 'elements').map(bytes => ristretto255.decode(bytes)),
    proof: {
      challenge: fromBase64(proof.challenge, 'challenge'),
      response: fromBase64(proof.response, 'response'),
    },
  }))
  const check = ({ commitments }: SharedVersion): Element[] =>
    verifyBlindedEvaluation(
      ristretto255,
      commitments.map(bytes => ristretto255.decode(bytes)),
      elements,
      partials,
    )
  let evaluated: Element[]
  try {
    evaluated = check(before)
  } catch (error) {
    // between our reading the key and the holders' answering, shares may have been made anew, or the key rotated
    if (!isOstrakaError(error, 'bad_partial')) throw error
    const isLater = (other: SharedVersion): boolean =>
      other.version > before.version ||
      (other.version === before.version && other.generation > before.generation)
    const after = await network.version(version)
    if (!isLater(after)) throw error
    evaluated = check(after)
  }
  const outputs = inputs.map((input, index) => {
    const { blind: blinding } = blinded[index]!
    const output = finalize(ristretto255, input, blinding, evaluated[index]!)
    blinding.wipe()
    return output.expose()
  })
  return { version, outputs }
}

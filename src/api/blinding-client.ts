import { fromBase64, isOstrakaError, OstrakaError, type Rng } from '../base/index.ts'
import {
  blind,
  cryptoReady,
  type Element,
  finalize,
  ristretto255,
  verifyBlindedEvaluation,
} from '../crypto/index.ts'
import type { KeyJson, ProofJson, VersionJson } from './json.ts'

interface Evaluation {
  readonly version: number
  readonly proofs?: readonly ProofJson[]
}

/** What the network is asked: evaluates blinded elements and proves it. */
export interface BlindEvaluator {
  key(): Promise<KeyJson>
  evaluate(blinded: readonly Uint8Array[]): Promise<Evaluation>
}

function versionOf(key: KeyJson, version: number): VersionJson {
  const found = key.versions.find(other => other.version === version)
  if (found !== undefined) return found
  throw new OstrakaError('unknown_version', 'the key has no such version', { version })
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
  const key = await network.key()
  const blinded = inputs.map(input => blind(ristretto255, input, rng))
  const elements = blinded.map(({ element }) => element)
  const { version, proofs = [] } = await network.evaluate(elements.map(element => element.bytes))
  const partials = proofs.map(proof => ({
    slot: proof.slot,
    elements: proof.elements.map(text => ristretto255.decode(fromBase64(text))),
    proof: { challenge: fromBase64(proof.challenge), response: fromBase64(proof.response) },
  }))
  const check = (found: VersionJson): Element[] => {
    const commitments = found.commitments.map(text => ristretto255.decode(fromBase64(text)))
    return verifyBlindedEvaluation(ristretto255, commitments, elements, partials)
  }
  const before = versionOf(key, version)
  let evaluated: Element[]
  try {
    evaluated = check(before)
  } catch (error) {
    // the shares may have been made anew between our reading the key and the holders' answering
    const after = versionOf(await network.key(), version)
    if (!isOstrakaError(error, 'bad_partial') || after.generation === before.generation) throw error
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

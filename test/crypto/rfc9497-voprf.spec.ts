import assert from 'node:assert/strict'
import { concat, fromHex, Secret, SeededRng, toHex } from '../../src/base/index.ts'
import { proveWith } from '../../src/crypto/dleq.ts'
import {
  blind,
  combinePartials,
  cryptoReady,
  type Element,
  evaluatePartial,
  finalize,
  finalizeDirect,
  ristretto255 as group,
  hashInput,
  multiplyByShare,
  type OprfMode,
  oprfDomain,
  verifyBlindedEvaluation,
  verifyingShare,
  verifyPartial,
} from '../../src/crypto/index.ts'
import { blindWith } from '../../src/crypto/voprf.ts'
import { refuses } from './refuses.ts'
import { readVectors, shareKey } from './shared-key.ts'

interface Suite {
  readonly mode: 0 | 1
  readonly skSm: string
  readonly pkSm?: string
  readonly vectors: ReadonlyArray<{
    readonly Batch: number
    readonly Blind: string
    readonly BlindedElement: string
    readonly EvaluationElement: string
    readonly Input: string
    readonly Output: string
    readonly Proof?: { readonly proof: string; readonly r: string }
  }>
}

const MODES: readonly OprfMode[] = ['oprf', 'voprf']
const SHAPES: ReadonlyArray<readonly [number, number]> = [
  [1, 1],
  [2, 3],
  [3, 5],
  [7, 10],
]

const hexes = (text: string): Uint8Array[] => text.split(',').map(fromHex)
const decoded = (text: string): Element[] => hexes(text).map(bytes => group.decode(bytes))
const joined = (elements: readonly Element[]): string => elements.map(e => toHex(e.bytes)).join(',')

await cryptoReady

for (const suite of readVectors<Suite[]>('rfc9497/ristretto255-sha512.json')) {
  const mode = MODES[suite.mode]!
  for (const [index, vector] of suite.vectors.entries()) {
    describe(`RFC 9497 appendix A.1, ${mode} vector ${index + 1}`, () => {
      const inputs = hexes(vector.Input)

      it('blinds the input to the published element', () => {
        const blinds = hexes(vector.Blind)
        assert.equal(
          joined(inputs.map((input, at) => blindWith(group, input, blinds[at]!, mode).element)),
          vector.BlindedElement,
        )
      })

      it('proves an evaluation with the published bytes', () => {
        const key = new Secret(fromHex(suite.skSm))
        const publicKey = group.multiplyBase(key.expose())
        if (suite.pkSm !== undefined) assert.equal(toHex(publicKey.bytes), suite.pkSm)
        const blinded = decoded(vector.BlindedElement)
        const rng = new SeededRng('any')
        const { elements, proof } = evaluatePartial(group, key, blinded, publicKey, rng, mode)
        assert.equal(joined(elements), vector.EvaluationElement)
        if (vector.Proof !== undefined) {
          const statement = { publicKey, elements: blinded, evaluated: elements }
          const proven = proveWith(oprfDomain(group, mode), key, statement, fromHex(vector.Proof.r))
          assert.equal(toHex(concat(proven.challenge, proven.response)), vector.Proof.proof)
        }
        assert.ok(verifyPartial(group, blinded, publicKey, elements, proof, mode))
      })

      for (const shape of SHAPES) {
        it(`has the published output when the key is shared ${shape[0]} of ${shape[1]}`, () => {
          const rng = new SeededRng(`rfc9497 ${shape}`)
          const key = shareKey(group, fromHex(suite.skSm), shape, rng)
          const slots = [...key.shares.keys()].slice(-shape[0]) // the last ones: not 1, 2, 3
          const partialsOf = (elements: readonly Element[]) =>
            slots.map(slot => {
              const publicShare = verifyingShare(group, key.commitments, slot)
              return {
                slot,
                ...evaluatePartial(group, key.shares.get(slot)!, elements, publicShare, rng, mode),
              }
            })

          // blinded: what a client makes of the partials that a gateway relays
          const blinded = decoded(vector.BlindedElement)
          const evaluated = verifyBlindedEvaluation(
            group,
            key.commitments,
            blinded,
            partialsOf(blinded),
            mode,
          )
          assert.equal(joined(evaluated), vector.EvaluationElement)
          const blinds = hexes(vector.Blind).map(bytes => new Secret(bytes))
          const outputs = inputs.map((input, i) => finalize(group, input, blinds[i]!, evaluated[i]!))
          assert.equal(outputs.map(output => toHex(output.expose())).join(','), vector.Output)

          // plain: Evaluate under the key that nobody assembles
          const hashed = inputs.map(input => hashInput(group, input, mode))
          const direct = combinePartials(group, partialsOf(hashed)).map((e, i) =>
            finalizeDirect(inputs[i]!, e),
          )
          assert.equal(direct.map(output => toHex(output.expose())).join(','), vector.Output)
        })
      }
    })
  }
}

describe('a threshold evaluation', () => {
  const rng = new SeededRng('voprf')
  const input = new Uint8Array([1, 2, 3])

  function evaluation() {
    const key = shareKey(group, group.randomScalar(rng), [3, 5], rng)
    const blinded = [blind(group, input, rng).element, blind(group, input, rng).element]
    const partials = [1, 3, 5].map(slot => {
      const publicShare = verifyingShare(group, key.commitments, slot)
      return { slot, ...evaluatePartial(group, key.shares.get(slot)!, blinded, publicShare, rng) }
    })
    return { key, blinded, partials }
  }

  it('does not depend on which holders answer, nor on their order', () => {
    const { key } = evaluation()
    const element = hashInput(group, input)
    const outputs = [
      [1, 2, 3],
      [5, 4, 1],
      [2, 3, 4, 5],
    ].map(slots => {
      const partials = slots.map(slot => ({
        slot,
        elements: multiplyByShare(group, key.shares.get(slot)!, [element]),
      }))
      return toHex(finalizeDirect(input, combinePartials(group, partials)[0]!).expose())
    })
    assert.equal(new Set(outputs).size, 1)
  })

  it('blames the slot whose partial is wrong, in any place of the batch, and no other', () => {
    const { key, blinded, partials } = evaluation()
    const [first, second] = partials[1]!.elements
    const forged = { ...partials[1]!, elements: [first!, group.add(second!, group.base)] }
    const error = refuses('bad_partial', () =>
      verifyBlindedEvaluation(group, key.commitments, blinded, [partials[0]!, forged, partials[2]!]),
    )
    assert.deepEqual(error.details.slots, [3])
  })

  it('refuses a partial under another share, another proof, another mode or swapped elements', () => {
    const { key, blinded, partials } = evaluation()
    const publicShare = verifyingShare(group, key.commitments, 1)
    const { elements, proof } = partials[0]!
    assert.ok(verifyPartial(group, blinded, publicShare, elements, proof))
    assert.ok(!verifyPartial(group, blinded, verifyingShare(group, key.commitments, 2), elements, proof))
    assert.ok(!verifyPartial(group, blinded, publicShare, elements, partials[1]!.proof))
    assert.ok(!verifyPartial(group, blinded, publicShare, elements, proof, 'oprf'))
    assert.ok(!verifyPartial(group, blinded, publicShare, elements.toReversed(), proof))
    assert.ok(!verifyPartial(group, blinded.toReversed(), publicShare, elements.toReversed(), proof))
    assert.ok(!verifyPartial(group, blinded, publicShare, elements.slice(1), proof))
    assert.ok(!verifyPartial(group, [], publicShare, [], proof))
    const overflow = { ...proof, response: new Uint8Array(32).fill(255) }
    assert.ok(!verifyPartial(group, blinded, publicShare, elements, overflow))
  })

  it('needs as many partials as the threshold, from distinct slots, over one batch', () => {
    const { key, blinded, partials } = evaluation()
    const error = refuses('insufficient_shares', () =>
      verifyBlindedEvaluation(group, key.commitments, blinded, partials.slice(1)),
    )
    assert.deepEqual(error.details, { needed: 3, answered: 2 })
    refuses('malformed', () => combinePartials(group, [partials[0]!, partials[0]!]))
    refuses('malformed', () => combinePartials(group, [partials[0]!, { ...partials[1]!, elements: [] }]))
    refuses('malformed', () => combinePartials(group, [{ ...partials[0]!, slot: 0 }]))
    refuses('insufficient_shares', () => combinePartials(group, []))
  })

  it('takes inputs of up to 65,535 bytes', () => {
    assert.equal(hashInput(group, new Uint8Array(65535)).bytes.length, 32)
    refuses('too_large', () => hashInput(group, new Uint8Array(65536)))
  })
})

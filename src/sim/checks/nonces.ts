import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { peerIdOf, toHex } from '../../base/index.ts'
import type { PartialAnswer, PartialCall, PartialRequest } from '../../wire/index.ts'
import { contentOf } from '../frames.ts'
import type { Frame } from '../network.ts'
import type { Findings } from './findings.ts'

/**
 * One challenge per nonce pair: an honest holder never answers two different signing packages in which the same of its
 * commitments stand, since two such answers give its share away.
 */
export class NonceCheck {
  readonly #findings: Findings
  readonly #isHonest: (peerId: string) => boolean
  readonly #calls = new Map<string, PartialRequest>()
  readonly #challenges = new Map<string, string>()

  constructor(findings: Findings, isHonest: (peerId: string) => boolean) {
    this.#findings = findings
    this.#isHonest = isHonest
  }

  get partials(): number {
    return this.#challenges.size
  }

  see(frame: Frame): void {
    if (frame.kind === 'request') {
      const request = contentOf<PartialCall>(frame)
      if (request.type === 'partial' && request.call.packages !== undefined) {
        this.#calls.set(hash(request.call), request.call)
      }
    } else if (frame.kind === 'answer' && this.#isHonest(frame.from)) {
      const answer = contentOf<PartialAnswer>(frame)
      if (answer.type === 'partial') this.#answered(answer)
    }
  }

  #answered({ partial: { value, signer } }: PartialAnswer): void {
    const call = this.#calls.get(toHex(value.requestHash))
    if (call === undefined) return
    const { key, inputs } = call.request.value
    for (const { slot } of value.partials) {
      call.packages!.forEach((lines, index) => {
        const own = lines.find(line => line.slot === slot)
        if (own === undefined) return
        const nonce = `${peerIdOf(signer)} slot ${slot} ${toHex(own.hiding)}${toHex(own.binding)}`
        const challenge = hash([key, call.version, inputs[index], lines])
        const before = this.#challenges.get(nonce)
        if (before !== undefined && before !== challenge) {
          this.#findings.add('one challenge per nonce pair', `${nonce} has signed twice`)
        }
        this.#challenges.set(nonce, challenge)
      })
    }
  }
}

function hash(value: unknown): string {
  return createHash('sha256').update(dagCbor.encode(value)).digest('hex')
}

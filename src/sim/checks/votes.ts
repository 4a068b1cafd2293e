import * as dagCbor from '@ipld/dag-cbor'
import { peerIdOf, toHex } from '../../base/index.ts'
import type { Proposal, ProposalMessage, Signed, Vote, VoteMessage } from '../../wire/index.ts'
import { contentOf } from '../frames.ts'
import type { Frame } from '../network.ts'
import type { Findings } from './findings.ts'
import { verifyEd25519 } from './single-key.ts'

/** No honest node ever signs two different votes, or proposals, for one height, round and step, crashes or not. */
export class VoteCheck {
  readonly #findings: Findings
  readonly #networkId: Uint8Array
  readonly #isHonest: (peerId: string) => boolean
  readonly #said = new Map<string, string>()

  constructor(findings: Findings, networkId: Uint8Array, isHonest: (peerId: string) => boolean) {
    this.#findings = findings
    this.#networkId = networkId
    this.#isHonest = isHonest
  }

  get votes(): number {
    return this.#said.size
  }

  see(frame: Frame): void {
    if (frame.kind !== 'message' || !this.#isHonest(frame.from)) return
    const message = contentOf<{ readonly type: string }>(frame)
    if (message.type === 'vote') {
      const { step, vote } = message as VoteMessage
      this.#note(step, vote)
    } else if (message.type === 'proposal') {
      const { proposal, justification } = message as ProposalMessage
      this.#note('proposal', proposal)
      for (const vote of justification) this.#note('prevote', vote)
    }
  }

  #note(step: string, { value, signer, signature }: Signed<Vote | Proposal>): void {
    const name = `${toHex(signer)} ${step} ${value.height}/${value.round}`
    const what = toHex(value.blockId)
    const before = this.#said.get(name)
    if (before === what) return
    if (!this.#isHonest(peerIdOf(signer))) return
    const signed = Buffer.concat([Buffer.from(`ostraka/1/${step}\0`), this.#networkId, dagCbor.encode(value)])
    // a liar may pass on votes that it has forged
    if (!verifyEd25519(signer, signed, signature)) return
    if (before === undefined) this.#said.set(name, what)
    else this.#findings.add('no contradicted vote', `${name}: ${before || 'nil'} and ${what || 'nil'}`)
  }
}

import { createHash } from 'node:crypto'
import { compareBytes, equalBytes, type PeerId, publicKeyOf } from '../base/index.ts'
import { blockIdOf } from '../control/index.ts'
import { type SigningKey, signValue } from '../crypto/index.ts'
import {
  type Beacon,
  beaconCodec,
  type CertifiedBlock,
  type PartialAnswer,
  type PeerAnswer,
  type PeerMessage,
  type ProposalMessage,
  peerAnswerCodec,
  peerMessageCodec,
  transactionListCodec,
  type VoteMessage,
} from '../wire/index.ts'

/** Whose words these are: whatever is changed is signed again. */
export interface Liar {
  readonly identity: SigningKey
  readonly networkId: Uint8Array
}

/** The same voter's vote for something else: for nothing where it was for a block, for some block where it was for none. */
export function otherVote({ identity, networkId }: Liar, { step, vote }: VoteMessage): Uint8Array {
  const { height, round, blockId } = vote.value
  const made = createHash('sha256').update(`${height}/${round}`).digest()
  const other = { ...vote.value, blockId: blockId.length === 0 ? new Uint8Array(made) : new Uint8Array(0) }
  return peerMessageCodec.encode({ type: 'vote', step, vote: signValue(identity, step, networkId, other) })
}

/** Another load under the same sequence. */
export function otherBeacon({ identity, networkId }: Liar, beacon: Beacon): Uint8Array {
  const load = { ...beacon.load, operations: beacon.load.operations + 1 }
  return beaconCodec.encode(signValue(identity, 'beacon', networkId, { ...beacon, load }))
}

/** The same answer with one bit of each value changed. */
export function spoiltPartial({ identity, networkId }: Liar, answer: PartialAnswer): Uint8Array {
  const { value } = answer.partial
  const partials = value.partials.map(each => ({
    ...each,
    values: each.values.map(bytes => bytes.map((byte, index) => (index === 1 ? byte ^ 1 : byte))),
  }))
  const partial = signValue(identity, 'partial', networkId, { ...value, partials })
  return peerAnswerCodec.encode({ ...answer, partial })
}

/** What a ceremony hears of its dealers and holders. */
const CENSORED: ReadonlySet<string> = new Set(['deal', 'acknowledge', 'complain'])

/** The same proposal without what others say in ceremonies, by a clock that is `skewMs` ahead. */
export function censoredProposal(
  { identity, networkId }: Liar,
  { proposal, block }: ProposalMessage,
  skewMs: number,
): Uint8Array {
  const transactions = block.transactions.filter(
    ({ value, signer }) => !CENSORED.has(value.type) || equalBytes(signer, identity.publicKey),
  )
  const hash = createHash('sha256').update(transactionListCodec.encode(transactions)).digest()
  const header = {
    ...block.header,
    timeMs: block.header.timeMs + skewMs,
    transactionsHash: new Uint8Array(hash),
  }
  const value = { ...proposal.value, blockId: blockIdOf(header) }
  return peerMessageCodec.encode({
    type: 'proposal',
    proposal: signValue(identity, 'proposal', networkId, value),
    block: { ...block, header, transactions },
    justification: [],
  })
}

const NO_SIGNATURE = new Uint8Array(64).fill(7)

/** A certificate with a signature in the victim's name, whether it has signed or not. */
function framed(certified: CertifiedBlock, victim: Uint8Array): CertifiedBlock {
  const { certificate } = certified
  const others = certificate.signatures.filter(({ signer }) => !equalBytes(signer, victim))
  const signatures = [...others, { signer: victim, signature: NO_SIGNATURE }].sort((a, b) =>
    compareBytes(a.signer, b.signer),
  )
  return { ...certified, certificate: { ...certificate, signatures } }
}

/** The frame with forged signatures of others than its sender; undefined when it carries none that could be forged. */
export function withForgedSignature(
  kind: string,
  content: unknown,
  from: PeerId,
  to: PeerId,
): Uint8Array | undefined {
  const victim = publicKeyOf(to)
  if (kind === 'answer') {
    const answer = content as PeerAnswer
    if (answer.type !== 'blocks' || answer.blocks.length === 0) return undefined
    return peerAnswerCodec.encode({ ...answer, blocks: answer.blocks.map(each => framed(each, victim)) })
  }
  if (kind !== 'message') return undefined
  const message = content as PeerMessage
  if (message.type === 'block') {
    return peerMessageCodec.encode({ ...message, certified: framed(message.certified, victim) })
  }
  if (message.type !== 'vote' || equalBytes(message.vote.signer, publicKeyOf(from))) return undefined
  return peerMessageCodec.encode({ ...message, vote: { ...message.vote, signature: NO_SIGNATURE } })
}

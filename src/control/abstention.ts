import { equalBytes, OstrakaError, toHex, type Write } from '../base/index.ts'
import {
  type Certificate,
  type Codec,
  codec,
  flag,
  type Header,
  hash32,
  integer,
  nullable,
  struct,
} from '../wire/index.ts'
import { quorumOf } from './certificates.ts'
import { blockIdOf } from './ids.ts'
import { isVoting, type LogState, type Run, warn } from './log-state.ts'
import { ABSTENTION_KEY } from './store-keys.ts'

/**
 * What a validator that has forgotten its votes knows of them. A second vote on a height would convict it, so it votes on
 * no height on which it may have voted (docs/adr/0024).
 */
export interface Abstention {
  /** All was lost, votes and dealings alike; otherwise blocks alone, or votes alone. */
  readonly isLost: boolean
  /** The highest height on which a vote may have been forgotten; null until enough validators have told of theirs. */
  readonly bound: number | null
  /** A block of this log that a backup names: the log that is fetched must lead to it, and beyond. */
  readonly anchor: Anchor | null
}

export interface Anchor {
  readonly height: number
  readonly blockId: Uint8Array
}

export const abstentionCodec: Codec<Abstention> = codec(
  'abstention',
  256,
  struct<Abstention>({
    isLost: flag,
    bound: nullable(integer(0)),
    anchor: nullable(struct<Anchor>({ height: integer(1), blockId: hash32 })),
  }),
)

export function abstentionWrite(abstention: Abstention): Write {
  return { key: ABSTENTION_KEY, value: abstentionCodec.encode(abstention) }
}

/** The write with which a node begins that has lost its database. */
export function forgetWrite(anchor: Anchor | null = null): Write {
  return abstentionWrite({ isLost: true, bound: null, anchor })
}

/** Errors: `storage_corrupt`. */
export function readAbstention(
  entries: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>,
): Abstention | null {
  const stored = entries.find(({ key }) => key === ABSTENTION_KEY)
  if (stored === undefined) return null
  try {
    return abstentionCodec.decode(stored.value)
  } catch {
    throw new OstrakaError('storage_corrupt', 'the record of forgotten votes does not decode', {
      key: ABSTENTION_KEY,
    })
  }
}

/** Whether this node remembers all its votes on the next height; or an operator bears the risk that it does not. */
export function mayVote({ abstention, ledger, options }: LogState): boolean {
  if (abstention === null) return true
  if (abstention.bound === null) return false
  return ledger.chain.height >= abstention.bound || options.acceptsVoteRisk === true
}

/**
 * A certificate of height C needs precommits of q validators that have applied C - 1 at least. So of q - 1 others, as many
 * as make a quorum with a forgetful node, an honest one is at C - 1 or above, if the forgetful node counts as one of the f
 * that may be faulty. It may itself have applied C and voted on C + 1.
 */
const UNSEEN_HEIGHTS = 2

/**
 * Fixes the bound once this node is level with validators enough. Whoever claims more than it can show does not count:
 * this node never gets level with it.
 */
export function settleBound(run: Run): void {
  const { log } = run
  const { abstention, ledger } = log
  if (abstention === null || abstention.bound !== null) return
  const { height } = ledger.chain
  if (abstention.anchor !== null && height < abstention.anchor.height) return
  const level = [...log.told].filter(([peerId, told]) => isVoting(log, peerId) && told <= height).length
  if (level + 1 < quorumOf(ledger.validators.length)) return
  const bound = log.options.acceptsVoteRisk === true ? height : height + UNSEEN_HEIGHTS
  setAbstention(run, { ...abstention, bound })
  const text = 'caught up with the network; votes again when it is past what may have been voted on'
  warn(run, text, { height, bound })
}

function setAbstention(run: Run, abstention: Abstention): void {
  run.log.abstention = abstention
  run.effects.push({ type: 'persist', writes: [abstentionWrite(abstention)] })
}

/** Rounds that a running height no longer remembers its votes of; see wal.ts. */
const REMEMBERED_ROUNDS = 2

/**
 * A precommit of this node that it does not remember: its database is older than its last vote, whoever put it there. It
 * stops voting until it knows how far the network is.
 */
export function noticeForgotten(run: Run, certificate: Certificate): void {
  const { log } = run
  const own = log.options.key.publicKey
  if (!certificate.signatures.some(({ signer }) => equalBytes(signer, own))) return
  const { abstention, consensus } = log
  if (abstention !== null && certificate.height <= (abstention.bound ?? Number.POSITIVE_INFINITY)) return
  if (consensus?.hooks.height === certificate.height) {
    const { round } = certificate
    const isRemembered = consensus.ownVotes.some(
      ({ step, vote }) => step === 'precommit' && vote.value.round === round,
    )
    if (isRemembered || round < consensus.round - REMEMBERED_ROUNDS) return
  }
  log.told.clear()
  setAbstention(run, { isLost: true, bound: null, anchor: abstention?.anchor ?? null })
  const text = 'the network has votes of this node that it does not remember: its database is an old one'
  warn(run, text, { height: certificate.height, round: certificate.round })
}

/** Errors: `bad_block` for another block than the one that the backup names. */
export function checkAnchor({ abstention }: LogState, header: Header): void {
  const anchor = abstention?.anchor
  if (anchor?.height !== header.height || equalBytes(anchor.blockId, blockIdOf(header))) return
  throw new OstrakaError('bad_block', 'not the log that this node’s backup was made of', {
    height: header.height,
    expected: toHex(anchor.blockId),
  })
}

import { createHash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { type PeerId, publicKeyOf, toHex } from '../../base/index.ts'
import type { CertifiedBlock, VoteSignature } from '../../wire/index.ts'
import type { Findings } from './findings.ts'
import { verifyEd25519 } from './single-key.ts'

const hash = (value: unknown): string => createHash('sha256').update(dagCbor.encode(value)).digest('hex')

function votersOf(validators: readonly PeerId[]): ReadonlySet<string> {
  return new Set(validators.map(peerId => toHex(publicKeyOf(peerId))))
}

const MOST_VOTERS = 16

/** All members vote, or, while all have the trust that they start with, the first sixteen by hash. */
function firstVoters(members: readonly PeerId[]): readonly PeerId[] {
  const rank = new Map(members.map(peerId => [peerId, createHash('sha256').update(peerId).digest('hex')]))
  return members.toSorted((a, b) => (rank.get(a)! < rank.get(b)! ? -1 : 1)).slice(0, MOST_VOTERS)
}

/**
 * One block per height, for ever and everywhere, and every certificate valid: counted, hashed and verified here from
 * the bytes, with the checker's own quorum.
 */
export class AgreementCheck {
  readonly #findings: Findings
  readonly #networkId: Uint8Array
  /** Who votes on a height, hexadecimal keys; the set of a height that is missing is that of the one below. */
  readonly #voters = new Map<number, ReadonlySet<string>>()
  readonly #blockIds = new Map<number, string>()
  readonly #times = new Map<number, number>()
  readonly #verified = new Set<string>()
  #certificates = 0

  constructor(findings: Findings, networkId: Uint8Array, members: readonly PeerId[]) {
    this.#findings = findings
    this.#networkId = networkId
    this.#voters.set(1, votersOf(firstVoters(members)))
  }

  /** The highest height that anyone has shown. */
  get height(): number {
    return this.#blockIds.size
  }

  get certificates(): number {
    return this.#certificates
  }

  /** A node that has applied the block at `height` says who votes on the next: all must say the same. */
  follow(peerId: PeerId, height: number, validators: readonly PeerId[]): void {
    const voters = votersOf(validators)
    const known = this.#voters.get(height + 1)
    if (known === undefined) this.#voters.set(height + 1, voters)
    else if (known.size !== voters.size || [...known].some(voter => !voters.has(voter))) {
      this.#fail(`${peerId} has other validators after height ${height} than others have`)
    }
  }

  #votersOn(height: number): ReadonlySet<string> {
    for (let at = height; at > 1; at--) {
      const voters = this.#voters.get(at)
      if (voters !== undefined) return voters
    }
    return this.#voters.get(1)!
  }

  /** A node has applied this block. */
  see(peerId: PeerId, { block, certificate }: CertifiedBlock): void {
    const { header, transactions } = block
    const { height } = header
    const id = hash(header)
    const known = this.#blockIds.get(height)
    if (known !== undefined && known !== id) {
      this.#fail(`${peerId} has block ${id} at height ${height}, others have ${known}`)
    }
    if (toHex(certificate.blockId) !== id || certificate.height !== height) {
      this.#fail(`${peerId} shows a certificate of another block at height ${height}`)
    }
    this.#checkCertificate(peerId, certificate)
    if (known !== undefined) return
    this.#blockIds.set(height, id)
    this.#times.set(height, header.timeMs)
    if (toHex(header.transactionsHash) !== hash(transactions)) {
      this.#fail(`the transactions of block ${height} are not those of its header`)
    }
    const before = height === 1 ? toHex(this.#networkId) : this.#blockIds.get(height - 1)
    if (before !== undefined && toHex(header.previous) !== before) {
      this.#fail(`block ${height} does not follow block ${height - 1}`)
    }
    if (header.timeMs <= (this.#times.get(height - 1) ?? 0))
      this.#fail(`time stands still at height ${height}`)
  }

  #checkCertificate(
    peerId: PeerId,
    { height, round, blockId, signatures }: CertifiedBlock['certificate'],
  ): void {
    this.#certificates++
    const voters = this.#votersOn(height)
    const members = voters.size
    const faulty = Math.floor((members - 1) / 3)
    const signers = new Set(signatures.map(each => toHex(each.signer)))
    const domain = Buffer.from('ostraka/1/precommit\0')
    const signed = Buffer.concat([domain, this.#networkId, dagCbor.encode({ height, round, blockId })])
    const why =
      signers.size !== signatures.length
        ? 'counts a signer twice'
        : // two quorums share an honest validator exactly when 2q - n > f
          2 * signers.size - members <= faulty
          ? `has ${signers.size} of ${members} signatures`
          : [...signers].some(signer => !voters.has(signer))
            ? 'is signed by a stranger'
            : signatures.some(each => !this.#isSigned(each, signed))
              ? 'has a signature that does not verify'
              : undefined
    if (why !== undefined) this.#fail(`the certificate of height ${height} that ${peerId} shows ${why}`)
  }

  /** All hosts show the same signatures: each is verified once. */
  #isSigned({ signer, signature }: VoteSignature, signed: Buffer): boolean {
    const name = `${toHex(signature)} ${toHex(signer)} ${createHash('sha256').update(signed).digest('hex')}`
    if (this.#verified.has(name)) return true
    if (!verifyEd25519(signer, signed, signature)) return false
    this.#verified.add(name)
    return true
  }

  #fail(what: string): void {
    this.#findings.add('one certified block per height', what)
  }
}

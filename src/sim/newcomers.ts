import { type PeerId, peerIdOf, Secret, type SeededRng } from '../base/index.ts'
import { proveSealingKey } from '../control/index.ts'
import { generateSealingKey, SigningKey, signValue } from '../crypto/index.ts'
import type { NodePort } from '../node/index.ts'
import type { Acceptance, Invite, Join, SignedTransaction } from '../wire/index.ts'
import type { Findings } from './checks/findings.ts'

/** An hour of virtual time: no run lasts as long. */
const INVITE_LIFE_MS = 3_600_000

/** Nodes that operators invite, and whose joins a Byzantine member gets to see first. None of them ever starts. */
export class Newcomers {
  readonly #operator: SigningKey
  readonly #networkId: Uint8Array
  readonly #rng: SeededRng
  readonly #invited = new Set<PeerId>()
  readonly #thieves = new Set<PeerId>()

  constructor(operator: SigningKey, networkId: Uint8Array, rng: SeededRng) {
    this.#operator = operator
    this.#networkId = networkId
    this.#rng = rng
  }

  /** What an invited node hands to a member: its join, by a fresh invite. */
  invite(nowMs: number): SignedTransaction {
    const secret = new SigningKey(new Secret(this.#rng.bytes(32)))
    const identity = new SigningKey(new Secret(this.#rng.bytes(32)))
    const peerId = peerIdOf(identity.publicKey)
    const nonce = this.#rng.bytes(16)
    const value: Invite = { nonce, key: secret.publicKey, expiresMs: Math.floor(nowMs) + INVITE_LIFE_MS }
    const invite = signValue(this.#operator, 'invite', this.#networkId, value)
    const accepted: Acceptance = { invite: nonce, peerId }
    const { signature: acceptance } = signValue(secret, 'join', this.#networkId, accepted)
    this.#invited.add(peerId)
    return this.#join({ invite, acceptance }, identity)
  }

  /** The same invite for a node of the thief's: with the acceptance as it was seen, or signed by the thief. */
  steal({ value }: SignedTransaction, isResigned: boolean): SignedTransaction {
    const { invite, acceptance } = value as Join
    const identity = new SigningKey(new Secret(this.#rng.bytes(32)))
    const peerId = peerIdOf(identity.publicKey)
    this.#thieves.add(peerId)
    const own: Acceptance = { invite: invite.value.nonce, peerId }
    const resigned = signValue(identity, 'join', this.#networkId, own).signature
    return this.#join({ invite, acceptance: isResigned ? resigned : acceptance }, identity)
  }

  /** In the end, at an honest node. */
  inspect(name: string, port: NodePort, findings: Findings): void {
    const members = new Set(port.members().map(({ peerId }) => peerId))
    for (const peerId of this.#thieves) {
      if (members.has(peerId))
        findings.add('nobody joins by an invite that it only saw', `${name}: ${peerId}`)
    }
    for (const peerId of this.#invited) {
      if (!members.has(peerId)) findings.add('an invited node is admitted', `${name}: ${peerId}`)
    }
  }

  #join(by: Pick<Join, 'invite' | 'acceptance'>, identity: SigningKey): SignedTransaction {
    const location = { region: 'sim', latitude: 0, longitude: 0 }
    const peerId = peerIdOf(identity.publicKey)
    const pair = generateSealingKey(this.#rng)
    const possession = proveSealingKey({ networkId: this.#networkId, peerId, revision: 0 }, pair, this.#rng)
    const member = { peerId, sealingKey: pair.publicKey.bytes, location }
    const value: Join = { type: 'join', ...by, member, possession, addresses: [] }
    return signValue(identity, 'transaction', this.#networkId, value)
  }
}

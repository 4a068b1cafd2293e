import { type PeerId, utf8 } from '../../base/index.ts'
import { sha256 } from '../../crypto/index.ts'
import { NETWORK_KEY } from '../../keys/index.ts'
import type { NodePort } from '../../node/index.ts'
import type { AttestationPolicy } from '../../wire/index.ts'
import type { FaultCounts } from '../fault-counts.ts'
import type { Findings } from './findings.ts'

/** What hosts run, and what one of them runs instead. */
export const RELEASE: Uint8Array = sha256(utf8('the released program'))
export const TAMPERED: Uint8Array = sha256(utf8('another program'))

/** Asks for the release, by attestations that a host which is down through a storm has still not outlived. */
export const RELEASE_ONLY: AttestationPolicy = {
  method: 'measured',
  maxAgeEpochs: 60,
  measurements: [RELEASE],
  attestationKeys: [],
}

/** In a network that asks for the release from its first block on, the host that runs something else never holds a slot. */
export class AttestationCheck {
  readonly #findings: Findings
  readonly #faults: FaultCounts
  readonly #tampered: PeerId
  #isCounted = false

  constructor(findings: Findings, faults: FaultCounts, tampered: PeerId) {
    this.#findings = findings
    this.#faults = faults
    this.#tampered = tampered
  }

  /** After a block at some honest node: its view of every key. */
  see(port: Pick<NodePort, 'keys' | 'attestation'>): void {
    for (const { name, holders } of port.keys('', 1000)) {
      // the network makes its own key before anyone can have attested, and moves it afterwards
      if (name !== NETWORK_KEY && holders.some(({ peerId }) => peerId === this.#tampered))
        this.#findings.add('a tampered host is given no slot', name)
    }
    if (this.#isCounted || !this.isSettled(port)) return
    this.#isCounted = true
    this.#faults.add('tampered-program')
  }

  /** Whether all but the tampered host are accepted, and it is known for what it is. */
  isSettled(port: Pick<NodePort, 'attestation'>): boolean {
    return port.attestation().members.every(({ peerId, standing }) => {
      const expected = peerId === this.#tampered ? 'unlisted' : 'accepted'
      return standing === expected
    })
  }
}

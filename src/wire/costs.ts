import type { PeerMessage, PeerRequest } from './peers.ts'

/**
 * What work costs, in units: one unit is the CPU of a microsecond on the machine of bench/README.md. The figures are
 * fixed, so that all nodes count alike; `npm run bench -- --only costs` measures them again and prints both.
 */
export const COSTS = {
  /** Taking a frame off a stream, decoding a small message, refusing it. */
  frame: 40,
  /** Decoding, or encoding, one KiB. */
  kibibyte: 12,
  /** One Ed25519 verification with the canonical bytes that it needs. */
  signature: 150,
  /** A client's request: its signature, its policy, the gateway's part. */
  check: 250,
  /** One slot's part for one input: a signature share of three signers; an input made an element, and multiplied. */
  sign: 600,
  derive: 200,
  decrypt: 200,
  /** One element's part of the proof over a batch. */
  prove: 200,
  /** One pair of nonces made ahead. */
  nonce: 200,
  /** Sealing the shares of an export. */
  seal: 1_500,
  /** Reading from the store for a peer. */
  load: 300,
} as const

/**
 * Whose work takes whose turn: each peer has a budget of its own in each of these, so that what it spends on one never
 * takes from another. Votes, what lets laggards follow, and ceremonies thereby have reserved shares.
 */
export type Share = 'consensus' | 'sync' | 'ceremonies' | 'transactions' | 'operations' | 'nonces'

/** What the rest of the network knows of one kind of request. */
export interface RequestRule {
  readonly share: Share
  /** Paid when it is taken in; the bytes of the answer are paid when it leaves. */
  readonly units: number
  /** How many of this kind one peer may have in work. */
  readonly inFlight: number
  /** Whether a member that was removed may still ask: it must be able to read that it was. */
  readonly isForRemoved: boolean
}

/**
 * Every kind of request between nodes. All of them come from members only. `partial` pays for its check; once the
 * client's signature has held, that is given back, and the client's principal pays for all.
 */
export const REQUEST_RULES: Readonly<Record<PeerRequest['type'], RequestRule>> = {
  // as many as a stream carries: a busy gateway's clients pay for them
  partial: { share: 'operations', units: COSTS.check, inFlight: 1024, isForRemoved: false },
  // one for each key that a gateway begins to use; each nonce is paid beside
  nonces: { share: 'nonces', units: COSTS.frame, inFlight: 64, isForRemoved: false },
  // one every few beats
  ping: { share: 'operations', units: COSTS.frame, inFlight: 8, isForRemoved: true },
  // a laggard asks one peer for one range after the other
  blocks: { share: 'sync', units: COSTS.load, inFlight: 8, isForRemoved: true },
  headers: { share: 'sync', units: COSTS.load, inFlight: 8, isForRemoved: true },
  manifest: { share: 'sync', units: COSTS.load, inFlight: 4, isForRemoved: true },
  snapshot: { share: 'sync', units: COSTS.load, inFlight: 16, isForRemoved: true },
  // a holder fetches the dealings of the ceremonies that it is in
  record: { share: 'ceremonies', units: COSTS.load, inFlight: 64, isForRemoved: false },
  // one for each export that operators approved
  export: { share: 'operations', units: COSTS.seal, inFlight: 4, isForRemoved: false },
}

/** Whose budget a one-way message comes from. */
export const MESSAGE_SHARES: Readonly<Record<PeerMessage['type'], Share>> = {
  proposal: 'consensus',
  vote: 'consensus',
  status: 'sync',
  block: 'sync',
  record: 'ceremonies',
  transactions: 'transactions',
}

/** What a frame of this size costs, whatever is in it. */
export function frameUnits(sizeBytes: number): number {
  return COSTS.frame + (sizeBytes / 1024) * COSTS.kibibyte
}

/** What a decoded message costs beside its frame. */
export function messageUnits(message: PeerMessage): number {
  switch (message.type) {
    case 'vote':
    case 'proposal':
    case 'record':
      return COSTS.signature
    case 'transactions':
      return message.transactions.length * COSTS.signature
    case 'block':
      return message.certified.certificate.signatures.length * COSTS.signature
    case 'status':
      return 0
  }
}

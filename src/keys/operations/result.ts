/** One slot's evaluated elements with the proof that they are its share times the blinded inputs. */
export interface PartialProof {
  readonly slot: number
  readonly verifyingShare: Uint8Array
  readonly elements: readonly Uint8Array[]
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

/** What an operation yields, verified. */
export interface OperationResult {
  readonly version: number
  /** As a standard client takes it: see `VersionRecord.publicKey`. */
  readonly publicKey: Uint8Array
  /** One per input: signatures, derived outputs, shared secrets; for a blinded derive the evaluated elements. */
  readonly outputs: readonly Uint8Array[]
  /** Blinded derive only: what the client checks the evaluated elements with. */
  readonly proofs?: readonly PartialProof[]
}

import type { AttestationEvidence, AttestationMethod } from '../wire/index.ts'

/** What can say what runs on this host: a port, with the adapters `measured` and `tpm2`. */
export interface Attestor {
  readonly method: Exclude<AttestationMethod, 'none'>
  /** 32 bytes: the root of the hash tree over the installed program, as it stood when this process began. */
  measure(): Promise<Uint8Array>
  /**
   * Evidence of the program and, with a TPM, of the platform, over a challenge of 32 bytes.
   * Errors: `unreachable` (the TPM, or what speaks with it), `deadline_exceeded`, `malformed` (its answer).
   */
  attest(challenge: Uint8Array): Promise<AttestationEvidence>
}

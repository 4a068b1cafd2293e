import { sha256 } from '../crypto/index.ts'
import {
  type Certificate,
  certificateCodec,
  type Genesis,
  type GenesisDocument,
  genesisDocumentCodec,
  type Header,
  headerCodec,
  type SignedTransaction,
  transactionCodec,
} from '../wire/index.ts'

/** SHA-256 of the canonical bytes of the genesis without the founders' proofs, which are made for this very id. */
export function networkIdOf(genesis: GenesisDocument | Genesis): Uint8Array {
  const { possessions: _, ...document } = { possessions: undefined, ...genesis }
  return sha256(genesisDocumentCodec.encode(document))
}

/** SHA-256 of the header's canonical bytes. */
export function blockIdOf(header: Header): Uint8Array {
  return sha256(headerCodec.encode(header))
}

/** SHA-256 of the signed transaction's canonical bytes, signature included. */
export function transactionIdOf(transaction: SignedTransaction): Uint8Array {
  return sha256(transactionCodec.encode(transaction))
}

/** SHA-256 of the certificate's canonical bytes; 32 zeros for the genesis, which has none. */
export function certificateHashOf(certificate: Certificate | null): Uint8Array {
  return certificate === null ? new Uint8Array(32) : sha256(certificateCodec.encode(certificate))
}

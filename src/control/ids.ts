import { sha256 } from '../crypto/index.ts'
import {
  type Certificate,
  certificateCodec,
  type Genesis,
  genesisCodec,
  type Header,
  headerCodec,
  type SignedTransaction,
  transactionCodec,
} from '../wire/index.ts'

/** SHA-256 of the genesis document's canonical bytes. */
export function networkIdOf(genesis: Genesis): Uint8Array {
  return sha256(genesisCodec.encode(genesis))
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

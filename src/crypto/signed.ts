import { canonicalBytes, type Signed, type SigningType, signingBytes } from '../wire/index.ts'
import { type SigningKey, verifyEd25519 } from './identity.ts'

/** Signs a wire value in its domain: over `signingBytes(type, networkId, canonical bytes)`. */
export function signValue<T>(key: SigningKey, type: SigningType, networkId: Uint8Array, value: T): Signed<T> {
  const signature = key.sign(signingBytes(type, networkId, canonicalBytes(value)))
  return { value, signer: key.publicKey, signature }
}

/** Whether `signed.signer` signed `signed.value` as this type on this network. Never throws. */
export function verifySigned<T>(type: SigningType, networkId: Uint8Array, signed: Signed<T>): boolean {
  const bytes = signingBytes(type, networkId, canonicalBytes(signed.value))
  return verifyEd25519(signed.signer, bytes, signed.signature)
}

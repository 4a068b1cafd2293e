export { AEAD_NONCE_BYTES, AeadKey } from './aead.ts'
export { judgeComplaint, proveBadShare } from './complaint.ts'
export {
  combineShares,
  combineWeightedShares,
  type Dealing,
  type DealRequest,
  type DealtShare,
  deal,
  type Recipient,
  receiveShare,
  type SealedShareBytes,
  verifyDealing,
} from './dealing.ts'
export { type DealingContext, sealingContext, secretContext, shareInfo } from './dealing-context.ts'
export type { DleqDomain, DleqProof, DleqStatement } from './dleq.ts'
export { scalarFromSeed } from './ed25519.ts'
export { edwards25519 } from './edwards25519.ts'
export {
  checkShare,
  commit,
  sumCommitments,
  verifyingShare,
  verifyingShares,
  weightedSumCommitments,
} from './feldman.ts'
export type {
  AggregateItem,
  AggregateKey,
  ShareClaim,
  SignatureShare,
  Signer,
  SignItem,
} from './frost.ts'
export type { NonceCommitments, NonceOrigin } from './frost-nonces.ts'
export type { SigningCommitment } from './frost-package.ts'
export type { Element, Group, GroupName, Scalar } from './group.ts'
export { groupByName } from './groups.ts'
export { sha256, sha512 } from './hash.ts'
export { checkPublicKey, SIGNATURE_BYTES, SigningKey, verifyEd25519 } from './identity.ts'
export { hkdfSha512 } from './kdf.ts'
export {
  combinePartials,
  combineProven,
  multiplyByShare,
  type ProvenPartial,
  type SlotPartial,
} from './partials.ts'
export {
  evaluate,
  lagrangeAt,
  lagrangeAtZero,
  type Polynomial,
  randomPolynomial,
  wipePolynomial,
} from './polynomial.ts'
export { type PossessionProof, provePossession, verifyPossession } from './possession.ts'
export {
  combineDraws,
  drawPartial,
  fallbackRandomness,
  isRightDraw,
  type RandomnessPartial,
  verifyRandomness,
} from './randomness.ts'
export { ristretto255 } from './ristretto255.ts'
export {
  type Encapsulation,
  generateSealingKey,
  type KeyOrigin,
  type Opening,
  open,
  openWithSharedPoint,
  ProvenEncapsulation,
  proveOpening,
  type Sealable,
  type SealedTogether,
  type SealingKeyPair,
  sealingKeyFromSecret,
  sealTogether,
} from './sealing.ts'
export { secp256k1 } from './secp256k1.ts'
export { type SecretPurpose, secretBytes, secretScalar } from './secret-scalars.ts'
export { signValue, verifySigned } from './signed.ts'
export { type SigningKind, type SigningSuite, signingSuite } from './signing-suite.ts'
export { cryptoReady } from './sodium.ts'
export { toy } from './toy.ts'
export { type TpmPublicKey, verifyTpmSignature } from './tpm-signature.ts'
export {
  type Blinded,
  blind,
  evaluatePartial,
  finalize,
  finalizeDirect,
  hashInput,
  type OprfMode,
  oprfDomain,
  proveEvaluated,
  verifyBlindedEvaluation,
  verifyPartial,
} from './voprf.ts'
export {
  combineDecryption,
  decodeEncapsulation,
  decryptPartial,
  privateKeyToScalar,
  proveDecrypted,
  publicKeyFromEdwards,
  verifyDecryptPartial,
} from './x25519.ts'
export { privateKeyFromScalar } from './x25519-private-key.ts'

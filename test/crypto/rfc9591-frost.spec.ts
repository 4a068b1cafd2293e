import { sha256Hashes } from '../../src/crypto/bip340.ts'
import { rfc9591Ciphersuite, sha512Hashes } from '../../src/crypto/frost-ciphersuite.ts'
import { frostEd25519 } from '../../src/crypto/frost-ed25519.ts'
import { cryptoReady, ristretto255, secp256k1 } from '../../src/crypto/index.ts'
import { type FrostVector, readVector } from './frost-fixture.ts'
import { reproducesVector } from './frost-vector-rules.ts'

before(() => cryptoReady)

describe('RFC 9591 appendix E.1: FROST(Ed25519, SHA-512)', () => {
  reproducesVector(frostEd25519, readVector<FrostVector>('rfc9591/frost-ed25519-sha512.json'))
})

describe('RFC 9591 appendix E.3: FROST(ristretto255, SHA-512)', () => {
  const suite = rfc9591Ciphersuite(ristretto255, 'FROST-RISTRETTO255-SHA512-v1', sha512Hashes(ristretto255))
  reproducesVector(suite, readVector<FrostVector>('rfc9591/frost-ristretto255-sha512.json'))
})

describe('RFC 9591 appendix E.5: FROST(secp256k1, SHA-256)', () => {
  const suite = rfc9591Ciphersuite(secp256k1, 'FROST-secp256k1-SHA256-v1', sha256Hashes)
  reproducesVector(suite, readVector<FrostVector>('rfc9591/frost-secp256k1-sha256.json'))
})

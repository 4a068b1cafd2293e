import { concat, OstrakaError, type Rng, Secret, toHex, utf8, type Write } from '../base/index.ts'
import { AEAD_NONCE_BYTES, AeadKey, secretBytes } from '../crypto/index.ts'

/** Encrypts what a node must keep secret on its disk: under the keystore's storage key, bound to its path. */
export class Vault {
  readonly #key: AeadKey

  /** `storageKey` is 32 bytes; it may be wiped afterwards. */
  constructor(storageKey: Secret) {
    this.#key = new AeadKey(storageKey)
  }

  /**
   * The durable form of one secret. The nonce hashes the secret, its path and fresh randomness, so that a generator that
   * repeats itself repeats no nonce for two secrets. It has 96 bits: enough for far more than a node's 2^32 shares at most.
   */
  lock(path: string, secret: Secret, rng: Rng): Write {
    const nonce = secretBytes('aead-nonce', secret, rng, utf8(path)).slice(0, AEAD_NONCE_BYTES)
    return { key: path, value: concat(nonce, this.#key.seal(nonce, utf8(path), secret.expose())) }
  }

  /** Errors: `storage_corrupt` naming the path when the bytes are not what `lock` made for it. */
  unlock(path: string, value: Uint8Array): Secret {
    const nonce = value.subarray(0, AEAD_NONCE_BYTES)
    const opened =
      value.length > AEAD_NONCE_BYTES
        ? this.#key.open(nonce, utf8(path), value.subarray(AEAD_NONCE_BYTES))
        : undefined
    if (opened === undefined) throw new OstrakaError('storage_corrupt', `cannot open ${path}`, { path })
    return new Secret(opened)
  }
}

/** Where a node keeps its own part of keys and ceremonies. */
export const vaultPaths = {
  share: (keyId: Uint8Array, version: number, generation: number, slot: number): string =>
    `${vaultPaths.shares(keyId, version)}${generation}/${slot}`,
  shares: (keyId: Uint8Array, version: number): string => `keys/share/${toHex(keyId)}/${version}/`,
  subshare: (recordHash: Uint8Array, slot: number): string => `${vaultPaths.subshares(recordHash)}${slot}`,
  subshares: (recordHash: Uint8Array): string => `keys/subshare/${toHex(recordHash)}/`,
  dealing: (ceremony: Uint8Array, fromSlot: number): string => `keys/dealing/${toHex(ceremony)}/${fromSlot}`,
  sealing: (publicKey: Uint8Array): string => `keys/sealing/${toHex(publicKey)}`,
  record: (hash: Uint8Array): string => `keys/record/${toHex(hash)}`,
} as const

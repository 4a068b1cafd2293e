import { spawnSync } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// RFC 8410 section 4: the DER around a 32-byte Ed25519 public key
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Verifies with the Ed25519 of this platform's OpenSSL, through node:crypto: none of Ostraka's code. */
export function verifyWithPlatform(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
  return verify(null, message, key, signature)
}

/** Verifies with the `openssl` program; undefined where there is none. */
export function verifyWithOpenSsl(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean | undefined {
  if (spawnSync('openssl', ['version']).status !== 0) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'ostraka-openssl-'))
  try {
    const [keyFile, messageFile, signatureFile] = ['key', 'message', 'signature'].map(name => join(dir, name))
    writeFileSync(keyFile!, Buffer.concat([SPKI_PREFIX, publicKey]))
    writeFileSync(messageFile!, message)
    writeFileSync(signatureFile!, signature)
    const args = ['pkeyutl', '-verify', '-rawin', '-pubin', '-keyform', 'DER', '-inkey', keyFile!]
    return spawnSync('openssl', [...args, '-in', messageFile!, '-sigfile', signatureFile!]).status === 0
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** Verifies a BIP-340 signature with noble: not the code that made it. */
export async function verifyWithNoble(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { schnorr } = await import('@noble/curves/secp256k1.js')
  return schnorr.verify(signature, message, publicKey)
}

import { readFile } from 'node:fs/promises'
import { OstrakaError, Secret } from '../base/index.ts'

/** A private key of every kind that can be imported. */
const SECRET_BYTES = 32

/** Reads raw secret bytes. Errors: `not_found`, `malformed` when the file is not exactly as long as a private key. */
export async function readSecretFile(path: string): Promise<Secret> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch {
    throw new OstrakaError('not_found', `${path}: no such file`)
  }
  const secret = new Secret(Uint8Array.from(bytes))
  bytes.fill(0)
  if (secret.length === SECRET_BYTES) return secret
  const sizeBytes = secret.length
  secret.wipe()
  throw new OstrakaError('malformed', `${path} does not hold ${SECRET_BYTES} raw bytes`, { sizeBytes })
}

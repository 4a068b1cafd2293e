import { OstrakaError, Secret } from '../base/index.ts'
import { readSmallFile } from '../files/index.ts'

/** A private key of every kind that can be imported. */
const SECRET_BYTES = 32

/** Reads raw secret bytes; `-` is standard input. Errors: `not_found`, `malformed` when they are not as many as a private key has. */
export function readSecretFile(path: string): Secret {
  const bytes = readSmallFile(path)
  const secret = new Secret(Uint8Array.from(bytes))
  bytes.fill(0)
  if (secret.length === SECRET_BYTES) return secret
  const sizeBytes = secret.length
  secret.wipe()
  throw new OstrakaError('malformed', `${path} does not hold ${SECRET_BYTES} raw bytes`, { sizeBytes })
}

import { hash } from 'node:crypto'
import { concat } from '../base/index.ts'

/** SHA-256 of the parts' concatenation: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return digest('sha256', parts)
}

/** SHA-512 of the parts' concatenation: 64 bytes. */
export function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return digest('sha512', parts)
}

function digest(algorithm: 'sha256' | 'sha512', parts: readonly Uint8Array[]): Uint8Array {
  const input = parts.length === 1 ? parts[0]! : concat(...parts)
  return new Uint8Array(hash(algorithm, input, 'buffer'))
}

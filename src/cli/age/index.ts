export { decryptStream, encryptStream } from './files.ts'
export { type Rewrapped, rewrapStream } from './rewrap.ts'
export { malformed, type NetworkIdentity } from './trials.ts'

import { OstrakaError, type Rng, Secret, utf8 } from '../base/index.ts'
import { readRepeatedly, writeNew } from '../files/index.ts'

/** libp2p's private-network key, version 1: the file that go-libp2p calls swarm.key. */
const HEAD = '/key/swarm/psk/1.0.0/\n/base16/\n'
const FILE = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n([0-9a-fA-F]{64})\s*$/
const KEY_BYTES = 32

/** Makes a key, mode 0600. Errors: `conflict` when the file exists. */
export function createPreSharedKey(path: string, rng: Rng): void {
  const key = rng.bytes(KEY_BYTES)
  writePreSharedKey(path, new Secret(utf8(`${HEAD}${Buffer.from(key).toString('hex')}\n`)))
  key.fill(0)
}

/** Writes a key's text where there is none, and wipes it. Errors: `conflict`. */
export function writePreSharedKey(path: string, key: Secret): void {
  try {
    writeNew(path, key.expose())
  } finally {
    key.wipe()
  }
}

/** A key's text, as libp2p takes it. Errors: `not_found`, `malformed`. */
export function readPreSharedKey(path: string): Secret {
  const bytes = Uint8Array.from(readRepeatedly(path))
  if (FILE.test(Buffer.from(bytes).toString('latin1'))) return new Secret(bytes)
  bytes.fill(0)
  throw new OstrakaError('malformed', `${path} is no libp2p pre-shared key: network psk makes one`)
}

/** The 32 bytes inside such a text. */
export function keyOfPreShared(text: Secret): Uint8Array {
  const hex = FILE.exec(Buffer.from(text.expose()).toString('latin1'))?.[1]
  if (hex === undefined) throw new OstrakaError('malformed', 'no libp2p pre-shared key')
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

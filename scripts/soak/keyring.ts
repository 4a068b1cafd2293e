import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto'
import type { Client, KeyJson } from '../../src/api/index.ts'
import { equalBytes, fromBase64, fromHex, type Rng, randomBelow, toHex, utf8 } from '../../src/base/index.ts'
import type { KeyKind, PolicyRule } from '../../src/wire/index.ts'
import { verifyWithNoble, verifyWithPlatform } from '../../testnet/verification.ts'
import type { Asking } from './asking.ts'

/** Few enough that each input is derived many times over the run, through all gateways. */
const DERIVE_INPUTS = 20
// RFC 8410 section 4: the DER around a 32-byte X25519 public key
const X25519_SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')

/** An output that is not what it must be. */
export class WrongOutput extends Error {}

/** What the network has acknowledged of one key: all of it must hold to the end. */
export interface AcknowledgedKey {
  readonly name: string
  readonly kind: KeyKind
  readonly publicKey: Uint8Array
  generation: number
  policyRevision: number
  rules: readonly PolicyRule[]
  /** One change at a time, or they would refuse each other. At the end: one that failed, and may have happened. */
  isChanging: boolean
  /** For a derivation key: the output of each input so far, in hex. */
  readonly outputs: Map<string, string>
}

export function acknowledged(json: KeyJson): AcknowledgedKey {
  return {
    name: json.name,
    kind: json.kind as KeyKind,
    publicKey: fromBase64(json.publicKey, 'publicKey'),
    generation: json.generation,
    policyRevision: json.policy.revision,
    rules: [],
    isChanging: false,
    outputs: new Map(),
  }
}

export type UseName = 'sign ed25519' | 'sign secp256k1' | 'derive' | 'derive blinded' | 'decrypt'

/** Asks the network for one operation and checks what comes back with other code. Errors: also WrongOutput. */
export function use(what: UseName, key: AcknowledgedKey, asking: Asking, rng: Rng): Promise<void> {
  switch (what) {
    case 'sign ed25519':
    case 'sign secp256k1':
      return sign(key, asking, rng)
    case 'derive':
    case 'derive blinded':
      return derive(key, asking, utf8(`input ${randomBelow(rng, DERIVE_INPUTS)}`), what === 'derive blinded')
    case 'decrypt':
      return decrypt(key, asking)
  }
}

/** The plain use of a key's kind. */
export function useOf(kind: KeyKind): UseName {
  if (kind === 'ristretto255') return 'derive'
  if (kind === 'x25519') return 'decrypt'
  return kind === 'ed25519' ? 'sign ed25519' : 'sign secp256k1'
}

async function sign(key: AcknowledgedKey, asking: Asking, rng: Rng): Promise<void> {
  const message = rng.bytes(1 + randomBelow(rng, 200))
  const { publicKey, signatures } = await asking.ask(client => client.sign(key.name, [message]))
  if (!equalBytes(publicKey, key.publicKey)) throw new WrongOutput(`${key.name} has another public key`)
  const signature = signatures.length === 1 ? signatures[0]! : new Uint8Array(64)
  const isGood =
    key.kind === 'ed25519'
      ? verifyWithPlatform(key.publicKey, message, signature)
      : await verifyWithNoble(key.publicKey, message, signature)
  if (!isGood) throw new WrongOutput(`${key.name}: a signature does not verify`)
}

async function derive(
  key: AcknowledgedKey,
  asking: Asking,
  input: Uint8Array,
  isBlinded: boolean,
): Promise<void> {
  const call = (client: Client) =>
    isBlinded ? client.deriveBlinded(key.name, [input]) : client.derive(key.name, [input])
  const { outputs } = await asking.ask(call)
  const [of, output] = [toHex(input), toHex(outputs[0] ?? new Uint8Array(0))]
  const before = key.outputs.get(of)
  if (before === undefined && output.length === 128) key.outputs.set(of, output)
  else if (before !== output) throw new WrongOutput(`${key.name}: two outputs of one input`)
}

/** Every input that was ever derived with this key, once more. */
export async function deriveAgain(key: AcknowledgedKey, asking: Asking): Promise<void> {
  for (const input of key.outputs.keys()) await derive(key, asking, fromHex(input), false)
}

async function decrypt(key: AcknowledgedKey, asking: Asking): Promise<void> {
  const own = generateKeyPairSync('x25519')
  const der = Buffer.concat([X25519_SPKI_PREFIX, key.publicKey])
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
  const expected = diffieHellman({ privateKey: own.privateKey, publicKey })
  const encapsulation = own.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const { outputs } = await asking.ask(client => client.decrypt(key.name, [new Uint8Array(encapsulation)]))
  if (outputs.length !== 1 || !equalBytes(outputs[0]!, new Uint8Array(expected))) {
    throw new WrongOutput(`${key.name}: another shared secret than X25519’s`)
  }
}

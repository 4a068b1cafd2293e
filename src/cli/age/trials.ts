import { publicKeyOfRecipient } from '../../api/index.ts'
import { OstrakaError } from '../../base/index.ts'
import { cryptoReady } from '../../crypto/index.ts'
import { ephemeralOf, type StanzaContent, unwrapFileKey, X25519 } from './stanzas.ts'

/** One version of a network key of kind x25519, as far as unwrapping a file key needs it. */
export interface NetworkIdentity {
  readonly name: string
  readonly version: number
  readonly recipient: string
  /** The shared secrets of this version with those ephemeral public keys, in one operation of the holders. */
  sharedSecrets(ephemerals: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
}

/** Which identity opened which stanza. */
export interface Opened<S extends StanzaContent = StanzaContent> {
  readonly identity: NetworkIdentity
  readonly stanza: S
  readonly fileKey: Uint8Array
}

/** Refusals of one key or version that do not stop the search: the file may be for another one. */
const NOT_THIS_ONE: ReadonlySet<string> = new Set([
  'forbidden',
  'version_destroyed',
  'version_expired',
  'pending_destruction',
])

/**
 * The stanzas that are tried first with every key: nearly all files have fewer recipients, and `encrypt` writes the
 * network key's stanza before the others. Small, so that an ordinary file costs little of a key's rate.
 */
const LIKELY_STANZAS = 8

/** The network's cap on the inputs of one operation. A file's author sets how many stanzas it has. */
const MAX_STANZAS = 256

/** Stanzas times keys: what one file may cost the holders, whoever wrote it. With one key it never bites. */
const MAX_TRIALS = 1024

interface Trial<S> {
  readonly stanza: S
  readonly ephemeral: Uint8Array
}

/** X25519 stanzas name no recipients: all are tried with each network key that might be one, a batch at a time. */
export class Trials {
  readonly #identities: readonly NetworkIdentity[]
  /** Why the network would not try a key; told when no other key fitted. */
  #refusal: OstrakaError | undefined

  constructor(identities: readonly NetworkIdentity[]) {
    this.#identities = identities
  }

  /** Errors: `malformed` also when no identity fits, `too_large`, `forbidden`, `version_destroyed`, the network's. */
  async open<S extends StanzaContent>(stanzas: readonly S[]): Promise<Opened<S>> {
    await cryptoReady
    const trials = trialsOf(stanzas)
    const likely = trials.slice(0, LIKELY_STANZAS)
    const others = trials.slice(LIKELY_STANZAS, MAX_STANZAS)
    let tried = 0
    for (const batch of [likely, others]) {
      if (batch.length === 0) break
      for (const identity of this.#identities) {
        if (tried + batch.length > MAX_TRIALS) throw tooMany(trials.length, this.#identities.length)
        tried += batch.length
        const opened = await this.#try(identity, batch)
        if (opened !== undefined) return opened
      }
    }
    if (trials.length > MAX_STANZAS) throw tooMany(trials.length, this.#identities.length)
    throw this.#refusal ?? new OstrakaError('malformed', 'no version of a key that may be used here opens it')
  }

  async #try<S extends StanzaContent>(
    identity: NetworkIdentity,
    batch: ReadonlyArray<Trial<S>>,
  ): Promise<Opened<S> | undefined> {
    const recipient = publicKeyOfRecipient(identity.recipient)!
    let secrets: readonly Uint8Array[]
    try {
      secrets = await identity.sharedSecrets(batch.map(trial => trial.ephemeral))
    } catch (error) {
      const refusal = malformed(error)
      if (!NOT_THIS_ONE.has(refusal.code)) throw refusal
      this.#refusal = refusal
      return undefined
    }
    for (const [index, { stanza, ephemeral }] of batch.entries()) {
      const fileKey = unwrapFileKey(secrets[index]!, ephemeral, recipient, stanza.body)
      if (fileKey === null) continue
      for (const other of secrets.slice(index + 1)) other.fill(0)
      return { identity, stanza, fileKey }
    }
    return undefined
  }
}

/** Every X25519 stanza is checked, since a broken one makes a broken file, whichever would open it. */
function trialsOf<S extends StanzaContent>(stanzas: readonly S[]): ReadonlyArray<Trial<S>> {
  return stanzas.flatMap((stanza, index) => {
    if (stanza.args[0] !== X25519) return []
    const ephemeral = ephemeralOf(stanza, index)
    return ephemeral === undefined ? [] : [{ stanza, ephemeral }]
  })
}

function tooMany(stanzas: number, keys: number): OstrakaError {
  const text =
    keys > 1
      ? `the file has ${stanzas} X25519 recipients, too many to try with ${keys} versions of keys: say which with --key and --version`
      : `the file has ${stanzas} X25519 recipients, and none of the first ${MAX_STANZAS} is this key`
  return new OstrakaError('too_large', text, { limit: keys > 1 ? MAX_TRIALS : MAX_STANZAS, stanzas, keys })
}

/** What the age library says of a broken file, in our words. */
export function malformed(error: unknown): OstrakaError {
  if (error instanceof OstrakaError) return error
  return new OstrakaError('malformed', error instanceof Error ? error.message : String(error))
}

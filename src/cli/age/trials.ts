import type { Identity, Stanza } from 'age-encryption'
import { publicKeyOfRecipient } from '../../api/index.ts'
import { OstrakaError } from '../../base/index.ts'
import { ephemeralOf, type StanzaContent, unwrapFileKey, X25519 } from './stanzas.ts'

/** One version of a network key of kind x25519, as far as unwrapping a file key needs it. */
export interface NetworkIdentity {
  readonly name: string
  readonly version: number
  readonly recipient: string
  /** The shared secret of this version with that ephemeral public key, computed by the holders together. */
  sharedSecret(ephemeral: Uint8Array): Promise<Uint8Array>
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

/** X25519 stanzas name no recipient: each is tried with each network key that might be it. */
export class Trials implements Identity {
  /** Why the network would not try a key; told when no other key fitted. */
  refusal: OstrakaError | undefined
  readonly #identities: readonly NetworkIdentity[]

  constructor(identities: readonly NetworkIdentity[]) {
    this.#identities = identities
  }

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    return (await this.open(stanzas))?.fileKey ?? null
  }

  /** Errors: `malformed`, the network's. */
  async open<S extends StanzaContent>(stanzas: readonly S[]): Promise<Opened<S> | undefined> {
    const ours = stanzas.filter(stanza => stanza.args[0] === X25519)
    for (const identity of this.#identities) {
      for (const stanza of ours) {
        const fileKey = await this.#try(identity, stanza)
        if (fileKey !== null) return { identity, stanza, fileKey }
      }
    }
    return undefined
  }

  async #try(identity: NetworkIdentity, stanza: StanzaContent): Promise<Uint8Array | null> {
    const ephemeral = ephemeralOf(stanza)
    try {
      const secret = await identity.sharedSecret(ephemeral)
      return unwrapFileKey(secret, ephemeral, publicKeyOfRecipient(identity.recipient)!, stanza.body)
    } catch (error) {
      this.refusal = malformed(error)
      if (NOT_THIS_ONE.has(this.refusal.code)) return null
      throw this.refusal
    }
  }
}

/** What the age library says of a broken file, in our words. */
export function malformed(error: unknown): OstrakaError {
  if (error instanceof OstrakaError) return error
  return new OstrakaError('malformed', error instanceof Error ? error.message : String(error))
}

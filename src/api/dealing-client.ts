import { fromBase64, type Rng, Secret, toBase64 } from '../base/index.ts'
import {
  cryptoReady,
  deal,
  groupByName,
  privateKeyToScalar,
  ristretto255,
  type SigningKey,
  scalarFromSeed,
} from '../crypto/index.ts'
import { dealingContext, makeDealing, suiteOf } from '../keys/index.ts'
import { type DleqProof, type KeyKind, transactionCodec } from '../wire/index.ts'
import type { PlanJson } from './json.ts'
import type { DealingJson, SignedDealingJson } from './routes-import.ts'
import { signTransaction } from './signing.ts'

/** Which secret to share among whom: the client's half of an import. No daemon sees any of it. */
export interface Dealer {
  readonly kind: KeyKind
  readonly networkId: Uint8Array
  readonly rng: Rng
}

/**
 * What 32 bytes of a private key are. `native`: what programs store. `scalar`: the number itself that multiplies the base
 * point, as the group encodes it: little-endian below L, for secp256k1 big-endian.
 */
export type SecretForm = 'native' | 'scalar'

/**
 * The scalar behind a private key as programs store it: the RFC 8032 seed, the RFC 7748 private key, the RFC 9497
 * scalar (little-endian), or secp256k1's 32 bytes big-endian. Errors: `malformed`.
 */
export async function scalarOfSecret(
  kind: KeyKind,
  secret: Secret,
  form: SecretForm = 'native',
): Promise<Secret> {
  await cryptoReady
  if (form === 'native' && kind === 'ed25519') return scalarFromSeed(secret)
  if (form === 'native' && kind === 'x25519') return privateKeyToScalar(secret)
  return new Secret(groupByName(suiteOf(kind).group).decodeScalar(secret.expose()))
}

/** Deals in the name of the plan's dealer, whose daemon will sign what it cannot open. */
export function dealFor(dealer: Dealer, plan: PlanJson, scalar: Secret): DealingJson {
  const { commitments, possession, encapsulation, sealedShares } = deal({
    group: groupByName(suiteOf(dealer.kind).group),
    threshold: plan.threshold,
    recipients: plan.recipients.map(({ slot, sealingKey }) => ({
      slot,
      sealingKey: ristretto255.decode(fromBase64(sealingKey, 'sealingKey')),
    })),
    secret: scalar,
    context: dealingContext(dealer.networkId, ceremonyOf(plan), {
      dealer: fromBase64(plan.dealer, 'dealer'),
      fromSlot: 0,
    }),
    rng: dealer.rng,
  })
  return {
    ceremony: plan.ceremony,
    commitments: commitments.map(toBase64),
    possession: proofJson(possession),
    encapsulation: { enc: toBase64(encapsulation.enc), proof: proofJson(encapsulation.proof) },
    shares: sealedShares.map(({ slot, sealed }) => ({ slot, sealed: toBase64(sealed) })),
  }
}

function proofJson({ challenge, response }: DleqProof): DealingJson['possession'] {
  return { challenge: toBase64(challenge), response: toBase64(response) }
}

/** Deals and signs as the importing principal itself. */
export function dealAs(
  principal: SigningKey,
  dealer: Dealer,
  plan: PlanJson,
  scalar: Secret,
): SignedDealingJson {
  const recipients = plan.recipients.map(recipient => ({
    slot: recipient.slot,
    sealingKey: fromBase64(recipient.sealingKey, 'sealingKey'),
  }))
  const { networkId, rng } = dealer
  const group = suiteOf(dealer.kind).group
  const dealingPlan = { networkId, ...ceremonyOf(plan), group, threshold: plan.threshold, recipients }
  const made = makeDealing(dealingPlan, principal, scalar, rng)
  const transaction = signTransaction(principal, networkId, made.deal)
  return { transaction: toBase64(transactionCodec.encode(transaction)), record: toBase64(made.record) }
}

function ceremonyOf(plan: PlanJson): { id: Uint8Array; keyId: Uint8Array; version: number } {
  return {
    id: fromBase64(plan.ceremony, 'ceremony'),
    keyId: fromBase64(plan.keyId, 'keyId'),
    version: plan.version,
  }
}

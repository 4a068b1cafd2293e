import {
  equalBytes,
  fromBase64,
  fromHex,
  listFromBase64,
  OstrakaError,
  publicKeyOf,
  type Rng,
  type Secret,
} from '../base/index.ts'
import {
  checkShare,
  combineWeightedShares,
  cryptoReady,
  type Element,
  type Group,
  generateSealingKey,
  groupByName,
  lagrangeAtZero,
  open,
  ProvenEncapsulation,
  privateKeyFromScalar,
  type SealingKeyPair,
  sealingKeyFromSecret,
  verifySigned,
} from '../crypto/index.ts'
import { encodePublicKey, exportInfo, exportOccasion, suiteOf } from '../keys/index.ts'
import { type ExportedShares, exportedSharesCodec, type KeyKind, type Signed } from '../wire/index.ts'
import type { ExportedSecret } from './client.ts'
import type { ExportJson } from './json.ts'

/** The key of one export: its secret half stays with the requester, who forgets it afterwards. */
export async function newOneTimeKey(rng: Rng): Promise<SealingKeyPair> {
  await cryptoReady
  return generateSealingKey(rng)
}

/** The public half of a one-time key: whom the shares are sealed to. */
export async function recipientOf(oneTimeKey: Secret): Promise<Uint8Array> {
  await cryptoReady
  return sealingKeyFromSecret(oneTimeKey).publicKey.bytes
}

interface GoodShare {
  readonly slot: number
  readonly share: Secret
}

/**
 * Opens the holders' answers, checks each share against the version's commitments, and joins as many as it takes. The
 * result is checked against the public key. Errors: `insufficient_shares` { needed, answered, culprits }: holders whose
 * share does not open or fit, in their own signature; `bad_share` when the daemon's public key is not that of the shares.
 */
export async function openExport(
  oneTimeKey: Secret,
  networkId: Uint8Array,
  json: ExportJson,
): Promise<ExportedSecret> {
  await cryptoReady
  const oneTime = sealingKeyFromSecret(oneTimeKey)
  const kind = json.kind as KeyKind
  const group = groupByName(suiteOf(kind).group)
  const commitments = listFromBase64(json.commitments, 'commitments').map(bytes => group.decode(bytes))
  const { good, culprits } = openAll(oneTime, networkId, json, group, commitments)
  try {
    if (good.length < json.threshold) {
      throw new OstrakaError('insufficient_shares', 'too few shares open and fit', {
        ...{ needed: json.threshold, answered: good.length, culprits },
      })
    }
    const scalar = join(group, good.slice(0, json.threshold))
    const publicKey = group.multiplyBase(scalar.expose())
    const isRight =
      group.equals(publicKey, commitments[0]!) &&
      equalBytes(encodePublicKey(kind, publicKey), fromBase64(json.publicKey, 'publicKey'))
    if (!isRight) {
      scalar.wipe()
      throw new OstrakaError('bad_share', 'the shares do not give the secret of this public key')
    }
    const { act } = json.proposal
    const version = act.type === 'export-key' ? act.version : 0
    return {
      kind,
      version,
      publicKey: fromBase64(json.publicKey, 'publicKey'),
      ...secretOfScalar(kind, scalar),
    }
  } finally {
    for (const { share } of good) share.wipe()
  }
}

/**
 * What a program stores for this scalar: x25519 an RFC 7748 private key, secp256k1 and ristretto255 the scalar itself. An
 * ed25519 key that was born of shares has no RFC 8032 seed: no 32 bytes hash to its scalar that anyone could find. It is
 * given as the scalar, little-endian. Takes ownership of `scalar`.
 */
function secretOfScalar(kind: KeyKind, scalar: Secret): Pick<ExportedSecret, 'secret' | 'form'> {
  if (kind === 'ed25519') return { secret: scalar, form: 'scalar' }
  if (kind !== 'x25519') return { secret: scalar, form: 'native' }
  const secret = privateKeyFromScalar(scalar)
  scalar.wipe()
  return { secret, form: 'native' }
}

function openAll(
  oneTime: SealingKeyPair,
  networkId: Uint8Array,
  json: ExportJson,
  group: Group,
  commitments: readonly Element[],
): { readonly good: readonly GoodShare[]; readonly culprits: readonly string[] } {
  const good: GoodShare[] = []
  const culprits = new Set<string>()
  const signed = listFromBase64(json.answers, 'answers').map(bytes => exportedSharesCodec.decode(bytes))
  for (const { slot, peerId } of json.holders) {
    const answer = signed.find(each => equalBytes(each.signer, publicKeyOf(peerId)))
    if (answer === undefined || !isOurs(networkId, json, answer)) continue
    const share = openShare(oneTime, networkId, json, answer, slot)
    if (share !== undefined && checkShare(group, commitments, slot, share)) good.push({ slot, share })
    else culprits.add(peerId)
  }
  return { good, culprits: [...culprits] }
}

/** What a gateway may have altered is no holder's fault. */
function isOurs(networkId: Uint8Array, json: ExportJson, answer: Signed<ExportedShares>): boolean {
  const { proposal, generation } = answer.value
  return (
    equalBytes(proposal, fromHex(json.proposal.id)) &&
    generation === json.generation &&
    verifySigned('export', networkId, answer)
  )
}

function openShare(
  oneTime: SealingKeyPair,
  networkId: Uint8Array,
  { proposal: { id, act } }: ExportJson,
  { value: { version, generation, encapsulation, shares }, signer }: Signed<ExportedShares>,
  slot: number,
): Secret | undefined {
  const sealed = shares.find(share => share.slot === slot)?.sealed
  if (sealed === undefined || act.type !== 'export-key') return undefined
  const context = { networkId, keyId: fromHex(act.keyId), version, generation, proposal: fromHex(id) }
  // an encapsulation that is not proven to be this holder's is not touched
  const proven = ProvenEncapsulation.verify(encapsulation, exportOccasion(context, signer))
  const share = proven && open(oneTime, proven, exportInfo(context, slot), sealed)
  return share?.length === 32 ? share : undefined
}

function join(group: Group, shares: readonly GoodShare[]): Secret {
  const slots = shares.map(({ slot }) => slot)
  return combineWeightedShares(
    group,
    shares.map(({ slot, share }) => [lagrangeAtZero(group, slots, slot), share] as const),
  )
}

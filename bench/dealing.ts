import { ed25519_FROST } from '@noble/curves/ed25519.js'
import { Secret } from '../src/base/index.ts'
import {
  combineShares,
  cryptoReady,
  type Dealing,
  type DealingContext,
  deal,
  type Element,
  edwards25519,
  generateSealingKey,
  ProvenEncapsulation,
  receiveShare,
  type SealingKeyPair,
  sealingContext,
  sumCommitments,
  verifyDealing,
  verifyingShares,
} from '../src/crypto/index.ts'
import { cpuOf } from './measure.ts'
import type { Bench, Part } from './report.ts'
import { systemRng } from './shared-key.ts'

const THRESHOLD = 16
const PARTIES = 31
/** noble's last round costs over a second a party and the same for each; so many parties stand for all. */
const NOBLE_LAST_ROUND_SAMPLE = 3

const group = edwards25519

function contextOf(dealer: number): DealingContext {
  const [networkId, ceremony, keyId] = [1, 2, 3].map(each => new Uint8Array(32).fill(each))
  const named = { networkId: networkId!, ceremony: ceremony!, keyId: keyId!, version: 1 }
  return { ...named, dealer: new Uint8Array(32).fill(dealer), fromSlot: 0 }
}

function dealFor(dealer: number, sealingKeys: readonly SealingKeyPair[]): Dealing {
  const secret = new Secret(group.randomScalar(systemRng))
  const recipients = sealingKeys.map(({ publicKey }, index) => ({ slot: index + 1, sealingKey: publicKey }))
  const context = contextOf(dealer)
  return deal({ group, threshold: THRESHOLD, recipients, secret, context, rng: systemRng })
}

/** What one party ends with, as in noble's DKG: its share, the joint commitments, everyone's verifying share. */
function receiveAll(slot: number, dealings: readonly Dealing[], keys: SealingKeyPair): readonly Element[] {
  const parts = dealings.map(({ commitments, possession, encapsulation: sent, sealedShares }, dealer) => {
    const context = contextOf(dealer)
    const elements = verifyDealing(group, THRESHOLD, commitments, context, possession)
    const encapsulation = ProvenEncapsulation.verify(sent, sealingContext(context))!
    const { sealed } = sealedShares[slot - 1]!
    const dealt = { group, commitments: elements, slot, encapsulation, sealed, context }
    const share = receiveShare(dealt, keys)
    return { elements, share }
  })
  combineShares(
    group,
    parts.map(part => part.share),
  )
  const joint = sumCommitments(
    group,
    parts.map(part => part.elements),
  )
  const slots = dealings.map((_, index) => index + 1)
  const shares = verifyingShares(group, joint, slots)
  for (const element of [...joint, ...shares]) void element.bytes
  return joint
}

/** CPU seconds of the whole ceremony for all parties together, one after another in this process. */
function ourCeremony(): { readonly dealS: number; readonly receiveS: number } {
  const sealingKeys = Array.from({ length: PARTIES }, () => generateSealingKey(systemRng))
  let dealings: Dealing[] = []
  const dealUs = cpuOf(() => {
    dealings = sealingKeys.map((_, dealer) => dealFor(dealer, sealingKeys))
  })
  const receiveUs = cpuOf(() => {
    for (const [index, keys] of sealingKeys.entries()) receiveAll(index + 1, dealings, keys)
  })
  return { dealS: dealUs / 1e6, receiveS: receiveUs / 1e6 }
}

function nobleCeremony(): { readonly roundsS: readonly [number, number, number]; readonly totalS: number } {
  const { DKG, Identifier } = ed25519_FROST
  const ids = Array.from({ length: PARTIES }, (_, index) => Identifier.fromNumber(index + 1))
  const signers = { min: THRESHOLD, max: PARTIES }
  const others = <T>(list: readonly T[], index: number): T[] => list.filter((_, other) => other !== index)
  let first: ReturnType<typeof DKG.round1>[] = []
  let second: ReturnType<typeof DKG.round2>[] = []
  const publics = (index: number) => others(first, index).map(party => party.public)
  const firstUs = cpuOf(() => {
    first = ids.map(id => DKG.round1(id, signers))
  })
  const secondUs = cpuOf(() => {
    second = first.map(({ secret }, index) => DKG.round2(secret, publics(index)))
  })
  const sampleUs = cpuOf(() => {
    for (let index = 0; index < NOBLE_LAST_ROUND_SAMPLE; index++) {
      const shares = others(second, index).map(sent => sent[ids[index]!]!)
      DKG.round3(first[index]!.secret, publics(index), shares)
    }
  })
  const thirdUs = (sampleUs * PARTIES) / NOBLE_LAST_ROUND_SAMPLE
  const roundsS = [firstUs / 1e6, secondUs / 1e6, thirdUs / 1e6] as const
  return { roundsS, totalS: roundsS[0] + roundsS[1] + roundsS[2] }
}

async function run({ figure, remark }: Bench): Promise<void> {
  await cryptoReady
  // one untimed ceremony lets V8 optimise ours; noble's second round runs for seconds and does so on the way
  ourCeremony()
  const before = ourCeremony()
  const noble = nobleCeremony()
  const after = ourCeremony()
  const ours = { dealS: mean(before.dealS, after.dealS), receiveS: mean(before.receiveS, after.receiveS) }
  const totalS = ours.dealS + ours.receiveS
  remark(
    `CPU of all ${PARTIES} parties. Both: deal, prove and check possession, check every share, sum, and compute the joint ` +
      'commitments and all verifying shares',
  )
  remark('ours also seals and opens every share, which noble leaves to the caller')
  remark(`noble's round 3 is measured for ${NOBLE_LAST_ROUND_SAMPLE} parties and multiplied up to ${PARTIES}`)
  figure({ name: 'dealing by all, ours', value: ours.dealS, unit: 's' })
  figure({ name: 'verification and summing by all, ours', value: ours.receiveS, unit: 's' })
  figure({ name: 'DKG round 1 by all, noble', value: noble.roundsS[0], unit: 's' })
  figure({ name: 'DKG round 2 by all, noble', value: noble.roundsS[1], unit: 's' })
  figure({ name: 'DKG round 3 by all, noble (extrapolated)', value: noble.roundsS[2], unit: 's' })
  figure({
    name: 'dealing and verification 16-of-31, noble / ours',
    value: noble.totalS / totalS,
    unit: 'x',
    target: { atLeast: 20 },
  })
}

function mean(a: number, b: number): number {
  return (a + b) / 2
}

export const dealing: Part = {
  name: 'dealing',
  title: 'Key generation 16-of-31 on edwards25519: dealing and verification; CPU time in one process',
  run,
}

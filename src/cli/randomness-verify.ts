import type { Client, RandomnessJson } from '../api/index.ts'
import {
  equalBytes,
  fromBase64,
  isOstrakaError,
  listFromBase64,
  OstrakaError,
  toBase64,
  toOstrakaError,
} from '../base/index.ts'
import { cryptoReady, fallbackRandomness, ristretto255, verifyRandomness } from '../crypto/index.ts'
import { NETWORK_KEY } from '../keys/index.ts'

/** What is asked of a daemon. */
type Daemon = Pick<Client, 'api' | 'key' | 'log' | 'provenKey' | 'randomness'>

/** One thing that was looked at; `problem` when it is not as it should be. */
export interface RandomnessCheck {
  readonly what: string
  readonly problem?: string
}

/**
 * Checks a daemon's word on an epoch's randomness: the proofs and the value here; the public key against the certified
 * state when the client `isProving`, else against what the daemon says elsewhere; everything against what the `witnesses` say.
 * Whatever the other commitments are, proven partials that add up to that key's give its one value.
 */
export async function checkRandomness(
  client: Daemon,
  said: RandomnessJson,
  witnesses: readonly Pick<Daemon, 'api' | 'randomness'>[],
  isProving: boolean,
): Promise<RandomnessCheck[]> {
  await cryptoReady
  const checks = [await attempt(titleOf(said), () => checkSource(client, said))]
  if (said.source === 'key') {
    const by = isProving ? ', which the network certifies' : ', as this daemon says'
    checks.push(await attempt(`the key is the network’s own${by}`, () => checkKey(client, said, isProving)))
  }
  if (said.inUse.epoch === said.epoch) {
    checks.push(
      await attempt('the validators are ranked by this value', () => {
        if (said.inUse.seed !== said.value) fail('they are ranked by another')
      }),
    )
  }
  for (const witness of witnesses) {
    checks.push(await attempt(`${witness.api} says the same`, () => compare(witness, said)))
  }
  return checks
}

function titleOf({ source, partials = [] }: RandomnessJson): string {
  if (source === 'key') return `${partials.length} partials are proven, and give the value`
  if (source === 'fallback') return 'the value is the hash of the one before'
  return 'the value is the hash of the certificate in the block that opened the epoch'
}

function fail(why: string): never {
  throw new OstrakaError('conflict', why)
}

async function attempt(what: string, check: () => Promise<void> | void): Promise<RandomnessCheck> {
  try {
    await check()
    return { what }
  } catch (thrown) {
    const { code, message } = toOstrakaError(thrown)
    return { what, problem: code === 'conflict' ? message : `${code}: ${message}` }
  }
}

function checkSource(client: Daemon, said: RandomnessJson): Promise<void> | void {
  if (said.source === 'key') return checkProofs(said)
  return said.source === 'fallback' ? checkFallback(client, said) : checkCertificate(client, said)
}

function checkProofs(said: RandomnessJson): void {
  const { epoch, commitments = [], partials = [] } = said
  const value = verifyRandomness(
    epoch,
    listFromBase64(commitments, 'commitments').map(bytes => ristretto255.decode(bytes)),
    partials.map(({ slot, element, proof }) => ({
      slot,
      element: ristretto255.decode(fromBase64(element, 'element')),
      proof: {
        challenge: fromBase64(proof.challenge, 'challenge'),
        response: fromBase64(proof.response, 'response'),
      },
    })),
  )
  if (!equalBytes(value, fromBase64(said.value, 'value'))) fail('the partials give another value')
}

async function checkKey(client: Daemon, said: RandomnessJson, isProving: boolean): Promise<void> {
  const { version = 0, commitments = [] } = said
  const publicKey = isProving
    ? toBase64((await client.provenKey(NETWORK_KEY, { version })).publicKey)
    : (await client.key(NETWORK_KEY)).versions.find(each => each.version === version)?.publicKey
  if (publicKey === undefined) fail(`the network’s key has no version ${version}`)
  if (publicKey !== commitments[0]) fail('the partials are of another public key')
}

async function checkFallback(client: Daemon, { epoch, value, previous }: RandomnessJson): Promise<void> {
  const before = fromBase64(previous ?? '', 'previous')
  if (!equalBytes(fallbackRandomness(epoch, before), fromBase64(value, 'value'))) fail('it is not')
  const recorded = await client.randomness(epoch - 1).catch(unlessGone)
  if (recorded !== undefined && recorded.value !== previous) fail('the epoch before had another value')
}

async function checkCertificate(client: Daemon, { height, value }: RandomnessJson): Promise<void> {
  const page = await client.log(height, { limit: 1 }).catch(unlessGone)
  if (page === undefined) fail('the block is pruned at this daemon')
  const block = page.blocks[0]?.block as { readonly header: { readonly certificateHash: string } } | undefined
  if (block?.header.certificateHash !== value) fail('it is not')
}

async function compare(witness: Pick<Daemon, 'api' | 'randomness'>, said: RandomnessJson): Promise<void> {
  const theirs = await witness.randomness(said.epoch)
  if (theirs.value !== said.value || theirs.source !== said.source) fail('it says something else')
  if (JSON.stringify(theirs.commitments) !== JSON.stringify(said.commitments)) {
    fail('it has other commitments of the network’s key')
  }
}

/** Old epochs and blocks are dropped in time; what is not there contradicts nothing. */
function unlessGone(error: unknown): undefined {
  if (isOstrakaError(error, 'not_found')) return undefined
  throw error
}

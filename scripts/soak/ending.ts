import type { Client } from '../../src/api/index.ts'
import { toBase64 } from '../../src/base/index.ts'
import type { AcknowledgedKey } from './keyring.ts'
import type { LogWatch } from './logs.ts'
import { eventually, type SoakNetwork } from './network.ts'

const CAUGHT_UP_DEADLINE_MS = 60_000

export interface Ending {
  readonly heights: ReadonlyMap<string, number>
  /** Nodes that were not caught up in time. */
  readonly behind: readonly string[]
  /** What was acknowledged and is missing, in words. */
  readonly lost: readonly string[]
  readonly forks: readonly string[]
}

/** What each node has in the end, each asked by itself. */
export async function inspectEnding(
  network: SoakNetwork,
  logs: LogWatch,
  keys: readonly AcknowledgedKey[],
): Promise<Ending> {
  const behind = await nodesBehind(network)
  const heights = new Map<string, number>()
  const lost: string[] = []
  for (const name of network.names) {
    try {
      // a busy daemon that takes longer has lost nothing
      lost.push(...(await missingIn(network.gateway(name).patient, keys)).map(what => `${name}: ${what}`))
      heights.set(name, await logs.readToEnd(name))
    } catch (error) {
      lost.push(`${name} could not be asked: ${error}`)
    }
  }
  lost.push(...logs.missing(keys).map(what => `the log: ${what}`))
  return { heights, behind, lost, forks: logs.forks }
}

async function nodesBehind(network: SoakNetwork): Promise<readonly string[]> {
  const states = await Promise.all(
    network.names.map(async (name, index) => {
      const next = network.names[(index + 1) % network.names.length]!
      return { name, isWell: await eventually(() => network.isCaughtUp(name, next), CAUGHT_UP_DEADLINE_MS) }
    }),
  )
  return states.filter(({ isWell }) => !isWell).map(({ name }) => name)
}

async function missingIn(client: Client, keys: readonly AcknowledgedKey[]): Promise<readonly string[]> {
  const standing = new Map((await client.keys()).map(key => [key.name, key]))
  return keys.flatMap(key => {
    const there = standing.get(key.name)
    if (there === undefined) return [`no ${key.name}`]
    const wrong: string[] = []
    if (there.publicKey !== toBase64(key.publicKey)) wrong.push(`${key.name} has another public key`)
    if (there.generation < key.generation) wrong.push(`${key.name} lacks generation ${key.generation}`)
    const rules = key.rules.map(rule => toBase64(rule.principal))
    const found = there.policy.rules.map(rule => rule.principal)
    const isLater = key.isChanging && there.policy.revision > key.policyRevision
    const isSame = there.policy.revision === key.policyRevision && found.join() === rules.join()
    if (!isSame && !isLater) {
      wrong.push(`${key.name} lacks policy ${key.policyRevision}`)
    }
    return wrong
  })
}

import type { BlockJson, Client } from '../../src/api/index.ts'
import { toBase64 } from '../../src/base/index.ts'
import type { AcknowledgedKey } from './keyring.ts'
import { eventually, type SoakNetwork } from './network.ts'

const CAUGHT_UP_DEADLINE_MS = 60_000
const BLOCKS_AT_ONCE = 100

export interface Ending {
  readonly heights: ReadonlyMap<string, number>
  /** Nodes that were not caught up in time. */
  readonly behind: readonly string[]
  /** What was acknowledged and is missing, in words. */
  readonly lost: readonly string[]
  readonly forks: readonly string[]
}

/** What each node has in the end, each asked by itself. */
export async function inspectEnding(network: SoakNetwork, keys: readonly AcknowledgedKey[]): Promise<Ending> {
  const behind = await nodesBehind(network)
  const heights = new Map<string, number>()
  const lost: string[] = []
  const forks: string[] = []
  const chain = new Map<number, string>()
  for (const name of network.names) {
    // a busy daemon that takes longer has lost nothing
    const client = network.gateway(name).patient
    try {
      lost.push(...(await missingIn(client, keys)).map(what => `${name}: ${what}`))
      const blocks = await logOf(client)
      heights.set(name, blocks.at(-1)?.height ?? 0)
      lost.push(...missingInLog(blocks, keys).map(what => `${name}’s log: ${what}`))
      forks.push(...forksOf(chain, blocks).map(height => `${name} at ${height}`))
    } catch (error) {
      lost.push(`${name} could not be asked: ${error}`)
    }
  }
  return { heights, behind, lost, forks }
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

/** The whole log, from the first block that the node still keeps. */
async function logOf(client: Client): Promise<readonly BlockJson[]> {
  const blocks: BlockJson[] = []
  for (;;) {
    const page = await client.log((blocks.at(-1)?.height ?? 0) + 1, { limit: BLOCKS_AT_ONCE })
    if (page.blocks.length === 0) return blocks
    blocks.push(...page.blocks)
  }
}

/** A block's transactions, as far as they matter here. */
interface BlockContent {
  readonly transactions: ReadonlyArray<{
    readonly value: { readonly type: string; readonly name?: string; readonly revision?: number }
  }>
}

function missingInLog(blocks: readonly BlockJson[], keys: readonly AcknowledgedKey[]): readonly string[] {
  const written = new Set(
    blocks.flatMap(({ block }) =>
      (block as BlockContent).transactions.map(
        ({ value: { type, name, revision = 0 } }) => `${type} ${name} ${revision}`,
      ),
    ),
  )
  return keys.flatMap(key => {
    const expected = [`create-key ${key.name} 0`]
    // `revision` is that of the policy that was replaced
    if (key.rules.length > 0) expected.push(`set-policy ${key.name} ${key.policyRevision - 1}`)
    return expected.filter(entry => !written.has(entry)).map(entry => `no ${entry}`)
  })
}

/** Heights at which a node has another block than the nodes before it. */
function forksOf(chain: Map<number, string>, blocks: readonly BlockJson[]): readonly number[] {
  return blocks.flatMap(({ height, blockId }) => {
    const known = chain.get(height)
    if (known === undefined) chain.set(height, blockId)
    return known === undefined || known === blockId ? [] : [height]
  })
}

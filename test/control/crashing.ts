import { initialState } from '../../src/control/index.ts'
import { createKey, signed } from './fixture.ts'
import type { CrashPlan, Network, SimNode } from './network.ts'

/** The nodes by their rank in the first epoch. */
export function rankedNodes(network: Network): SimNode[] {
  return initialState(network.genesis).ranking.map(({ peerId }) => network.nodeOf(peerId))
}

export interface CrashRun {
  /** By rank. */
  readonly victim: number
  readonly plan: CrashPlan
  /** What goes with its power. */
  readonly loses: SimNode['loses']
  readonly transactions: number
}

/** Other nodes submit transactions one after the other, while the victim loses power as planned and comes back at once. */
export function submitThroughCrash(network: Network, { victim, plan, loses, transactions }: CrashRun): void {
  const byRank = rankedNodes(network)
  const node = byRank[victim]!
  node.crash = plan
  node.loses = loses
  for (let number = 0; number < transactions; number++) {
    const submitter = byRank[(victim + 1 + (number % 3)) % 4]!
    network.submit(submitter, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
    network.run(150)
    if (node.log !== null) continue
    network.lose(node)
    network.start(node)
  }
}

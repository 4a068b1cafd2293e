import { type MemberRecord, memberPath } from '../src/control/index.ts'
import { continueSnapshot, joinParts, startSnapshot } from '../src/control/snapshots.ts'
import { cryptoReady } from '../src/crypto/index.ts'
import { CeremonyNetwork } from '../test/keys/ceremony-network.ts'
import { cloneKey, giveShares } from '../test/keys/many-keys.ts'
import { quantile } from './measure.ts'
import type { Bench, Part } from './report.ts'

const KEYS = Number(process.env.KEYS ?? 100_000)

/** All versions lack a holder; so many of them are repaired in the run, since each is a ceremony of five dealers. */
const REPAIRED = Number(process.env.REPAIRED ?? 64)

const NOTHING = { type: 'set-policy', name: 'none', revision: 0, rules: [] } as const

async function run({ figure, remark }: Bench): Promise<void> {
  await cryptoReady
  remark(
    `the reducer alone, of seven members and ${KEYS} keys, each 3 of 5 (KEYS and REPAIRED set other numbers)`,
  )
  const network = new CeremonyNetwork(7, 'many keys')
  network.create('k', { threshold: 3, shares: 5 })
  network.run(network.nowMs + 20_000)
  giveShares(network, 'k', cloneKey(network, 'k', KEYS - 1).slice(0, REPAIRED))
  network.ledger.records.root()

  const idle = timed(network, 20, () => {
    network.submit(network.principal, NOTHING)
    network.run(network.nowMs + 1)
  })
  figure({ name: 'a block that changes next to nothing, p50', value: quantile(idle.tookMs, 0.5), unit: 'ms' })

  measureStart(network, figure)

  const { peerId } = network.version('k')!.slots[0]!
  const { records } = network.ledger
  const member = records.get<MemberRecord>(memberPath(peerId))!
  network.ledger = {
    ...network.ledger,
    records: records.set(memberPath(peerId), { ...member, state: 'removed' }),
  }
  network.node(peerId).isDown = true
  network.submit(network.principal, NOTHING)
  const sweep = timed(network, 1, () => {
    do network.run(network.nowMs + 1000)
    while (network.ledger.records.get<{ after: string }>('sweep')!.after !== '')
  })
  const queued = [...network.ledger.records.entries('queued/')].length
  remark(
    `a member with a share of every key is removed: ${sweep.tookMs.length} blocks find ${queued} versions to repair`,
  )
  figure({ name: 'such a block, p50', value: quantile(sweep.tookMs, 0.5), unit: 'ms' })
  figure({ name: 'such a block, p99 of its CPU', value: quantile(sweep.cpuMs, 0.99), unit: 'ms' })
  figure({ name: 'such a block, the most CPU', value: Math.max(...sweep.cpuMs), unit: 'ms' })
  figure({
    name: 'such a block, the longest',
    value: Math.max(...sweep.tookMs),
    unit: 'ms',
    target: { atMost: 200 },
  })
}

/** The parts of the snapshot are garbage afterwards, as they are in a daemon. */
function measureStart(network: CeremonyNetwork, figure: Bench['figure']): void {
  const parts = snapshotParts(network)
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  figure({ name: 'snapshot', value: bytes / 1e6, unit: 'MB' })
  const startMs = performance.now()
  joinParts(parts).root()
  figure({
    name: 'start: the state read from a snapshot, and hashed',
    value: (performance.now() - startMs) / 1000,
    unit: 's',
  })
}

/** How long each block took to apply that came while `act` ran `times` times, and how much CPU of this thread. */
function timed(
  network: CeremonyNetwork,
  times: number,
  act: () => void,
): { readonly tookMs: number[]; readonly cpuMs: number[] } {
  const tookMs: number[] = []
  const cpuMs: number[] = []
  network.onBlock = (took, cpu) => {
    tookMs.push(took)
    cpuMs.push(cpu)
  }
  for (let time = 0; time < times; time++) act()
  network.onBlock = () => {}
  return { tookMs, cpuMs }
}

function snapshotParts({ ledger }: CeremonyNetwork): Uint8Array[] {
  const { chain } = ledger
  const header = {
    ...{
      height: chain.height,
      previous: chain.blockId,
      stateRoot: ledger.records.root(),
      timeMs: chain.timeMs,
    },
    ...{ round: 0, proposer: new Uint8Array(32) },
    ...{ certificateHash: new Uint8Array(32), transactionsHash: new Uint8Array(32) },
  }
  const certificate = { height: chain.height, round: 0, blockId: chain.blockId, signatures: [] }
  const parts: Uint8Array[] = []
  let job: ReturnType<typeof startSnapshot> | null = startSnapshot(ledger, { header, certificate })
  while (job !== null) {
    const progress = continueSnapshot(job)
    // the last write is the list of the parts
    if (progress.job !== null) parts.push(progress.writes[0]!.value!)
    job = progress.job
  }
  return parts
}

export const manyKeys: Part = { name: 'keys-100k', title: 'A ledger of 100,000 keys', run }

import { equalBytes } from '../base/index.ts'
import type { Header } from '../wire/index.ts'
import { honestMinority } from './certificates.ts'
import type { Ledger, LedgerReader } from './ledger.ts'
import type { MerkleMap } from './merkle-map.ts'
import {
  CHAIN_PATH,
  type ChainRecord,
  PROPOSERS_PATH,
  type ProposersRecord,
  STAGES_PATH,
  type StagesRecord,
  VALIDATORS_PATH,
  type ValidatorsRecord,
} from './records.ts'

/**
 * A leader decides what its blocks hold. So that no f leaders can leave somebody out until a stage is over, the leader
 * changes while a stage is open, and no stage ends before blocks of f+1 proposers were committed in it.
 */
const LEAST_TURNS = 4

/** Proposers that are remembered: f+1 of 16 validators are 6 at most. */
const KEPT_PROPOSERS = 16

function votersOf(ledger: LedgerReader): number {
  return ledger.get<ValidatorsRecord>(VALIDATORS_PATH)!.current.length
}

/** A stage of `stageMs` opens. With f+2 turns or more, f+1 proposers have had theirs when its time is over. */
export function beginStage(ledger: Ledger, stageMs: number): void {
  const turns = Math.max(LEAST_TURNS, honestMinority(votersOf(ledger)) + 1)
  const turnMs = Math.max(1, Math.floor(stageMs / turns))
  const before = ledger.get<StagesRecord>(STAGES_PATH)
  ledger.put(STAGES_PATH, {
    open: (before?.open ?? 0) + 1,
    turnMs: Math.min(turnMs, before?.turnMs ?? turnMs),
    sinceMs: before?.sinceMs ?? ledger.timeMs,
    isLeadPassed: before?.isLeadPassed ?? false,
  } satisfies StagesRecord)
}

/** A stage is over. With the last one the leader keeps the lead again. */
export function endStage(ledger: Ledger): void {
  const before = ledger.get<StagesRecord>(STAGES_PATH)
  if (before === undefined) return
  if (before.open > 1) ledger.put(STAGES_PATH, { ...before, open: before.open - 1 })
  else ledger.delete(STAGES_PATH)
}

/** Whether f+1 proposers, of whom one is honest, had blocks committed above `height` and below the present block. */
export function hasHonestProposer(ledger: LedgerReader, height: number): boolean {
  const latest = ledger.get<ProposersRecord>(PROPOSERS_PATH)?.latest ?? []
  return latest.filter(entry => entry.height > height).length >= honestMinority(votersOf(ledger))
}

/** Has the next rank propose the next block: a stage whose time is over waits for other proposers. */
export function passLead(ledger: Ledger): void {
  const stages = ledger.get<StagesRecord>(STAGES_PATH)
  if (stages !== undefined) ledger.put(STAGES_PATH, { ...stages, isLeadPassed: true })
}

/** At the end of a block: notes who proposed it, and passes the lead on when the leader's turn is over. */
export function settleTurn(ledger: Ledger, { proposer }: Header, validators: number): void {
  const before = ledger.get<ProposersRecord>(PROPOSERS_PATH)?.latest ?? []
  const others = before.filter(entry => !equalBytes(entry.proposer, proposer))
  const latest = [{ proposer, height: ledger.height }, ...others].slice(0, KEPT_PROPOSERS)
  ledger.put(PROPOSERS_PATH, { latest } satisfies ProposersRecord)
  const stages = ledger.get<StagesRecord>(STAGES_PATH)
  if (stages === undefined) return
  const chain = ledger.get<ChainRecord>(CHAIN_PATH)!
  if (!stages.isLeadPassed && ledger.timeMs < turnEnd(chain, stages)) return
  const leader = (chain.leader + 1) % validators
  ledger.put(CHAIN_PATH, { ...chain, leader, leadsSinceMs: ledger.timeMs } satisfies ChainRecord)
  if (stages.isLeadPassed) ledger.put(STAGES_PATH, { ...stages, isLeadPassed: false })
}

function turnEnd(chain: ChainRecord, { sinceMs, turnMs }: StagesRecord): number {
  return Math.max(chain.leadsSinceMs, sinceMs) + turnMs
}

/** The block time at which the leader's turn ends, and a block is wanted; null while no stage is open. */
export function turnEndsMs(records: MerkleMap): number | null {
  const stages = records.get<StagesRecord>(STAGES_PATH)
  return stages === undefined ? null : turnEnd(records.get<ChainRecord>(CHAIN_PATH)!, stages)
}

import { join } from 'node:path'
import type { AuditCheckpointJson, AuditLossJson, Client } from '../api/index.ts'
import {
  AUDIT_FAULTS,
  type AuditFault,
  type AuditFinding,
  Inspection,
  leafHash,
  verifyConsistency,
  verifyInclusion,
} from '../audit/index.ts'
import { fromBase64, fromHex, listFromBase64, OstrakaError, Secret, toOstrakaError } from '../base/index.ts'
import { SigningKey } from '../crypto/index.ts'
import { SystemRng } from '../io/index.ts'
import { claimedHeads, forksOf, inspectDirectory, type Witnessed } from '../node/index.ts'
import type { ForkedAudit } from '../wire/index.ts'
import { readGenesis, readMember } from './genesis-file.ts'
import { signIn } from './invites.ts'
import { nodeFiles } from './node-directory.ts'

/** What was found of one node's log; `error` when it could not be read at all. */
export interface AuditVerdict {
  readonly peerId: string
  readonly where: string
  readonly entries: number
  /** How many of them the control log's checkpoint covers. */
  readonly covered: number
  readonly findings: readonly AuditFinding[]
  /** Proof against the node, where it has signed what contradicts. */
  readonly forks: readonly ForkedAudit[]
  readonly error?: string
}

/** A daemon's word on all logs' checkpoints. */
export interface Witness {
  readonly name: string
  readonly networkId: Uint8Array
  readonly checkpoints: readonly AuditCheckpointJson[]
  readonly losses: readonly AuditLossJson[]
}

const PAGE = 256

export async function askWitness(client: Client): Promise<Witness> {
  const { networkId } = await client.status()
  return {
    name: client.api,
    networkId: fromHex(networkId),
    ...(await client.auditRecords()),
  }
}

export function wordsOn(peerId: string, witnesses: readonly Witness[]): Witnessed[] {
  return witnesses.flatMap(({ name, checkpoints }) => {
    const found = checkpoints.find(checkpoint => checkpoint.peerId === peerId)
    if (found === undefined) return []
    const { generation, size, root, signature, height } = found
    const checkpoint = {
      generation,
      size,
      root: fromBase64(root, 'root'),
      signature: fromBase64(signature, 'signature'),
    }
    return [{ source: `the checkpoint of height ${height}, as ${name} has it`, checkpoint }]
  })
}

/** Reads a running daemon's whole log and checks it against what all witnesses have on record of it. */
export async function verifyDaemon(client: Client, witnesses: readonly Witness[]): Promise<AuditVerdict> {
  const { peerId, networkId } = await client.status()
  const words = wordsOn(peerId, witnesses)
  const { generation, heads, findings } = claimedHeads(
    fromHex(networkId),
    peerId,
    words,
    lossesOf(peerId, witnesses),
  )
  const forks = forksOf(fromHex(networkId), peerId, words)
  const covered = Math.max(0, ...heads.map(head => head.size))
  const inspection = new Inspection(heads)
  const base = { peerId, where: client.api, covered, forks }
  try {
    await readPages(client, inspection, generation)
  } catch (thrown) {
    const error = toOstrakaError(thrown)
    const refusal = `${error.code}: ${error.message}`
    // a daemon that has found the damage itself names it
    const found: AuditFinding[] =
      error.code === 'storage_corrupt' ? [{ fault: faultIn(error), text: refusal }] : []
    const known = {
      ...base,
      entries: inspection.size,
      findings: [...findings, ...inspection.findings, ...found],
    }
    return found.length > 0 ? known : { ...known, error: refusal }
  }
  return { ...base, entries: inspection.size, findings: [...findings, ...inspection.finish()] }
}

function faultIn({ details }: OstrakaError): AuditFault {
  return AUDIT_FAULTS.find(fault => fault === details.fault) ?? 'edited'
}

/** How many logs of the node were written off, as far as any witness knows. */
function lossesOf(peerId: string, witnesses: readonly Witness[]): number {
  const counts = witnesses.map(({ losses }) => losses.filter(loss => loss.peerId === peerId).length)
  return Math.max(0, ...counts)
}

async function readPages(client: Client, inspection: Inspection, generation: number): Promise<void> {
  let end = 1
  while (inspection.size < end) {
    const from = inspection.size
    const page = await client.audit(from, { limit: PAGE })
    if (page.generation < generation) {
      inspection.report('rewritten', `it shows log ${page.generation}, which was written off`)
    }
    // a log that was begun since the witnesses spoke is not theirs to judge
    if (page.generation > generation)
      throw new OstrakaError('conflict', 'its log was written off meanwhile: verify again')
    // the log may grow while it is read: what is there at the beginning is enough
    if (from === 0) end = page.size
    const { checkpoint, root, size } = page
    const trees = new Map([[size, fromBase64(root, 'root')]])
    if (checkpoint !== null) {
      const known = fromBase64(checkpoint.root, 'root')
      trees.set(checkpoint.size, known)
      const proof = listFromBase64(page.consistency, 'consistency')
      if (!verifyConsistency(checkpoint.size, size, known, fromBase64(root, 'root'), proof)) {
        inspection.report('rewritten', `the log of ${size} entries does not continue its checkpoint`)
      }
    }
    for (const { bytes, sequence, proof, provenSize } of page.entries) {
      if (sequence !== inspection.size) break
      const leaf = fromBase64(bytes, 'bytes')
      const tree = trees.get(provenSize) ?? new Uint8Array(0)
      const isProven = verifyInclusion(
        sequence,
        provenSize,
        leafHash(leaf),
        listFromBase64(proof, 'proof'),
        tree,
      )
      inspection.feed(leaf, !isProven)
    }
    if (inspection.size === from) return
  }
}

/** Reads a stopped node's log from its directory. Errors: `not_found`, `conflict` while its daemon runs. */
export async function verifyDirectory(dir: string, witnesses: readonly Witness[]): Promise<AuditVerdict> {
  const { openStore } = await import('../io/index.ts')
  const files = nodeFiles(dir)
  const { peerId } = readMember(files.member)
  const genesis = await readGenesis(files.genesis)
  const words = wordsOn(peerId, witnesses)
  const store = await openStore(dir)
  try {
    const inspected = await inspectDirectory(store, genesis, peerId, words)
    const { size, findings, forks } = inspected
    return { peerId, where: dir, entries: size, covered: coveredBy(words), findings, forks }
  } catch (thrown) {
    const { code, message } = toOstrakaError(thrown)
    if (code === 'conflict') throw new OstrakaError(code, `${join(dir)}: stop its daemon first`)
    const finding: AuditFinding = { fault: 'edited', text: `${code}: ${message}` }
    return { peerId, where: dir, entries: 0, covered: coveredBy(words), findings: [finding], forks: [] }
  } finally {
    await store.close()
  }
}

function coveredBy(words: readonly Witnessed[]): number {
  return Math.max(0, ...words.map(word => word.checkpoint.size))
}

/**
 * Hands proof of a fork to the first daemon that answers, signed by a key of its own: the proof speaks for itself. Says
 * what became of it.
 */
export async function reportFork(fork: ForkedAudit, clients: readonly Client[]): Promise<string> {
  const key = new SigningKey(new Secret(new SystemRng().bytes(32)))
  let last = 'unreachable'
  for (const client of clients) {
    try {
      const { genesis } = await client.genesis()
      const { height } = await client.reportEvidence(
        signIn(genesis, key, { type: 'report-evidence', evidence: fork }),
      )
      return `convicted at height ${height}`
    } catch (thrown) {
      last = toOstrakaError(thrown).code
      // somebody else has handed it in, or the node was removed for something else
      if (last === 'conflict') return 'convicted before'
    }
  }
  return last
}

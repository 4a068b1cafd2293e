import { join } from 'node:path'
import type { AuditCheckpointJson, Client } from '../api/index.ts'
import {
  type AuditFinding,
  Inspection,
  leafHash,
  verifyConsistency,
  verifyInclusion,
} from '../audit/index.ts'
import { fromBase64, fromHex, OstrakaError, toOstrakaError } from '../base/index.ts'
import { claimedHeads, inspectDirectory, type Witnessed } from '../node/index.ts'
import { readGenesis, readMember } from './genesis-file.ts'
import { nodeFiles } from './node-directory.ts'

/** What was found of one node's log; `error` when it could not be read at all. */
export interface AuditVerdict {
  readonly peerId: string
  readonly where: string
  readonly entries: number
  /** How many of them the control log's checkpoint covers. */
  readonly covered: number
  readonly findings: readonly AuditFinding[]
  readonly error?: string
}

/** A daemon's word on all logs' checkpoints. */
export interface Witness {
  readonly name: string
  readonly networkId: Uint8Array
  readonly checkpoints: readonly AuditCheckpointJson[]
}

const PAGE = 256

export async function askWitness(client: Client): Promise<Witness> {
  const { networkId } = await client.status()
  return {
    name: client.api,
    networkId: fromHex(networkId),
    checkpoints: await client.auditCheckpoints(),
  }
}

export function wordsOn(peerId: string, witnesses: readonly Witness[]): Witnessed[] {
  return witnesses.flatMap(({ name, checkpoints }) => {
    const found = checkpoints.find(checkpoint => checkpoint.peerId === peerId)
    if (found === undefined) return []
    const { size, root, signature, height } = found
    const checkpoint = { size, root: fromBase64(root), signature: fromBase64(signature) }
    return [{ source: `the checkpoint of height ${height}, as ${name} has it`, checkpoint }]
  })
}

/** Reads a running daemon's whole log and checks it against what all witnesses have on record of it. */
export async function verifyDaemon(client: Client, witnesses: readonly Witness[]): Promise<AuditVerdict> {
  const { peerId, networkId } = await client.status()
  const { heads, findings } = claimedHeads(fromHex(networkId), peerId, wordsOn(peerId, witnesses))
  const covered = Math.max(0, ...heads.map(head => head.size))
  const inspection = new Inspection(heads)
  const base = { peerId, where: client.api, covered }
  try {
    await readPages(client, inspection)
  } catch (thrown) {
    const error = toOstrakaError(thrown)
    const refusal = `${error.code}: ${error.message}`
    // a daemon that has found the damage itself names it
    const found: AuditFinding[] = error.code === 'storage_corrupt' ? [{ fault: 'edited', text: refusal }] : []
    const known = {
      ...base,
      entries: inspection.size,
      findings: [...findings, ...inspection.findings, ...found],
    }
    return found.length > 0 ? known : { ...known, error: refusal }
  }
  return { ...base, entries: inspection.size, findings: [...findings, ...inspection.finish()] }
}

async function readPages(client: Client, inspection: Inspection): Promise<void> {
  let end = 1
  while (inspection.size < end) {
    const from = inspection.size
    const page = await client.audit(from, { limit: PAGE })
    // the log may grow while it is read: what is there at the beginning is enough
    if (from === 0) end = page.size
    const { checkpoint, root, size } = page
    const trees = new Map([[size, fromBase64(root)]])
    if (checkpoint !== null) {
      const known = fromBase64(checkpoint.root)
      trees.set(checkpoint.size, known)
      const proof = page.consistency.map(fromBase64)
      if (!verifyConsistency(checkpoint.size, size, known, fromBase64(root), proof)) {
        inspection.report('rewritten', `the log of ${size} entries does not continue its checkpoint`)
      }
    }
    for (const { bytes, sequence, proof, provenSize } of page.entries) {
      if (sequence !== inspection.size) break
      const leaf = fromBase64(bytes)
      const tree = trees.get(provenSize) ?? new Uint8Array(0)
      const isProven = verifyInclusion(sequence, provenSize, leafHash(leaf), proof.map(fromBase64), tree)
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
  const words = wordsOn(peerId, witnesses)
  const store = await openStore(dir)
  try {
    const { size, findings } = await inspectDirectory(store, readGenesis(files.genesis), peerId, words)
    return { peerId, where: dir, entries: size, covered: coveredBy(words), findings }
  } catch (thrown) {
    const { code, message } = toOstrakaError(thrown)
    if (code === 'conflict') throw new OstrakaError(code, `${join(dir)}: stop its daemon first`)
    const finding: AuditFinding = { fault: 'edited', text: `${code}: ${message}` }
    return { peerId, where: dir, entries: 0, covered: coveredBy(words), findings: [finding] }
  } finally {
    await store.close()
  }
}

function coveredBy(words: readonly Witnessed[]): number {
  return Math.max(0, ...words.map(word => word.checkpoint.size))
}

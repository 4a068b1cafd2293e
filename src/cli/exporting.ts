import { existsSync, rmSync } from 'node:fs'
import type { Client, ProposalJson, SecretForm, Verified } from '../api/index.ts'
import { fromBase64, isOstrakaError, OstrakaError, Secret, toBase64 } from '../base/index.ts'
import { isStream, readJson, requireFree, writeNew } from '../files/index.ts'

export interface ExportOptions {
  readonly out: string
  readonly reason: string
  /** 0: the active version. */
  readonly version: number
  readonly ttlMs: number
  /** Whether to wait for the operators, until the proposal expires. */
  readonly isWaiting: boolean
}

/** A secret that has been written, or a proposal that still waits. */
export type Exported =
  | {
      readonly state: 'exported'
      readonly proposal: string
      readonly publicKey: string
      readonly kind: string
      readonly form: SecretForm
      readonly out: string
      /** The certified state that has this public key for the key; null when the daemon was believed. */
      readonly verified: Verified | null
    }
  | {
      readonly state: 'waiting'
      readonly proposal: string
      readonly needed: number
      readonly given: number
      /** The one-time key: what each operator must be shown. */
      readonly recipient: string
    }

/** What must outlive this process while operators decide: lies beside the output, mode 0600, until that is written. */
interface PendingExport {
  readonly key: string
  readonly proposal: string
  readonly oneTimeKey: string
}

interface Pending {
  readonly id: string
  readonly oneTimeKey: Secret
}

/** How long one question for the next block may take. */
const LOOK_MS = 20_000

function pendingPath(out: string): string {
  return `${out}.request`
}

/**
 * Proposes an export, or takes up the one whose request lies beside `out`; waits for the operators, collects, checks and
 * writes the secret: 32 raw bytes, mode 0600. Errors: `conflict` (`out` exists, or its request is for another key),
 * `expired`, `forbidden`, and all of `Client.collectExport` and `openExport`.
 */
export async function exportKey(
  client: Client,
  name: string,
  options: ExportOptions,
  tell: (proposal: ProposalJson) => void,
): Promise<Exported> {
  requireFree(options.out)
  if (isStream(options.out) && !options.isWaiting) {
    throw new OstrakaError(
      'malformed',
      `${options.out} is no file: the request cannot be kept beside it for later`,
    )
  }
  const { oneTimeKey, id } = readPending(name, options.out) ?? (await propose(client, name, options))
  const proposal = await decided(client, id, options, tell)
  if (proposal.state === 'open') {
    const { needed, approvals, act } = proposal
    const recipient = act.type === 'export-key' ? act.recipient : ''
    return { state: 'waiting', proposal: id, needed, given: approvals.length, recipient }
  }
  return collect(client, name, options.out, id, oneTimeKey)
}

async function propose(
  client: Client,
  name: string,
  { out, reason, version, ttlMs }: ExportOptions,
): Promise<Pending> {
  const asked = { reason, version, expiresMs: Date.now() + ttlMs }
  const { proposal, oneTimeKey } = await client.proposeExport(name, asked)
  const pending: PendingExport = {
    key: name,
    proposal: proposal.id,
    oneTimeKey: toBase64(oneTimeKey.expose()),
  }
  // the secret that goes through a pipe is asked for and collected by one process
  if (!isStream(out)) writeNew(pendingPath(out), Buffer.from(`${JSON.stringify(pending, null, 2)}\n`))
  return { id: proposal.id, oneTimeKey }
}

function forgetPending(out: string): void {
  if (!isStream(out)) rmSync(pendingPath(out), { force: true })
}

function readPending(name: string, out: string): Pending | undefined {
  const path = pendingPath(out)
  if (isStream(out) || !existsSync(path)) return undefined
  const { key, proposal, oneTimeKey } = readJson(path) as PendingExport
  if (key !== name) throw new OstrakaError('conflict', `${path} is a request for ${key}`)
  return { id: proposal, oneTimeKey: new Secret(fromBase64(oneTimeKey, 'oneTimeKey')) }
}

/** Waits until the proposal is no longer open. A request that came to nothing is removed, so that the next one is new. */
async function decided(
  client: Client,
  id: string,
  { isWaiting, out }: ExportOptions,
  tell: (proposal: ProposalJson) => void,
): Promise<ProposalJson> {
  for (let isTold = false; ; isTold = true) {
    const proposal = (await client.approvals()).proposals.find(each => each.id === id)
    // a daemon that does not know it may be behind: the one-time key is worth more than its word
    if (proposal === undefined) throw new OstrakaError('not_found', 'no such proposal', { proposal: id })
    if (proposal.state === 'withdrawn' || proposal.state === 'expired') {
      forgetPending(out)
      const code = proposal.state === 'expired' ? 'expired' : 'not_found'
      throw new OstrakaError(code, `the proposal is ${proposal.state}`, { proposal: id })
    }
    if (proposal.state !== 'open' || !isWaiting) return proposal
    if (!isTold) tell(proposal)
    const { height } = await client.status()
    await client.log(height + 1, { waitMs: LOOK_MS, limit: 1 })
  }
}

async function collect(
  client: Client,
  name: string,
  out: string,
  id: string,
  oneTimeKey: Secret,
): Promise<Exported> {
  const collected = client.collectExport(name, id, oneTimeKey)
  const {
    secret,
    form,
    kind,
    publicKey,
    verified = null,
  } = await collected.catch(error => {
    // too late for this approval: the next call proposes anew
    if (isOstrakaError(error, 'expired')) forgetPending(out)
    throw error
  })
  try {
    writeNew(out, secret.expose())
  } finally {
    secret.wipe()
  }
  oneTimeKey.wipe()
  forgetPending(out)
  return { state: 'exported', proposal: id, publicKey: toBase64(publicKey), kind, form, out, verified }
}

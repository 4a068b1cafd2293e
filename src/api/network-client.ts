import { fromBase64, fromHex, type PeerId } from '../base/index.ts'
import type { Genesis, SignedTransaction, Transaction } from '../wire/index.ts'
import type { Health, MembershipDecision } from './client.ts'
import { jsonOfAnswer, textOfAnswer } from './http.ts'
import type {
  ApprovalsJson,
  AttestationJson,
  AuditJson,
  AuditRecordsJson,
  BlockJson,
  CreatorJson,
  MembershipJson,
  PeerJson,
  ProposalJson,
  RandomnessJson,
  StatusJson,
  TrustJson,
} from './json.ts'
import type { Requests } from './requests.ts'

/** `/health` answers at once or says nothing of worth. */
const HEALTH_TIMEOUT_MS = 5_000

/** A daemon's view of its network, and what is handed to the control log ready-signed. */
export class NetworkClient {
  readonly api: string
  protected readonly requests: Requests

  constructor(requests: Requests, api: string) {
    this.requests = requests
    this.api = api
  }

  async health(): Promise<Health> {
    const answer = await this.requests.bare('/health', HEALTH_TIMEOUT_MS)
    const isUnavailable = answer.status === 503 && answer.text.includes('"status":"unavailable"')
    const health = (isUnavailable ? JSON.parse(answer.text) : jsonOfAnswer(answer)) as Partial<Health>
    return { status: String(health.status), reasons: health.reasons ?? [], notices: health.notices ?? [] }
  }

  async metrics(): Promise<string> {
    return textOfAnswer(await this.requests.bare('/metrics'))
  }

  async status(): Promise<StatusJson> {
    return (await this.requests.get('/api/v1/status')) as StatusJson
  }

  async peers(): Promise<readonly PeerJson[]> {
    return ((await this.requests.get('/api/v1/peers')) as { peers: PeerJson[] }).peers
  }

  async trust(): Promise<TrustJson> {
    return (await this.requests.get('/api/v1/trust')) as TrustJson
  }

  async randomness(epoch = 0): Promise<RandomnessJson> {
    return (await this.requests.get(`/api/v1/randomness?epoch=${epoch}`)) as RandomnessJson
  }

  async members(): Promise<readonly MembershipJson[]> {
    type Page = { readonly members: readonly MembershipJson[] }
    return (await this.requests.getPages<Page, 'members'>('/api/v1/members', 'members')).members
  }

  async attestation(): Promise<AttestationJson> {
    return (await this.requests.get('/api/v1/attestation')) as AttestationJson
  }

  setAttestation(
    transaction: SignedTransaction,
  ): Promise<{ readonly height: number; readonly attestation: AttestationJson }> {
    return this.#hand('PUT', '/api/v1/attestation/policy', transaction)
  }

  async genesis(): Promise<{ readonly genesis: Genesis; readonly addresses: readonly string[] }> {
    const { genesisCodec } = await import('../wire/index.ts')
    const { checkFounders } = await import('../control/index.ts')
    const { cryptoReady } = await import('../crypto/index.ts')
    const answer = (await this.requests.get('/api/v1/genesis')) as { genesis: string; addresses: string[] }
    const genesis = genesisCodec.decode(fromBase64(answer.genesis, 'genesis'))
    await cryptoReady
    checkFounders(genesis)
    return { genesis, addresses: answer.addresses }
  }

  admit(join: SignedTransaction): Promise<MembershipDecision> {
    return this.#hand('POST', '/api/v1/members', join)
  }

  removeMember(peerId: PeerId, departure: SignedTransaction): Promise<MembershipDecision> {
    return this.#hand('DELETE', `/api/v1/members/${encodeURIComponent(peerId)}`, departure)
  }

  async creators(): Promise<readonly CreatorJson[]> {
    type Page = { readonly creators: readonly CreatorJson[] }
    return (await this.requests.getPages<Page, 'creators'>('/api/v1/creators', 'creators')).creators
  }

  grantCreate(grant: SignedTransaction): Promise<CreatorJson> {
    return this.#hand('POST', '/api/v1/creators', grant)
  }

  async approvals(): Promise<ApprovalsJson> {
    return this.requests.getPages<ApprovalsJson, 'proposals'>('/api/v1/approvals', 'proposals')
  }

  stepApproval(step: SignedTransaction): Promise<ProposalJson> {
    return this.#hand('POST', '/api/v1/approvals', step)
  }

  async withdrawProposal(proposal: string): Promise<ProposalJson> {
    const value: Transaction = { type: 'withdraw', proposal: fromHex(proposal) }
    const body = { withdraw: proposal }
    return (await this.requests.change('POST', '/api/v1/approvals', body, () => value)) as ProposalJson
  }

  async log(
    from: number,
    options: { readonly limit?: number; readonly waitMs?: number } = {},
  ): Promise<{ readonly height: number; readonly blocks: readonly BlockJson[] }> {
    const query = new URLSearchParams({ from: String(from) })
    for (const [name, value] of Object.entries(options)) query.set(name, String(value))
    return (await this.requests.get(`/api/v1/log?${query}`)) as { height: number; blocks: BlockJson[] }
  }

  async audit(from: number, { limit }: { readonly limit?: number } = {}): Promise<AuditJson> {
    const query = new URLSearchParams({ from: String(from) })
    if (limit !== undefined) query.set('limit', String(limit))
    return (await this.requests.get(`/api/v1/audit?${query}`)) as AuditJson
  }

  async auditRecords(): Promise<AuditRecordsJson> {
    return (await this.requests.get('/api/v1/audit/checkpoints')) as AuditRecordsJson
  }

  resetAudit(reset: SignedTransaction): Promise<{ readonly height: number }> {
    return this.#hand('POST', '/api/v1/audit/resets', reset)
  }

  reportEvidence(report: SignedTransaction): Promise<{ readonly height: number }> {
    return this.#hand('POST', '/api/v1/evidence', report)
  }

  close(): void {
    this.requests.close()
  }

  async #hand<T>(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    transaction: SignedTransaction,
  ): Promise<T> {
    const { transactionCodec } = await import('../wire/index.ts')
    return (await this.requests.sendEnvelope(method, path, transactionCodec.encode(transaction))) as T
  }
}

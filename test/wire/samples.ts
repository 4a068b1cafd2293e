import { type PeerId, peerIdOf } from '../../src/base/index.ts'
import {
  type ApiRequest,
  type AttestationPolicy,
  apiRequestCodec,
  type Beacon,
  type Block,
  beaconCodec,
  beaconSkeleton,
  type Certificate,
  type CertifiedBlock,
  type ClosedCeremony,
  type Codec,
  type Complain,
  certificateCodec,
  certifiedBlockCodec,
  certifiedHeaderCodec,
  type Deal,
  type DleqProof,
  type Evidence,
  type ExportedShares,
  exportedSharesCodec,
  type Genesis,
  type GenesisDocument,
  genesisCodec,
  genesisDocumentCodec,
  type Header,
  headerCodec,
  type Invite,
  inviteTokenCodec,
  type Location,
  type OperationRequest,
  operationRequestCodec,
  type PartialRequest,
  type PeerAnswer,
  type PeerMessage,
  type PeerRequest,
  type PolicyRule,
  partialRequestCodec,
  peerAnswerCodec,
  peerMessageCodec,
  peerRequestCodec,
  planCodec,
  proposalCodec,
  type SealedDealing,
  type Signed,
  type SlotNonces,
  type StateProof,
  sealedDealingCodec,
  signedOperationCodec,
  signedPartialCodec,
  stateProofCodec,
  type Transaction,
  transactionCodec,
  transactionListCodec,
  unsignedPartialCodec,
  type Vote,
  voteCodec,
} from '../../src/wire/index.ts'

/** One codec with a valid value of each shape that it knows. */
export interface Sampled {
  readonly codec: Codec<unknown>
  readonly samples: ReadonlyMap<string, unknown>
}

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill)
const hash = (fill: number): Uint8Array => bytes(32, fill)
const signed = <T>(value: T): Signed<T> => ({ value, signer: hash(0xa1), signature: bytes(64, 0xa2) })
const peer = (fill: number): PeerId => peerIdOf(hash(fill))

const location: Location = { region: 'eu-west', latitude: 52.5, longitude: -13 }
const proof: DleqProof = { challenge: hash(0xc1), response: hash(0xc2) }
const encapsulation = { enc: hash(4), proof }
const rule: PolicyRule = { principal: hash(0xb1), operations: ['sign', 'derive'] }
const exportRule: PolicyRule = { principal: hash(0xb2), operations: ['export'] }
const boundedRule: PolicyRule = { ...rule, ratePerMinute: 60, untilMs: 1_900_000_000_000 }

const invite: Signed<Invite> = signed({
  nonce: bytes(16, 54),
  key: hash(71),
  expiresMs: 1_900_000_000_000,
})
const boundInvite: Signed<Invite> = signed({ ...invite.value, peerId: peer(55), region: 'eu-west' })

const attestationPolicy: AttestationPolicy = {
  method: 'tpm2',
  maxAgeEpochs: 20,
  measurements: [hash(66), hash(67)],
  attestationKeys: [hash(68)],
}

const transactions: Readonly<Record<string, Transaction>> = {
  'create-key': {
    type: 'create-key',
    nonce: bytes(16, 1),
    name: 'orders.signing-key_1',
    kind: 'ed25519',
    threshold: 3,
    shares: 5,
    rules: [rule, boundedRule],
    isExportable: false,
    entropy: 0.75,
    origin: 'generate',
  },
  deal: {
    type: 'deal',
    ceremony: hash(2),
    fromSlot: 3,
    commitments: [hash(3), bytes(33, 4)],
    possession: proof,
    encapsulation,
    root: hash(5),
  },
  acknowledge: { type: 'acknowledge', ceremony: hash(6), dealings: [0, 2] },
  complain: {
    type: 'complain',
    ceremony: hash(9),
    dealing: 1,
    slot: 2,
    sealed: bytes(48, 11),
    path: [hash(10)],
    opening: { sharedPoint: hash(12), proof },
  },
  'change-key': {
    type: 'change-key',
    nonce: bytes(16, 15),
    name: 'orders',
    change: 'reshare',
    version: 2,
    generation: 4,
    threshold: 3,
    shares: 5,
    holders: [peer(17)],
  },
  'retire-version': {
    type: 'retire-version',
    name: 'orders',
    version: 1,
    revision: 0,
    change: 'archive',
    retainUntilMs: 9,
  },
  'announce-sealing-key': {
    type: 'announce-sealing-key',
    sealingKey: hash(16),
    revision: 2,
    possession: proof,
  },
  'set-policy': { type: 'set-policy', name: 'orders', revision: 4, rules: [exportRule], isPublic: true },
  report: {
    type: 'report',
    epoch: 7,
    observations: [
      {
        subject: peer(20),
        beaconsDue: 6,
        beaconsSeen: 0,
        answers: 0,
        late: 2,
        wrong: 1,
        excess: 3,
        roundTripMs: 35,
      },
      { subject: peer(21), beaconsDue: 6, beaconsSeen: 5, answers: 6, late: 0, wrong: 0, excess: 0 },
    ],
  },
  'grant-create': { type: 'grant-create', principal: hash(13), revision: 0, isAllowed: true },
  'grant-create with a quota': {
    ...{ type: 'grant-create', principal: hash(13), revision: 1, isAllowed: true },
    quota: { versions: 1000, ceremonies: 4, queued: 20, logBytesPerHour: 1_000_000 },
  },
  join: {
    type: 'join',
    invite: boundInvite,
    acceptance: bytes(64, 72),
    member: { peerId: peer(55), sealingKey: hash(56), location },
    possession: proof,
    addresses: ['/ip4/192.0.2.7/tcp/7800', '/dns4/node.example/tcp/7800'],
  },
  arrive: { type: 'arrive' },
  leave: { type: 'leave' },
  'remove-member': {
    type: 'remove-member',
    peerId: peer(57),
    approvals: [{ signer: hash(58), signature: bytes(64, 59) }],
  },
  attest: {
    type: 'attest',
    statement: signed({ nonce: hash(61), evidence: { type: 'measured', program: hash(62) } }),
  },
  'attest by TPM': {
    type: 'attest',
    statement: signed({
      nonce: hash(61),
      evidence: {
        type: 'tpm2',
        program: hash(62),
        attestationKey: bytes(88, 63),
        quote: bytes(145, 64),
        signature: bytes(72, 65),
      },
    }),
  },
  'set-attestation': {
    type: 'set-attestation',
    revision: 3,
    policy: attestationPolicy,
    approvals: [{ signer: hash(58), signature: bytes(64, 59) }],
  },
  propose: {
    type: 'propose',
    nonce: bytes(16, 63),
    act: { type: 'export-key', name: 'orders', keyId: hash(64), version: 2, recipient: hash(65) },
    reason: 'the provider’s data centre burns; §4.2 of the plan',
    expiresMs: 1_900_000_000_000,
  },
  'propose removal': {
    type: 'propose',
    nonce: bytes(16, 66),
    act: { type: 'remove-member', peerId: peer(67) },
    reason: 'sold',
    expiresMs: 1_900_000_000_000,
  },
  'propose attestation policy': {
    type: 'propose',
    nonce: bytes(16, 72),
    act: { type: 'set-attestation', revision: 3, policy: attestationPolicy },
    reason: 'release 1.4',
    expiresMs: 1_900_000_000_000,
  },
  'propose audit reset': {
    type: 'propose',
    nonce: bytes(16, 73),
    act: { type: 'reset-audit', peerId: peer(74), generation: 1 },
    reason: 'its disk died',
    expiresMs: 1_900_000_000_000,
  },
  'propose destruction': {
    type: 'propose',
    nonce: bytes(16, 75),
    act: { type: 'destroy-version', name: 'orders', keyId: hash(76), version: 1 },
    reason: 'stolen',
    expiresMs: 1_900_000_000_000,
  },
  approve: { type: 'approve', proposal: hash(68), signature: bytes(64, 69) },
  withdraw: { type: 'withdraw', proposal: hash(70) },
  'use-approval': { type: 'use-approval', proposal: hash(71) },
  'audit-checkpoint': {
    type: 'audit-checkpoint',
    size: 5,
    root: hash(54),
    signature: bytes(64, 55),
    proof: [hash(56), hash(57)],
  },
  'reset-audit': {
    type: 'reset-audit',
    peerId: peer(63),
    generation: 1,
    approvals: [{ signer: hash(64), signature: bytes(64, 65) }],
  },
  randomness: {
    type: 'randomness',
    epoch: 9,
    version: 1,
    generation: 2,
    partials: [{ slot: 4, element: hash(60), proof: { challenge: hash(61), response: hash(62) } }],
  },
}

const beacon: Beacon = {
  sequence: 1_800_000_000_000_000,
  member: hash(48).subarray(0, 8),
  software: 'ostraka/0.1.0',
  height: 12,
  load: { cpuPermille: 250, memoryMiB: 143, operations: 9, linkKbps: 1_000_000, trafficKbps: 12_500 },
  coordinate: { positionUs: [12_000, -7_500, 0], heightUs: 1_250, errorPermille: 85 },
}

const closed: ClosedCeremony = {
  ceremony: hash(9),
  keyId: hash(92),
  version: 2,
  kind: 'ed25519',
  slots: [
    { slot: 1, peerId: peer(93), sealingKey: hash(94) },
    { slot: 2, peerId: peer(95), sealingKey: hash(96) },
  ],
  deals: [
    {
      place: 1,
      dealer: hash(97),
      fromSlot: 3,
      commitments: [hash(3), bytes(33, 4)],
      encapsulation,
      recordHash: hash(98),
    },
  ],
}

const evidence: Readonly<Record<string, Evidence>> = {
  'conflicting-votes': {
    type: 'conflicting-votes',
    step: 'prevote',
    voter: hash(14),
    height: 7,
    round: 0,
    first: { blockId: new Uint8Array(0), signature: bytes(64, 15) },
    second: { blockId: hash(16), signature: bytes(64, 17) },
  },
  'conflicting-proposals': {
    type: 'conflicting-proposals',
    proposer: hash(14),
    height: 7,
    round: 2,
    first: { validRound: -1, blockId: hash(16), signature: bytes(64, 15) },
    second: { validRound: 1, blockId: hash(18), signature: bytes(64, 17) },
  },
  'conflicting-deals': {
    type: 'conflicting-deals',
    first: signed(transactions.deal as Deal),
    second: signed<Deal>({ ...(transactions.deal as Deal), root: hash(18) }),
  },
  'conflicting-beacons': {
    type: 'conflicting-beacons',
    first: signed(beacon),
    second: signed<Beacon>({ ...beacon, height: 13 }),
  },
  'bad-partial': { type: 'bad-partial', holder: peer(19), request: bytes(20, 20), partial: bytes(21, 21) },
  'forked-audit': {
    type: 'forked-audit',
    log: hash(58),
    size: 5,
    first: { root: hash(59), signature: bytes(64, 60) },
    second: { root: hash(61), signature: bytes(64, 62) },
  },
  'late-complaint': { type: 'late-complaint', closed, complaint: signed(transactions.complain as Complain) },
  'late-deal': { type: 'late-deal', closed, deal: signed(transactions.deal as Deal) },
}

const signedTransactions: ReadonlyMap<string, Signed<Transaction>> = new Map([
  ...Object.entries(transactions).map(([name, value]) => [name, signed(value)] as const),
  ...Object.entries(evidence).map(
    ([name, each]) => [name, signed<Transaction>({ type: 'report-evidence', evidence: each })] as const,
  ),
])

const header: Header = {
  height: 12,
  previous: hash(22),
  stateRoot: hash(23),
  timeMs: 1_800_000_000_000,
  round: 1,
  proposer: hash(24),
  certificateHash: hash(25),
  transactionsHash: hash(26),
}
const certificate: Certificate = {
  height: 12,
  round: 1,
  blockId: hash(27),
  signatures: [{ signer: hash(28), signature: bytes(64, 29) }],
}
const block: Block = {
  header,
  previousCertificate: certificate,
  transactions: [signedTransactions.get('acknowledge')!],
}
const certified: CertifiedBlock = { block: { ...block, previousCertificate: null }, certificate }
const vote: Vote = { height: 12, round: 1, blockId: hash(30) }
const nilVote: Vote = { ...vote, blockId: new Uint8Array(0) }
const proposal = { height: 12, round: 1, validRound: -1, blockId: hash(31) }

const request: OperationRequest = {
  key: 'orders',
  version: 0,
  operation: 'sign',
  isBlinded: false,
  inputs: [bytes(3, 32), new Uint8Array(0)],
  nonce: bytes(16, 33),
  expiresMs: 1_800_000_000_000,
}
const partialRequest: PartialRequest = {
  request: signed(request),
  version: 1,
  generation: 3,
  slots: [2],
  packages: [[{ slot: 2, hiding: hash(34), binding: bytes(33, 35) }]],
}
const derivation: PartialRequest = {
  request: signed<OperationRequest>({ ...request, operation: 'derive' }),
  version: 1,
  generation: 3,
  slots: [1, 2],
}
const partial = {
  requestHash: hash(36),
  partials: [
    { slot: 2, values: [hash(37)] },
    { slot: 3, values: [bytes(33, 38)], proof },
  ],
}
const nonces: readonly SlotNonces[] = [
  { slot: 2, commitments: [{ hiding: hash(39), binding: bytes(33, 40) }] },
]
const sealedDealing: SealedDealing = {
  ceremony: hash(41),
  keyId: hash(42),
  version: 1,
  fromSlot: 4,
  shares: [{ slot: 1, sealed: bytes(48, 43) }],
}
const exportedShares: ExportedShares = {
  proposal: hash(73),
  version: 2,
  generation: 3,
  encapsulation,
  shares: [{ slot: 4, sealed: bytes(48, 74) }],
}
const genesisDocument: GenesisDocument = {
  name: 'sim one',
  createdMs: 1_800_000_000_000,
  operators: [hash(44)],
  approvals: 1,
  members: [{ peerId: peer(45), sealingKey: hash(46), location }],
  creators: [hash(47)],
  timing: {
    epochMs: 30_000,
    proposeMs: 1000,
    voteMs: 500,
    roundDeltaMs: 250,
    dealMs: 10_000,
    acknowledgeMs: 9000,
  },
}
const genesis: Genesis = {
  ...genesisDocument,
  possessions: [{ challenge: hash(90), response: hash(91) }],
}

const stateProof: StateProof = {
  header,
  certificate,
  records: [
    { path: 'key/release', bytes: bytes(5, 55), siblings: [hash(56), hash(57)], other: null },
    { path: 'key/none', bytes: null, siblings: [hash(58)], other: null },
    { path: 'key/nor', bytes: null, siblings: [], other: { keyHash: hash(59), valueHash: hash(61) } },
  ],
}

const messages: readonly PeerMessage[] = [
  { type: 'proposal', proposal: signed(proposal), block, justification: [signed(vote)] },
  { type: 'vote', step: 'prevote', vote: signed(nilVote) },
  { type: 'transactions', transactions: [signedTransactions.get('set-policy')!] },
  { type: 'block', certified },
  { type: 'record', record: bytes(9, 49) },
  { type: 'status', height: 12 },
]
const requests: readonly PeerRequest[] = [
  { type: 'partial', call: partialRequest, refill: 8 },
  { type: 'nonces', keyId: hash(50), version: 1, generation: 3, count: 8 },
  { type: 'ping' },
  { type: 'blocks', from: 1, limit: 64 },
  { type: 'headers', from: 1, limit: 64 },
  { type: 'manifest' },
  { type: 'snapshot', height: 10, part: 0 },
  { type: 'record', hash: hash(51) },
  { type: 'export', proposal: hash(72), generation: 3 },
]
const answers: readonly PeerAnswer[] = [
  { type: 'partial', partial: signed(partial), nonces },
  { type: 'nonces', nonces },
  { type: 'pong', height: 12 },
  { type: 'blocks', blocks: [certified], lowest: 1, height: 12 },
  { type: 'headers', headers: [{ header, certificate }] },
  { type: 'manifest', height: 10, parts: [{ depth: 0, root: bytes(32, 51) }] },
  { type: 'snapshot', height: 10, part: 0, bytes: bytes(7, 52) },
  { type: 'record', record: null },
  { type: 'export', shares: signed(exportedShares) },
]

function sampled<T>(codec: Codec<T>, samples: Iterable<readonly [string, T]>): Sampled {
  return { codec, samples: new Map(samples) }
}

const byType = <T extends { readonly type: string }>(values: readonly T[]): [string, T][] =>
  values.map(value => [value.type, value])

/** Every codec of the wire. */
export const SAMPLED: Readonly<Record<string, Sampled>> = {
  'genesis-document': sampled(genesisDocumentCodec, [['document', genesisDocument]]),
  genesis: sampled(genesisCodec, [
    ['genesis', genesis],
    ['attesting', { ...genesis, attestation: attestationPolicy }],
    [
      'with quotas',
      { ...genesis, quota: { versions: 1000, ceremonies: 4, queued: 20, logBytesPerHour: 1_000_000 } },
    ],
  ]),
  'api-request': sampled(apiRequestCodec, [
    ['read', signed<ApiRequest>({ method: 'GET', target: '/api/v1/keys/orders', expiresMs: 9 })],
  ]),
  'invite-token': sampled(inviteTokenCodec, [
    [
      'invite',
      { genesis, peers: [`/ip4/192.0.2.1/tcp/7800/p2p/${peer(60)}`], apis: [], invite, secret: hash(73) },
    ],
    ['bound', { genesis, peers: [], apis: ['http://192.0.2.1:7801'], invite: boundInvite, secret: hash(73) }],
  ]),
  beacon: sampled(beaconCodec, [
    ['beacon', signed(beacon)],
    [
      'measured',
      signed<Beacon>({ ...beacon, measurements: [hash(69), hash(70)].map(each => each.subarray(0, 8)) }),
    ],
    ['skeleton', beaconCodec.decode(beaconSkeleton)],
  ]),
  header: sampled(headerCodec, [['header', header]]),
  certificate: sampled(certificateCodec, [['certificate', certificate]]),
  'certified-block': sampled(certifiedBlockCodec, [
    ['first', certified],
    ['later', { block, certificate }],
  ]),
  'certified-header': sampled(certifiedHeaderCodec, [['certified-header', { header, certificate }]]),
  'state-proof': sampled(stateProofCodec, [['state-proof', stateProof]]),
  plan: sampled(planCodec, [
    ['plan', signed({ epoch: 7, membersHash: hash(54), costs: new Uint8Array([0, 6, 255, 0]) })],
  ]),
  vote: sampled(voteCodec, [
    ['block', vote],
    ['nil', nilVote],
  ]),
  proposal: sampled(proposalCodec, [
    ['fresh', proposal],
    ['again', { ...proposal, validRound: 0 }],
  ]),
  transaction: sampled(transactionCodec, signedTransactions),
  transactions: sampled(transactionListCodec, [
    ['all', [...signedTransactions.values()]],
    ['none', []],
  ]),
  'sealed-dealing': sampled(sealedDealingCodec, [['sealed-dealing', signed(sealedDealing)]]),
  'exported-shares': sampled(exportedSharesCodec, [['exported-shares', signed(exportedShares)]]),
  operation: sampled(operationRequestCodec, [['operation', request]]),
  'signed-operation': sampled(signedOperationCodec, [['signed-operation', signed(request)]]),
  'partial-request': sampled(partialRequestCodec, [
    ['sign', partialRequest],
    ['derive', derivation],
  ]),
  partial: sampled(signedPartialCodec, [['partial', signed(partial)]]),
  'unsigned-partial': sampled(unsignedPartialCodec, [['partial', partial]]),
  'peer-message': sampled(peerMessageCodec, byType(messages)),
  'peer-request': sampled(peerRequestCodec, byType(requests)),
  'peer-answer': sampled(peerAnswerCodec, [
    ...byType(answers),
    ['record found', { type: 'record', record: bytes(4, 53) }],
  ]),
}

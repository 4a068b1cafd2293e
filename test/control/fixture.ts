import { OstrakaError, peerIdOf, Secret, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import {
  type MemberRecord,
  memberPath,
  networkIdOf,
  proveFounders,
  type Reducer,
} from '../../src/control/index.ts'
import {
  cryptoReady,
  generateSealingKey,
  type SealingKeyPair,
  SigningKey,
  sha256,
  signValue,
} from '../../src/crypto/index.ts'
import type {
  CreateKey,
  Genesis,
  GenesisDocument,
  Report,
  SignedTransaction,
  Timing,
  Transaction,
} from '../../src/wire/index.ts'

// every specification here verifies signatures
await cryptoReady

export const START_MS = 1_700_000_000_000

export const TIMING: Timing = {
  epochMs: 10_000,
  proposeMs: 400,
  voteMs: 200,
  roundDeltaMs: 100,
  dealMs: 1000,
  acknowledgeMs: 1000,
}

export function keyNamed(name: string): SigningKey {
  return new SigningKey(new Secret(sha256(utf8(name))))
}

export const operator: SigningKey = keyNamed('operator')
export const principal: SigningKey = keyNamed('principal')

export function nodeKeys(count: number): SigningKey[] {
  return Array.from({ length: count }, (_, index) => keyNamed(`node-${index}`))
}

/** The sealing key with which the node of that key founds networks. */
export function sealingPairOf(key: SigningKey): SealingKeyPair {
  return generateSealingKey(new SeededRng(toHex(key.publicKey)))
}

export function makeGenesis(
  keys: readonly SigningKey[],
  timing: Partial<Timing> = {},
  changes: Partial<GenesisDocument> = {},
): Genesis {
  const pairs = keys.map(sealingPairOf)
  const document: GenesisDocument = {
    name: 'sim-control',
    createdMs: START_MS,
    operators: [operator.publicKey],
    approvals: 1,
    members: keys.map((key, at) => ({
      peerId: peerIdOf(key.publicKey),
      sealingKey: pairs[at]!.publicKey.bytes,
      location: { region: 'eu', latitude: 50, longitude: 10 },
    })),
    creators: [principal.publicKey],
    timing: { ...TIMING, ...timing },
    ...changes,
  }
  return proveFounders(document, pairs, new SeededRng('founders'))
}

/** A transaction of any type serves; the test reducer reads no more than its name. */
export function createKey(name: string): CreateKey {
  return {
    type: 'create-key',
    nonce: sha256(utf8(name)).slice(0, 16),
    name,
    kind: 'ed25519',
    threshold: 2,
    shares: 3,
    rules: [],
    isExportable: false,
    entropy: 0,
    origin: 'generate',
  }
}

export function signed(
  genesis: Genesis,
  transaction: Transaction,
  key: SigningKey = principal,
): SignedTransaction {
  return signValue(key, 'transaction', networkIdOf(genesis), transaction)
}

/** A node's report, as patient as any; the test reducer reads no more than its epoch. */
export function report(epoch: number): Report {
  return { type: 'report', epoch, observations: [] }
}

/** Keys are records that can be made once, and so are an epoch's reports; names that begin with `bad` write and then fail, with `suspend.` take a vote, with `big.` make a record of 200 kB. */
export const testReducer: Reducer = {
  transactions: {
    'create-key': (ledger, transaction, context) => {
      const path = `key/${transaction.name}`
      if (ledger.get(path) !== undefined) throw new OstrakaError('name_taken', 'the name is taken')
      ledger.put(path, { owner: context.signer, height: context.height })
      if (transaction.name.startsWith('bad')) throw new OstrakaError('forbidden', 'refused after a write')
      if (transaction.name.startsWith('suspend.')) {
        const member = memberPath(transaction.name.slice('suspend.'.length))
        ledger.put(member, { ...ledger.get<MemberRecord>(member)!, state: 'suspended' })
      }
      if (transaction.name.startsWith('big.')) {
        ledger.put(`filler/${transaction.name}`, { filler: new Uint8Array(200_000) })
      }
      if (transaction.name.startsWith('later')) ledger.wakeAt(context.timeMs + 3000, transaction.name)
    },
    report: (ledger, { epoch }, context) => {
      const path = `report/${peerIdOf(context.signer)}/${epoch}`
      if (ledger.get(path) !== undefined) throw new OstrakaError('conflict', 'reported already')
      ledger.put(path, { height: context.height })
    },
    'report-evidence': (ledger, transaction) => {
      const { evidence } = transaction
      if (evidence.type !== 'conflicting-votes' && evidence.type !== 'conflicting-proposals') return
      const liar = evidence.type === 'conflicting-votes' ? evidence.voter : evidence.proposer
      const path = `conviction/${peerIdOf(liar)}`
      if (ledger.get(path) !== undefined) throw new OstrakaError('conflict', 'already convicted')
      ledger.put(path, { height: evidence.height })
    },
  },
  atBlock: [],
  deadlines: { later: (ledger, subject, { height }) => ledger.put(`woken/${subject}`, { height }) },
}

export function rngFor(name: string): SeededRng {
  return new SeededRng(name)
}

import { OstrakaError, peerIdOf, Secret, SeededRng, type Store, type Write } from '../../src/base/index.ts'
import { networkIdOf, proveFounders } from '../../src/control/index.ts'
import { cryptoReady, generateSealingKey, SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import { SystemClock } from '../../src/io/index.ts'
import { signOperation } from '../../src/keys/index.ts'
import { type RunningNode, startNode } from '../../src/node/index.ts'
import type { Attestor } from '../../src/trust/index.ts'
import type {
  Genesis,
  GenesisDocument,
  KeyKind,
  Operation,
  OperationRequest,
  Signed,
  SignedTransaction,
} from '../../src/wire/index.ts'
import { Patience } from '../../testnet/slowness.ts'

const EPOCH_MS = 150

/** Below mocha's timeout, so that it is said what never came; both last longer on a busy machine. */
const PATIENCE_MS = 15_000

await cryptoReady

export const owner: SigningKey = new SigningKey(new Secret(sha256(new Uint8Array([1]))))
export const identity: SigningKey = new SigningKey(new Secret(sha256(new Uint8Array([2]))))
export const peerId: string = peerIdOf(identity.publicKey)
export const stranger: string = peerIdOf(owner.publicKey)

/** A disk that a test can break, edit and slow down. */
export class TestStore implements Store {
  readonly entries: Map<string, Uint8Array> = new Map()
  fault: OstrakaError | undefined
  /** Keys of entries that are damaged until they are written again. */
  readonly damaged: Set<string> = new Set()
  /** Writes that touch this prefix wait until `resume`. */
  held: string | undefined
  syncs = 0
  #waiting: Array<() => void> = []

  /** How many writes are held. */
  get waiting(): number {
    return this.#waiting.length
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.entries.get(key)
  }

  async scan(
    prefix: string,
    { from = '', limit = Number.POSITIVE_INFINITY }: { readonly from?: string; readonly limit?: number } = {},
  ): Promise<ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>> {
    const keys = [...this.entries.keys()].filter(key => key.startsWith(prefix) && key >= from).sort()
    const key = keys.slice(0, limit).find(each => this.damaged.has(each))
    if (key !== undefined) throw new OstrakaError('storage_corrupt', 'a stored value is damaged', { key })
    return keys.slice(0, limit).map(key => ({ key, value: this.entries.get(key)! }))
  }

  async write(batch: readonly Write[]): Promise<void> {
    const { held } = this
    if (held !== undefined && batch.some(({ key }) => key.startsWith(held))) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    if (this.fault !== undefined && batch.some(({ key }) => key.startsWith('audit/'))) throw this.fault
    this.syncs += 1
    for (const { key, value } of batch) {
      this.damaged.delete(key)
      if (value === null) this.entries.delete(key)
      else this.entries.set(key, value)
    }
  }

  resume(): void {
    this.held = undefined
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  async close(): Promise<void> {}

  count(prefix: string): number {
    return [...this.entries.keys()].filter(key => key.startsWith(prefix)).length
  }
}

/** A network of one real node, without wires: a test speaks as its peer through `request`. */
export class Solo {
  readonly genesis: Genesis
  readonly networkId: Uint8Array
  readonly store: TestStore
  readonly notes: string[] = []
  /** Set before the start, with beats to match. */
  attestor: Attestor | undefined
  #node: RunningNode | undefined
  #request: ((from: string, frame: Uint8Array) => Promise<Uint8Array>) | undefined
  readonly #sealing = generateSealingKey(new SeededRng('sealing'))
  #nonces = 0

  constructor(
    store: TestStore = new TestStore(),
    createdMs: number = Date.now(),
    timing: Partial<Genesis['timing']> = {},
    more: Partial<GenesisDocument> = {},
  ) {
    this.store = store
    const document: GenesisDocument = {
      name: 'sim-audit',
      createdMs,
      operators: [owner.publicKey],
      approvals: 1,
      members: [
        {
          peerId,
          sealingKey: this.#sealing.publicKey.bytes,
          location: { region: 'local', latitude: 0, longitude: 0 },
        },
      ],
      creators: [owner.publicKey],
      timing: {
        epochMs: EPOCH_MS,
        proposeMs: 50,
        voteMs: 50,
        roundDeltaMs: 20,
        // one node alone is never waited for: these only end what has failed
        dealMs: 30_000,
        acknowledgeMs: 30_000,
        ...timing,
      },
      ...more,
    }
    this.genesis = proveFounders(document, [this.#sealing], new SeededRng('founders'))
    this.networkId = networkIdOf(this.genesis)
  }

  get port(): RunningNode['port'] {
    return this.#node!.port
  }

  async start(): Promise<this> {
    const note = (details: object, text: string): void => {
      this.notes.push(`${text} ${JSON.stringify(details)}`)
    }
    this.#node = await startNode({
      genesis: this.genesis,
      identity,
      sealingKeys: this.#sealing,
      storageKey: new Secret(new Uint8Array(32).fill(3)),
      software: 'test',
      beaconIntervalMs: this.attestor === undefined ? 5000 : 20,
      ports: {
        transport: {
          start: async handlers => {
            this.#request = handlers.request
          },
          send: () => {},
          cutOff: () => {},
          request: async () => {
            throw new OstrakaError('unreachable', 'nobody is there')
          },
          stop: async () => {},
        },
        gossip: { subscribe: () => {}, publish: () => {} },
        records: { put: async () => {}, get: async () => undefined },
        store: this.store,
        clock: new SystemClock(),
        rng: new SeededRng(`process ${Date.now()}`),
        ...(this.attestor && { attestor: this.attestor }),
      },
      logger: { debug: () => {}, info: () => {}, warn: note, error: note },
      measureLoad: () => ({ cpu: 0, memoryBytes: 0, linkMbps: 0, trafficMbps: 0 }),
    })
    return this
  }

  async stop(): Promise<void> {
    await this.#node?.stop()
  }

  /** Stops, lets `tamper` loose on the disk, and starts again. */
  async restart(tamper: (entries: Map<string, Uint8Array>) => void = () => {}): Promise<void> {
    await this.stop()
    tamper(this.store.entries)
    await this.start()
  }

  /** As a peer would, on the wire. */
  request(frame: Uint8Array): Promise<Uint8Array> {
    return this.#request!(stranger, frame)
  }

  sign(transaction: SignedTransaction['value'], key: SigningKey = owner): SignedTransaction {
    return signValue(key, 'transaction', this.networkId, transaction)
  }

  async createKey(name: string, kind: KeyKind, isExportable = false): Promise<void> {
    const nonce = new SeededRng(name).bytes(16)
    await this.port.submit(
      this.sign({
        ...{ type: 'create-key', nonce, name, kind, threshold: 1, shares: 1, rules: [] },
        ...{ isExportable, entropy: 0, origin: 'generate' },
      }),
    )
    await this.port.ceremonyEnd(name)
  }

  asks(key: string, operation: Operation, signer: SigningKey = owner): Signed<OperationRequest> {
    return signOperation(this.networkId, signer, {
      ...{ key, operation, version: 0, isBlinded: false, inputs: [new Uint8Array([++this.#nonces])] },
      nonce: new SeededRng(`nonce ${this.#nonces}`).bytes(16),
      expiresMs: Date.now() + 60_000,
    })
  }
}

/** Polls, since real time passes in these tests. */
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const patience = new Patience(PATIENCE_MS)
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (patience.isOver) throw new Error('it never came')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

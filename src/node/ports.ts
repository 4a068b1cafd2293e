import type { Clock, Gossip, RecordStore, Rng, Store, Transport } from '../base/index.ts'
import type { Attestor } from '../trust/index.ts'

/** The world, as a node sees it: the real one in a daemon, the simulated one in tests. */
export interface Ports {
  readonly transport: Transport
  readonly gossip: Gossip
  readonly records: RecordStore
  readonly store: Store
  readonly clock: Clock
  readonly rng: Rng
  /** Without it the node attests nothing. */
  readonly attestor?: Attestor
}

/** Where notes go; pino fits. */
export type Logger = {
  readonly [level in 'debug' | 'info' | 'warn' | 'error']: (details: object, text: string) => void
}

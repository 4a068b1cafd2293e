/** What the adapters count; the daemon exports them as metrics under these names. */
export const COUNTER_NAMES = [
  'stranger_refused',
  'peer_misconduct',
  'peer_sent_away',
  'connection_refused',
  'stream_refused',
  'dial_failed',
  'peer_connected',
  'peer_disconnected',
  'peer_fell_silent',
  'peer_cut_off',
  'rpc_message_dropped',
  'rpc_request_overloaded',
  'rpc_request_deadline',
  'rpc_request_unreachable',
  'rpc_stream_opened',
  'rpc_stream_malformed',
  'rpc_reading_paused',
  'gossip_accepted',
  'gossip_ignored',
  'gossip_rejected',
  'gossip_publish_failed',
  'gossip_reading_paused',
  'dht_put',
  'dht_put_taken',
  'dht_put_unoffered',
  'dht_get_local',
  'dht_get_remote',
  'dht_get_missed',
  'dht_record_refused',
  'dht_record_deferred',
  'dht_request_refused',
  'dht_record_deleted',
  'store_full',
  'store_corrupt',
  'store_reopened',
  'notice_sent',
  'notice_given_up',
] as const

export type CounterName = (typeof COUNTER_NAMES)[number]

export class Counters {
  readonly #counts = new Map<CounterName, number>()

  add(name: CounterName, by = 1): void {
    this.#counts.set(name, this.get(name) + by)
  }

  get(name: CounterName): number {
    return this.#counts.get(name) ?? 0
  }

  /** Every counter, those at zero included. */
  snapshot(): Readonly<Record<CounterName, number>> {
    const entries = COUNTER_NAMES.map(name => [name, this.get(name)] as const)
    return Object.fromEntries(entries) as Record<CounterName, number>
  }
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { NodePort } from './port.ts'

/** From a local refusal to a ceremony that waits for its deadline. */
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** The longest that a timer can wait. */
const NEVER_MS = 2 ** 31 - 1

export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  observe(route: string, status: number, code: string, durationMs: number): void
}

/**
 * The usual metrics of a Node process but the distribution of its event loop's delays: what measures that wakes the process a
 * hundred times a second, a third of what a daemon at rest costs. The delay at the moment of asking remains.
 */
function processMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: NEVER_MS })
  for (const what of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99']) {
    register.removeSingleMetric(`nodejs_eventloop_lag_${what}_seconds`)
  }
}

/** One registry per server, so that several nodes of one process (tests) do not mix. */
export function createMetrics(port: NodePort, counters: () => Readonly<Record<string, number>>): Metrics {
  const registry = new Registry()
  const registers = [registry]
  processMetrics(registry)
  const requests = new Counter({
    name: 'ostraka_http_requests_total',
    help: 'HTTP requests by route, status and error code (empty when there was none)',
    labelNames: ['route', 'status', 'code'],
    registers,
  })
  const durations = new Histogram({
    name: 'ostraka_http_request_seconds',
    help: 'Time to answer an HTTP request',
    labelNames: ['route'],
    buckets: SECONDS_BUCKETS,
    registers,
  })
  nodeGauges(port, registry)
  new Gauge({
    name: 'ostraka_events',
    help: 'What the node and its adapters have counted since they started, by event',
    labelNames: ['event'],
    registers,
    collect() {
      for (const [event, value] of Object.entries(counters())) this.set({ event }, value)
    },
  })
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe(route, status, code, durationMs) {
      requests.inc({ route, status: String(status), code })
      durations.observe({ route }, durationMs / 1000)
    },
  }
}

function nodeGauges(port: NodePort, registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  }
  gauge('ostraka_height', 'Applied control-log height', () => port.status().height)
  gauge('ostraka_epoch', 'Current epoch', () => port.status().epoch)
  gauge('ostraka_members', 'Members of the network', () => port.status().members.length)
  gauge('ostraka_members_connected', 'Members connected to this node', () => {
    return port.status().members.filter(member => member.state === 'connected').length
  })
  gauge(
    'ostraka_clock_offset_seconds',
    'How far the other members’ clocks are ahead, NaN while unknown',
    () => {
      return (port.status().clockOffsetMs ?? Number.NaN) / 1000
    },
  )
  gauge('ostraka_keys', 'Keys in the control log', () => port.keyCount())
  gauge('ostraka_convictions', 'Members that proof has convicted', () => port.status().convictions.length)
  gauge('ostraka_pending_approvals', 'Exceptional acts that wait for operators or for their use', () => {
    return port.status().approvals.length
  })
  gauge('ostraka_ready', '1 when this node can serve operations', () =>
    port.complaints().length === 0 ? 1 : 0,
  )
}

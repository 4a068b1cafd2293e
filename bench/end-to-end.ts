import assert from 'node:assert/strict'
import type { Client } from '../src/api/index.ts'
import { toHex } from '../src/base/index.ts'
import { cryptoReady, edwards25519, ristretto255, verifyEd25519 } from '../src/crypto/index.ts'
import type { KeyKind } from '../src/wire/index.ts'
import { type Daemons, withDaemons } from './daemons.ts'
import { LoadResult, load, type Stretch } from './load.ts'
import { cpuOf, median } from './measure.ts'
import { nobleDerivation } from './noble-derivation.ts'
import { nobleSigning } from './noble-signing.ts'
import { residentMbOf } from './processes.ts'
import type { Bench, Part } from './report.ts'
import { shareKey, systemRng } from './shared-key.ts'
import { MESSAGE_BYTES, SHARES, THRESHOLD } from './signing.ts'

const MANY = 32
/** Load and noble take turns of this length at the least: far above the 10 ms in which the kernel counts CPU time. */
const TURN_MS = 1_500
const NOBLE_TURN_US = 400_000
const WARM_UP_MS = 4_000
/** Two epochs of a testnet at the least, so that a block and a beacon of every node fall into it. */
const IDLE_MS = 6_000

interface Operation {
  readonly title: string
  readonly kind: KeyKind
  /** One request with one fresh input of `MESSAGE_BYTES`. */
  call(client: Client, key: string): Promise<unknown>
  /** The same computation by noble in this process. */
  noble(input: Uint8Array): unknown
  readonly target: number
}

function operations(): readonly Operation[] {
  return [
    {
      title: 'signature',
      kind: 'ed25519',
      call: (client, key) => client.sign(key, [systemRng.bytes(MESSAGE_BYTES)]),
      noble: nobleSigning(shareKey(edwards25519, THRESHOLD, SHARES), THRESHOLD),
      target: 0.35,
    },
    {
      title: 'derivation',
      kind: 'ristretto255',
      call: (client, key) => client.derive(key, [systemRng.bytes(MESSAGE_BYTES)]),
      noble: nobleDerivation(shareKey(ristretto255, THRESHOLD, SHARES), THRESHOLD),
      target: 0.5,
    },
  ]
}

async function run(bench: Bench): Promise<void> {
  await cryptoReady
  const { figure, remark } = bench
  remark(
    `five daemons and their client share this machine; requests with one input of ${MESSAGE_BYTES} bytes,`,
  )
  remark(`by bearer token; 1 in flight through one daemon, ${MANY} in flight spread over all five`)
  await withDaemons(async daemons => {
    for (const { kind } of operations()) {
      await daemons.clients[0]!.createKey({ name: kind, kind, threshold: THRESHOLD, shares: SHARES })
    }
    await check(daemons)
    const idle = await idleShareOf(daemons)
    figure({ name: 'CPU of all daemons with nothing to do, per second', value: idle * 1000, unit: 'ms' })
    for (const operation of operations()) {
      // code that V8 has not optimised yet costs several times as much
      await load(WARM_UP_MS, MANY, daemons.cpuMs, spread(daemons, operation))
      const many = await measure(bench, daemons, operation, MANY)
      const one = await measure(bench, daemons, operation, 1)
      report(bench, operation, one, many, idle)
    }
    const resident = daemons.nodes.map(node => residentMbOf(node.pid))
    figure({
      name: 'resident memory of a daemon after all this, median',
      value: median(resident),
      unit: 'MB',
    })
  })
}

/** Before anything is timed: the network's results are the right ones. */
async function check({ clients }: Daemons): Promise<void> {
  const message = systemRng.bytes(MESSAGE_BYTES)
  const { publicKey, signatures } = await clients[0]!.sign('ed25519', [message])
  assert.ok(verifyEd25519(publicKey, message, signatures[0]!))
  const [mine, theirs] = await Promise.all([
    clients[1]!.derive('ristretto255', [message]),
    clients[2]!.derive('ristretto255', [message]),
  ])
  assert.equal(toHex(mine.outputs[0]!), toHex(theirs.outputs[0]!))
}

function spread({ clients }: Daemons, { call, kind }: Operation): (index: number) => Promise<unknown> {
  return index => call(clients[index % clients.length]!, kind)
}

async function idleShareOf({ cpuMs }: Daemons): Promise<number> {
  const start = performance.now()
  const before = cpuMs()
  await new Promise(resolve => setTimeout(resolve, IDLE_MS))
  return (cpuMs() - before) / (performance.now() - start)
}

async function measure(
  { seconds }: Bench,
  daemons: Daemons,
  operation: Operation,
  inFlight: number,
): Promise<LoadResult> {
  const turns = Math.max(2, Math.round((seconds * 1000) / TURN_MS))
  const stretches: Stretch[] = []
  const nobleMs: number[] = []
  const call =
    inFlight === 1 ? () => operation.call(daemons.clients[0]!, operation.kind) : spread(daemons, operation)
  for (let turn = 0; turn < turns; turn++) {
    stretches.push(await load(TURN_MS, inFlight, daemons.cpuMs, call))
    nobleMs.push(nobleTurn(operation))
  }
  return new LoadResult(stretches, nobleMs)
}

/** CPU milliseconds of one computation by noble. */
function nobleTurn({ noble }: Operation): number {
  let calls = 0
  let usedUs = 0
  while (usedUs < NOBLE_TURN_US) {
    const input = systemRng.bytes(MESSAGE_BYTES)
    usedUs += cpuOf(() => noble(input))
    calls++
  }
  return usedUs / 1000 / calls
}

function report(
  { figure }: Bench,
  { title, target }: Operation,
  one: LoadResult,
  many: LoadResult,
  idleShare: number,
): void {
  for (const [flight, result] of [
    [1, one],
    [MANY, many],
  ] as const) {
    const ms = (name: string, value: number): void =>
      figure({ name: `${title}, ${flight} in flight: ${name}`, value, unit: 'ms' })
    ms('p50', result.latencyMs(0.5))
    ms('p99', result.latencyMs(0.99))
    figure({ name: `${title}, ${flight} in flight: throughput`, value: result.perSecond, unit: 'per s' })
    ms('CPU of all daemons, for each', result.daemonsMs())
    ms('the same less the CPU at rest', result.daemonsMs(idleShare))
    ms('CPU of the client, for each', result.clientMs)
  }
  figure({ name: `${title}, by noble in one process: CPU`, value: many.nobleMs, unit: 'ms' })
  const share = (name: string, value: number): void =>
    figure({ name: `${title}, ${name} / noble`, value, unit: 'x', target: { atMost: target } })
  // how much of the work at rest falls on one request depends on how fast they come one by one: it is left out there
  share('1 in flight: CPU of all daemons less at rest', one.share(idleShare))
  share(`${MANY} in flight: CPU of all daemons`, many.share())
}

export const endToEnd: Part = {
  name: 'end-to-end',
  title: '3-of-5 over HTTP on five local daemons',
  run,
}

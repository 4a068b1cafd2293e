import { Secret } from '../src/base/index.ts'
import {
  cryptoReady,
  type Element,
  evaluatePartial,
  groupByName,
  hashInput,
  SigningKey,
  type SigningKind,
  signingSuite,
  signValue,
  verifyEd25519,
} from '../src/crypto/index.ts'
import {
  COSTS,
  canonicalBytes,
  type PeerMessage,
  peerMessageCodec,
  peerRequestCodec,
} from '../src/wire/index.ts'
import { compare } from './measure.ts'
import type { Bench, Part } from './report.ts'
import { shareKey, systemRng } from './shared-key.ts'

const BATCH = 64
const THRESHOLD = 3
const DISTINCT = 8192

type Tasks = Readonly<Partial<Record<keyof typeof COSTS, () => void>>>

/** Work of each kind in COSTS, `BATCH` times where it comes in batches. */
function wireTasks(): Tasks {
  const identity = new SigningKey(new Secret(systemRng.bytes(32)))
  const networkId = systemRng.bytes(32)
  const signed = signValue(identity, 'transaction', networkId, { type: 'leave' })
  // a fresh one each time: what was verified of late is remembered
  const messages = Array.from({ length: DISTINCT }, () => systemRng.bytes(300))
  const signatures = messages.map(message => identity.sign(message))
  let next = 0
  const ping = peerRequestCodec.encode({ type: 'ping' })
  const large: PeerMessage = { type: 'record', record: systemRng.bytes(60 * 1024) }
  const frame = peerMessageCodec.encode(large)
  return {
    frame: () => peerRequestCodec.decode(ping),
    kibibyte: () => peerMessageCodec.decode(frame),
    signature: () => {
      next = (next + 1) % DISTINCT
      canonicalBytes(signed.value)
      verifyEd25519(identity.publicKey, messages[next]!, signatures[next]!)
    },
  }
}

function signingTasks(kind: SigningKind): Tasks {
  const suite = signingSuite(kind)
  const { publicKey, slots } = shareKey(suite.group, THRESHOLD, THRESHOLD)
  const { slot, share } = slots[0]!
  const message = systemRng.bytes(32)
  let made = 0
  const others = slots.slice(1).map(each => ({
    slot: each.slot,
    ...suite.commitNonces(each.share, { start: 1, index: made++ }, systemRng).commitments,
  }))
  const nonce = (): ReturnType<typeof suite.commitNonces> =>
    suite.commitNonces(share, { start: 1, index: made++ }, systemRng)
  return {
    nonce,
    // with the nonces that it spends
    sign: () => {
      const { nonces, commitments } = nonce()
      suite.signShare({
        slot,
        share,
        publicKey,
        nonces,
        commitments: [{ slot, ...commitments }, ...others],
        message,
      })
    },
  }
}

function derivationTasks(): Tasks {
  const group = groupByName('ristretto255')
  const { slots } = shareKey(group, THRESHOLD, THRESHOLD)
  const { share, verifyingShare } = slots[0]!
  const inputs = Array.from({ length: BATCH }, () => systemRng.bytes(32))
  const evaluate = (): void => {
    const elements: Element[] = inputs.map(input => hashInput(group, input))
    evaluatePartial(group, share, elements, verifyingShare, systemRng)
  }
  return { derive: evaluate }
}

async function run({ seconds, figure, remark }: Bench): Promise<void> {
  await cryptoReady
  const tasks: Tasks = { ...wireTasks(), ...derivationTasks() }
  const measured = compare(seconds, tasks as Record<string, () => void>)
  const per: Partial<Record<string, number>> = { kibibyte: 60, derive: BATCH }
  for (const name of Object.keys(tasks) as (keyof typeof COSTS)[]) {
    tell(name, measured.us(name) / (per[name] ?? 1))
  }
  for (const kind of ['ed25519', 'secp256k1'] as const) {
    const times = compare(seconds, signingTasks(kind) as Record<string, () => void>)
    tell('nonce', times.us('nonce'), ` ${kind}`)
    tell('sign', times.us('sign') - times.us('nonce'), ` ${kind}`)
  }
  remark(
    'beside the CPU time stands how many units COSTS counts for each; a unit is meant to be a microsecond or more',
  )

  function tell(name: keyof typeof COSTS, us: number, of = ''): void {
    const units = COSTS[name] + (name === 'derive' ? COSTS.prove : 0)
    figure({ name: `${name}${of}, measured`, value: us, unit: 'µs' })
    figure({ name: `${name}${of}, units a microsecond`, value: units / us, unit: 'x' })
  }
}

export const costs: Part = {
  name: 'costs',
  title:
    'What requests between nodes cost, against the table that budgets are counted in; CPU time in one process',
  run,
}

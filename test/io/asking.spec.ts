import assert from 'node:assert/strict'
import type { Stream } from '@libp2p/interface'
import { Asking } from '../../src/io/asking.ts'
import { Counters } from '../../src/io/counters.ts'
import { encodeFrames } from '../../src/io/frames.ts'
import { failsWith, realTime } from './contracts/world.ts'
import { peerIdAt } from './network.ts'

// far above what a busy machine delays a timer by
const SILENCE_MS = 1000
const DEADLINE_MS = 10
const question = new Uint8Array([1])

/** As much of a stream as `Asking` uses; `hear` is what the peer sends. */
class FakeStream extends EventTarget {
  readonly status = 'open'
  readonly writableNeedsDrain = false
  readonly writeBufferLength = 0
  #wake: () => void = () => {}
  #heard: Uint8Array[] = []

  send(): boolean {
    return true
  }

  abort(): void {}

  hear(bytes: Uint8Array): void {
    this.#heard.push(bytes)
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (true) {
      yield* this.#heard.splice(0)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

function ask(openStream: () => Promise<Stream>): { readonly asking: Asking; readonly silences: string[] } {
  const silences: string[] = []
  const fellSilent = (reason: string): void => void silences.push(reason)
  const ports = { peerId: peerIdAt(1), openStream, fellSilent, silenceMs: SILENCE_MS }
  return { asking: new Asking({ ...ports, counters: new Counters() }), silences }
}

describe('Asking', () => {
  it('says that a peer fell silent once it has owed answers for so long and sent nothing', async () => {
    const { asking, silences } = ask(() => new Promise(() => {}))
    const startedMs = performance.now()
    while (silences.length === 0) await failsWith(asking.request(question, DEADLINE_MS), 'deadline_exceeded')
    assert.ok(performance.now() - startedMs >= SILENCE_MS)
    assert.equal(silences.length, 1)
  })

  it('takes one late answer for a sign of life, however many are missing', async () => {
    const stream = new FakeStream()
    const { asking, silences } = ask(async () => stream as unknown as Stream)
    const endMs = performance.now() + 2 * SILENCE_MS
    let longestMs = 0
    for (let id = 1; performance.now() < endMs; id++) {
      const askedMs = performance.now()
      await failsWith(asking.request(question, DEADLINE_MS), 'deadline_exceeded')
      longestMs = Math.max(longestMs, performance.now() - askedMs)
      stream.hear(encodeFrames([{ kind: 'answer', id, payload: question }]))
    }
    assert.ok(silences.length === 0 || longestMs >= SILENCE_MS, 'unless this process stood still for so long')
  })

  it('holds no silence against a peer that owes nothing', async () => {
    const stream = new FakeStream()
    const { asking, silences } = ask(async () => stream as unknown as Stream)
    const answered = asking.request(question, 1000)
    stream.hear(encodeFrames([{ kind: 'answer', id: 1, payload: question }]))
    await answered
    const quietUntilMs = performance.now() + 1.5 * SILENCE_MS
    await realTime.until(() => performance.now() > quietUntilMs)
    const askedMs = performance.now()
    await failsWith(asking.request(question, DEADLINE_MS), 'deadline_exceeded')
    const hasStoodStill = performance.now() - askedMs >= SILENCE_MS
    assert.ok(silences.length === 0 || hasStoodStill, 'unless this process stood still for so long')
  })
})

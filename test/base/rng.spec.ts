import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict'
import { concat, randomBelow, randomUnit, SeededRng, toHex } from '../../src/base/index.ts'

describe('the seeded generator', () => {
  it('gives the same stream for the same seed, however it is cut', () => {
    const a = new SeededRng('7')
    const b = new SeededRng('7')
    deepEqual(concat(a.bytes(1), a.bytes(100), a.bytes(0), a.bytes(63)), b.bytes(164))
  })

  it('keeps its stream from one version to the next', () => {
    equal(toHex(new SeededRng('ostraka').bytes(8)), '13039f1ebd014ce6')
  })

  it('gives other streams for other seeds and labels', () => {
    notDeepEqual(new SeededRng('7').bytes(16), new SeededRng('8').bytes(16))
    notDeepEqual(new SeededRng('7').fork('a').bytes(16), new SeededRng('7').fork('b').bytes(16))
  })

  it('is not disturbed by its forks', () => {
    const a = new SeededRng('7')
    a.bytes(5)
    a.fork('x').bytes(99)
    const b = new SeededRng('7')
    b.bytes(5)
    deepEqual(a.bytes(9), b.bytes(9))
  })

  it('draws numbers evenly within their bounds', () => {
    const rng = new SeededRng('even')
    const counts = new Array<number>(10).fill(0)
    for (let draw = 0; draw < 10_000; draw++) {
      const unit = randomUnit(rng)
      ok(unit >= 0 && unit < 1)
      counts[randomBelow(rng, 10)]!++
    }
    for (const count of counts) ok(count > 850 && count < 1150, String(counts))
  })
})

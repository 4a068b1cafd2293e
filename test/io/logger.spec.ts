import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync } from 'node:fs'
import { Secret } from '../../src/base/index.ts'
import { createLogger } from '../../src/io/index.ts'

describe('logger', () => {
  const lines = (isPretty: boolean) => {
    const written: string[] = []
    const logger = createLogger({ isPretty, destination: { write: line => written.push(line) } })
    return { logger, written }
  }

  it('prints no secret, neither as a Secret nor under a telling name', () => {
    const { logger, written } = lines(false)
    const bytes = Buffer.from('hunter2')
    logger.info(
      { any: new Secret(bytes), seed: 'hunter2', node: { token: 'hunter2' }, a: { b: { share: 'hunter2' } } },
      'x',
    )
    assert.ok(!written.join('').includes('hunter2'))
    assert.equal(written.join('').match(/<redacted>/g)?.length, 4)
  })

  it('writes JSON with level, time and fields', () => {
    const { logger, written } = lines(false)
    logger.warn({ code: 'stranger', peerId: 'p' }, 'refused')
    logger.debug('not at this level')
    const [entry] = written.map(line => JSON.parse(line))
    assert.deepEqual([entry.level, entry.code, entry.peerId, entry.msg], ['warn', 'stranger', 'p', 'refused'])
    assert.ok(!Number.isNaN(Date.parse(entry.time)))
    assert.equal(written.length, 1)
  })

  it('writes one readable line per entry when pretty', () => {
    const { logger, written } = lines(true)
    logger.info({ peerId: 'p', count: 2 }, 'peer connected')
    assert.match(written[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} INFO {2}peer connected peerId=p count=2\n$/)
  })

  it('shows what peers call themselves, and never obeys it', () => {
    for (const isPretty of [true, false]) {
      const { logger, written } = lines(isPretty)
      const name = '\u001b[2Jx\u009bA\u202e\n00:00:00.000 INFO  forged'
      logger.warn({ region: name, nested: { name } }, `a message is refused: ${name}`)
      const text = written.join('')
      assert.ok(!/[^\P{Cc}\n]|\p{Cf}/u.test(text), text)
      assert.equal(text.indexOf('\n'), text.length - 1)
    }
  })

  it('that nobody can write to any more does not take its daemon along', function () {
    if (!existsSync('/dev/full')) {
      console.log('      SKIPPED: this system has no /dev/full')
      return this.skip()
    }
    const fd = openSync('/dev/full', 'w')
    try {
      for (const isPretty of [false, true]) {
        const logger = createLogger({ fd, isPretty })
        for (let line = 0; line < 3; line++) logger.error({ code: 'storage_full' }, 'cannot write to disk')
      }
    } finally {
      closeSync(fd)
    }
  })
})

import assert from 'node:assert/strict'
import { parseComingMs, parseDurationMs, parseInstantMs, requireComing } from '../../src/base/index.ts'

const DAY_MS = 86_400_000
const NOW_MS = Date.UTC(2026, 11, 1, 2, 3, 4)

describe('issue 10.1: times from outside', () => {
  it('an instant is a full ISO 8601 time with its zone, and comes back as it was', () => {
    for (const [text, ms] of [
      ['2030-01-31T12:00:00Z', Date.UTC(2030, 0, 31, 12)],
      ['2030-01-31T12:00Z', Date.UTC(2030, 0, 31, 12)],
      ['2030-01-31T12:00:00.25Z', Date.UTC(2030, 0, 31, 12, 0, 0, 250)],
      ['2030-01-31T00:30:00+02:00', Date.UTC(2030, 0, 30, 22, 30)],
      ['2030-12-31T23:30:00-05:30', Date.UTC(2031, 0, 1, 5)],
      ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
      ['1970-01-01T00:00:00Z', 0],
    ] as const) {
      assert.equal(parseInstantMs(text), ms, text)
    }
    // one day after the other through leap years, centuries and the year 2000
    for (let ms = 0; ms < Date.UTC(2420, 0, 1); ms += DAY_MS) {
      assert.equal(parseInstantMs(new Date(ms).toISOString()), ms)
    }
  })

  const REFUSED = [
    ...['90', '1990', '2030', '2030-01', '2030-01-31', '20300131T120000Z', '2030-01-31T12Z'],
    ...['2030-01-31T12:00:00', '2030-01-31 12:00:00Z', '2030-01-31t12:00:00z', '2030-01-31T12:00:00 Z'],
    ...['2030-02-30T00:00:00Z', '2029-02-29T00:00:00Z', '2100-02-29T00:00:00Z', '2030-04-31T00:00:00Z'],
    ...['2030-13-01T00:00:00Z', '2030-00-10T00:00:00Z', '2030-01-00T00:00:00Z', '2030-01-32T00:00:00Z'],
    ...['2030-01-31T24:00:00Z', '2030-01-31T12:60:00Z', '2030-12-31T23:59:60Z', '2030-01-31T12:00:00,5Z'],
    ...['0090-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '12030-01-31T12:00:00Z', '+002030-01-31T12:00:00Z'],
    ...[
      '2030-01-31T12:00:00+2',
      '2030-01-31T12:00:00+0200',
      '2030-01-31T12:00:00+02:60',
      '2030-01-31T12:00:00+15:00',
    ],
    ...[
      '2030-1-31T12:00:00Z',
      '2030-W05-4T12:00:00Z',
      '2030-031T12:00:00Z',
      '31 January 2030',
      'Jan 31, 2030 12:00 UTC',
    ],
    ...[
      '',
      ' ',
      'tomorrow',
      'never',
      'NaN',
      'Infinity',
      '-1d',
      '+90d',
      '0d',
      '90',
      '90 d',
      '90D',
      '1.5h',
      '1w',
      '1h30m',
    ],
    ...['P90D', '1e3d', '0x10d', '٩٠d', '36501d', '9999999999d', '1900000000', '1900000000000', '90d\n'],
    ...['2030-01-31T12:00:00Z\n', ' 2030-01-31T12:00:00Z', '2030-01-31T12:00:00Z/P1D'],
  ]

  it('anything else is refused with the right form in the message', () => {
    for (const text of REFUSED) {
      assert.throws(
        () => parseComingMs(text, NOW_MS),
        { code: 'malformed', message: /2030-01-31T12:00:00Z.*90d|90d/ },
        JSON.stringify(text),
      )
      assert.throws(() => parseInstantMs(text), { code: 'malformed' }, JSON.stringify(text))
      assert.throws(() => parseDurationMs(text), { code: 'malformed' }, JSON.stringify(text))
    }
  })

  it('a moment to come is in the future, by a date or by a duration', () => {
    assert.equal(parseComingMs('90d', NOW_MS), NOW_MS + 90 * DAY_MS)
    assert.equal(parseComingMs('1s', NOW_MS), NOW_MS + 1000)
    assert.equal(parseComingMs('2026-12-01T02:03:05Z', NOW_MS), NOW_MS + 1000)
    for (const text of [
      '2026-12-01T02:03:04Z',
      '2026-11-30T00:00:00Z',
      '1990-01-01T00:00:00Z',
      '2127-01-01T00:00:00Z',
    ]) {
      assert.throws(() => parseComingMs(text, NOW_MS), { code: 'malformed' }, text)
    }
  })

  it('a number in another unit is named by that unit', () => {
    const inMs = NOW_MS + 90 * DAY_MS
    requireComing(inMs, NOW_MS, 'retainUntilMs')
    for (const [given, message] of [
      [inMs / 1000, 'retainUntilMs is in seconds: milliseconds are needed'],
      [inMs * 1000, 'retainUntilMs is in microseconds: milliseconds are needed'],
      [inMs * 1e6, 'retainUntilMs is in nanoseconds: milliseconds are needed'],
      [NOW_MS, 'retainUntilMs is not in the future'],
      [90, 'retainUntilMs is not in the future'],
      [NOW_MS + 36_501 * DAY_MS, 'retainUntilMs is more than a hundred years ahead'],
    ] as const) {
      assert.throws(() => requireComing(given, NOW_MS, 'retainUntilMs'), { code: 'malformed', message })
    }
  })
})

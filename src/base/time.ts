import { OstrakaError } from './errors.ts'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A date that lies further ahead is a slip of the unit, and no date that anybody plans for. */
const MAX_AHEAD_MS = 100 * 365 * 86_400_000

/** No zone is further from UTC: Kiribati's Line Islands. */
const MAX_OFFSET_MINUTES = 14 * 60

const INSTANT_FORM = 'a time such as 2030-01-31T12:00:00Z or 2030-01-31T12:00:00+02:00'
const DURATION_FORM = 'a duration such as 90s, 15m, 12h or 90d'

/** Date, hours and minutes, seconds and milliseconds if wanted, and the zone, which must be there. */
const INSTANT =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?(?:(Z)|([+-])(\d{2}):(\d{2}))$/

function malformed(text: string, wanted: string): OstrakaError {
  return new OstrakaError('malformed', `${wanted} is needed, not ${JSON.stringify(text)}`)
}

/** `90s`, `15m`, `12h`, `90d` in milliseconds: more than nothing and at most a hundred years. Errors: `malformed`. */
export function parseDurationMs(text: string): number {
  const match = /^(\d{1,10})([smhd])$/.exec(text)
  const durationMs = match === null ? 0 : Number(match[1]) * UNIT_MS[match[2]!]!
  if (durationMs > 0 && durationMs <= MAX_AHEAD_MS) return durationMs
  throw malformed(text, DURATION_FORM)
}

/**
 * A full ISO 8601 time with its zone, in milliseconds since the Unix epoch, from 1970 on. Refused is what no calendar or
 * clock shows: 30 February, 24:00, a leap second. Errors: `malformed`.
 */
export function parseInstantMs(text: string): number {
  return instantOf(text) ?? refuse(text, INSTANT_FORM)
}

/**
 * A moment that is to come: a full ISO 8601 time with its zone, or a duration from `nowMs` on. Errors: `malformed` for any
 * other form, and for a time that is past or more than a hundred years ahead.
 */
export function parseComingMs(text: string, nowMs: number): number {
  if (/^\d+[smhd]$/.test(text)) return nowMs + parseDurationMs(text)
  const momentMs = instantOf(text) ?? refuse(text, `${INSTANT_FORM}, or ${DURATION_FORM},`)
  requireComing(momentMs, nowMs, text)
  return momentMs
}

function refuse(text: string, wanted: string): never {
  throw malformed(text, wanted)
}

function instantOf(text: string): number | undefined {
  const match = INSTANT.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second, , , , zoneHours, zoneMinutes] = match
    .slice(1)
    .map(part => Number(part ?? 0)) as [number, number, number, number, number, number, ...number[]]
  const offsetMinutes = zoneHours! * 60 + zoneMinutes!
  const isOnCalendar = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
  const isOnClock = hour < 24 && minute < 60 && second < 60
  if (!isOnCalendar || !isOnClock || zoneMinutes! > 59 || offsetMinutes > MAX_OFFSET_MINUTES) return undefined
  const minutes = (daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute
  const utcMinutes = match[9] === '-' ? minutes + offsetMinutes : minutes - offsetMinutes
  return utcMinutes * 60_000 + second * 1000 + Number((match[7] ?? '').padEnd(3, '0'))
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function daysIn(year: number, month: number): number {
  return MONTH_DAYS[month - 1]! + (month === 2 && isLeap(year) ? 1 : 0)
}

/** In the Gregorian calendar, without the platform's clock type: pure layers check times, too. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const before = year - 1
  const leapDays =
    Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - LEAP_DAYS_BEFORE_EPOCH
  const months = MONTH_DAYS.slice(0, month - 1).reduce((sum: number, days) => sum + days, 0)
  return (year - 1970) * 365 + leapDays + months + (month > 2 && isLeap(year) ? 1 : 0) + day - 1
}

/** 29 Februaries from the year 1 to 1969. */
const LEAP_DAYS_BEFORE_EPOCH = 477

/**
 * Refuses a moment that is not in the future of `nowMs`, or lies more than a hundred years ahead: it was meant in another
 * unit. `what` names the field, or repeats what was given. Errors: `malformed` { given, now }.
 */
export function requireComing(momentMs: number, nowMs: number, what: string): void {
  if (isComing(momentMs, nowMs)) return
  const details = { given: momentMs, now: nowMs }
  const isPast = momentMs <= nowMs
  const unit = otherUnit(momentMs, nowMs)
  if (unit !== undefined) {
    throw new OstrakaError('malformed', `${what} is in ${unit}: milliseconds are needed`, details)
  }
  const why = isPast ? 'not in the future' : 'more than a hundred years ahead'
  throw new OstrakaError('malformed', `${what} is ${why}`, details)
}

function isComing(momentMs: number, nowMs: number): boolean {
  return momentMs > nowMs && momentMs <= nowMs + MAX_AHEAD_MS
}

/** The unit in which the number would be a moment to come. */
function otherUnit(moment: number, nowMs: number): string | undefined {
  if (isComing(moment * 1000, nowMs)) return 'seconds'
  if (isComing(moment / 1000, nowMs)) return 'microseconds'
  return isComing(moment / 1_000_000, nowMs) ? 'nanoseconds' : undefined
}

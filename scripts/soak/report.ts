import type { Growth } from './processes.ts'
import { DONE_WITHIN_MS, MEMORY_WARM_UP_MS, type SoakFigures } from './run.ts'

const MIN_DONE_IN_TIME = 0.999
/** Of so many operations 99.9 % leave room for a few misses; of the 900 of a minute, for not even one. */
const MANY_OPERATIONS = 5000
const MIN_DONE_IN_TIME_OF_FEW = 0.99
const MIN_COORDINATOR_SHARE = 1 / 3
/** One node every 10 s; a kill may have to wait for a node that is not well again. */
const KILL_EVERY_MS = 10_000
const MIN_KILLS_SHARE = 0.8
/** Connections to nodes that come and go at the moment, in both directions, and LevelDB's tables. */
const MAX_FILES_GROWTH = 12
/** Resident memory breathes with the garbage collector by about so much. */
const MAX_MEMORY_GROWTH = 0.15
/** As much again is needed to see the slope. */
const MIN_MEMORY_RUN_MS = 2 * MEMORY_WARM_UP_MS

export interface Bound {
  readonly title: string
  readonly found: string
  /** Undefined: it could not be judged, and `found` says why. */
  readonly hasHeld: boolean | undefined
}

/** Every promise, with what was found. */
export function boundsOf(figures: SoakFigures): readonly Bound[] {
  const { ending, disturbances, options } = figures
  const inTime = `${(figures.doneInTime * 100).toFixed(3)} %`
  const none = (title: string, found: readonly string[]): Bound => ({
    title,
    found: found.length === 0 ? 'none' : `${found.length}: ${found.slice(0, 5).join('; ')}`,
    hasHeld: found.length === 0,
  })
  const isMany = figures.operations.at(-1)!.count >= MANY_OPERATIONS
  const minDoneInTime = isMany ? MIN_DONE_IN_TIME : MIN_DONE_IN_TIME_OF_FEW
  const leastKills = Math.floor((options.durationMs / KILL_EVERY_MS) * MIN_KILLS_SHARE)
  const { kills, coordinatorsKilled } = disturbances
  return [
    none('acknowledged changes lost', ending.lost),
    { title: 'keys of no use', found: String(figures.uselessKeys), hasHeld: figures.uselessKeys === 0 },
    { title: 'wrong outputs', found: String(figures.wrongOutputs), hasHeld: figures.wrongOutputs === 0 },
    none('forks', ending.forks),
    {
      title: `done within ${DONE_WITHIN_MS / 1000} s, at least ${minDoneInTime * 100} %`,
      found: inTime,
      hasHeld: figures.doneInTime >= minDoneInTime,
    },
    none('nodes behind at the end', ending.behind),
    none('daemons that ended by themselves', figures.endedByThemselves),
    none('nodes that did not come back', disturbances.faults),
    { title: `kills, at least ${leastKills}`, found: String(kills), hasHeld: kills >= leastKills },
    {
      title: 'of them coordinators, at least a third',
      found: String(coordinatorsKilled),
      hasHeld: coordinatorsKilled >= kills * MIN_COORDINATOR_SHARE,
    },
    ...usageBounds(figures),
  ]
}

/** Of the daemon that lives all the time, and of the others from one life to the next. */
function usageBounds(figures: SoakFigures): readonly Bound[] {
  const [files, memory] = [`${MAX_FILES_GROWTH} more at most`, `${MAX_MEMORY_GROWTH * 100} % more at most`]
  return [
    growth(`open files flat (${files})`, figures.files, areFilesFlat),
    growth(`open files at 20 to 35 s of age alike (${files})`, figures.filesAtLikeAge, areFilesFlat),
    memoryBound(`memory flat (${memory})`, figures),
    growth(`memory in MiB at 20 to 35 s of age alike (${memory})`, figures.memoryMibAtLikeAge, isMemoryFlat),
  ]
}

function areFilesFlat({ before, after }: Growth): boolean {
  return after - before <= MAX_FILES_GROWTH
}

function isMemoryFlat({ before, after }: Growth): boolean {
  return after <= before * (1 + MAX_MEMORY_GROWTH)
}

function memoryBound(title: string, { memoryMib, options }: SoakFigures): Bound {
  const bound = growth(title, memoryMib, isMemoryFlat)
  if (options.durationMs >= MIN_MEMORY_RUN_MS) return bound
  const found = `${bound.found}; not judged in under ${MIN_MEMORY_RUN_MS / 1000} s`
  return { ...bound, found, hasHeld: undefined }
}

function growth(title: string, found: Growth | undefined, isFlat: (growth: Growth) => boolean): Bound {
  if (found === undefined)
    return {
      title,
      found: 'not judged: the run was too short, or this system has no /proc to tell',
      hasHeld: undefined,
    }
  const { before, after, slopePerMinute } = found
  const text = `${before.toFixed(0)} → ${after.toFixed(0)}, ${slopePerMinute.toFixed(2)} a minute`
  return { title, found: text, hasHeld: isFlat(found) }
}

export function print(figures: SoakFigures, bounds: readonly Bound[]): void {
  const { disturbances, ending, machineLoad, options } = figures
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(8))).join(' ')
  const ms = (value: number): string => value.toFixed(0)
  console.log(`\n${row(['OPERATION', 'COUNT', 'FAILED', '> 10 s', 'P50 ms', 'P99 ms', 'MAX ms'])}`)
  for (const { what, count, failed, late, p50Ms, p99Ms, maxMs } of figures.operations) {
    console.log(row([what, String(count), String(failed), String(late), ms(p50Ms), ms(p99Ms), ms(maxMs)]))
  }
  const retries = Object.entries(figures.retries).map(([code, count]) => `${code} ${count}`)
  const recoveries = disturbances.recoveryMs
  const slowest = recoveries.reduce((highest, value) => Math.max(highest, value), 0)
  const mean = recoveries.reduce((sum, value) => sum + value, 0) / Math.max(1, recoveries.length)
  const lines: ReadonlyArray<readonly [string, string]> = [
    ['retries', retries.join(', ') || 'none'],
    ['kills', `${disturbances.kills}, ${disturbances.coordinatorsKilled} of coordinators`],
    ['stops of 5 s', String(disturbances.stops)],
    ['floods', String(disturbances.floods)],
    ['disturbed late', `${disturbances.late}, by ${ms(disturbances.longestWaitMs)} ms at most`],
    ['back after a kill', `${ms(mean)} ms on average, ${ms(slowest)} ms at most`],
    ['keys', String(figures.keys)],
    ['heights', [...ending.heights.values()].join(' ')],
    [
      'most files, MiB',
      `${figures.mostFiles} (and ${figures.mostClientConnections} clients), ${figures.mostMemoryMib.toFixed(0)} in one daemon`,
    ],
    [
      'machine',
      `load ${machineLoad.map(value => value.toFixed(1)).join(' to ')} (1 min average); the daemons used ${figures.cores.toFixed(2)} cores`,
    ],
    ['seed', options.seed],
  ]
  console.log('')
  for (const [title, text] of lines) console.log(`${title.padEnd(18)} ${text}`)
  if (figures.stories.length > 0) console.log(`\nslow or failed:\n  ${figures.stories.join('\n  ')}`)
  if (figures.faults.length > 0) console.log(`\nfirst failures:\n  ${figures.faults.join('\n  ')}`)
  console.log('')
  for (const { title, found, hasHeld } of bounds) {
    console.log(`${hasHeld === undefined ? '–' : hasHeld ? '✔' : '✘'} ${title}: ${found}`)
  }
}

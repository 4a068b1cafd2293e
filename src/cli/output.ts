import { visible, visibleJson } from '../base/index.ts'

/** Text for people, or JSON for programs: every command that prints goes through here. */
export function printJson(value: unknown): void {
  process.stdout.write(`${visibleJson(JSON.stringify(value, null, 2))}\n`)
}

/** One object a line, for streams of them. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${visibleJson(JSON.stringify(value))}\n`)
}

export function printLine(text: string): void {
  process.stdout.write(`${visible(text)}\n`)
}

/** Prints `value` as JSON when asked to, else what `lines` makes of it. */
export function print<T>(
  value: T,
  isJson: boolean | undefined,
  lines: (value: T) => readonly string[],
): void {
  if (isJson) printJson(value)
  else for (const line of lines(value)) printLine(line)
}

/** Whether standard error, like standard output, is for a program that asked for JSON. */
let isStderrJson = false

export function setStderrJson(isJson: boolean): void {
  isStderrJson = isJson
}

/** What to do next, for people: on standard error, so that what programs read stays clean. */
export function note(lines: readonly string[]): void {
  if (lines.length === 0) return
  if (isStderrJson) noteJson({ note: lines.join('\n') })
  else for (const line of lines) process.stderr.write(`${visible(line)}\n`)
}

/** One object on a line of standard error. */
export function noteJson(value: unknown): void {
  process.stderr.write(`${visibleJson(JSON.stringify(value))}\n`)
}

/** A word of a command that is printed to be copied: what a shell would split or expand is quoted. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", "'\\''")}'`
}

type Cell = string | number | null | undefined

/** Left-aligned columns, as wide as their widest cell; the last is not padded. */
export function tableLines(head: readonly string[], rows: ReadonlyArray<readonly Cell[]>): string[] {
  const cells = [head, ...rows.map(row => row.map(cell => visible((cell ?? '-').toString())))]
  const widths = head.map((_, column) =>
    cells.reduce((width, row) => Math.max(width, (row[column] ?? '').length), 0),
  )
  return cells.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** A peer id short enough for a table: its unique end. */
export function shortPeer(peerId: string): string {
  return peerId.length > 12 ? `…${peerId.slice(-8)}` : peerId
}

export function formatMs(ms: number | null): string | null {
  return ms === null ? null : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

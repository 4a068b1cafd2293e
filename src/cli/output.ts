/** Text for people, or JSON for programs: every command that prints goes through here. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function printLine(text: string): void {
  process.stdout.write(`${visible(text)}\n`)
}

/** Controls, which steer a terminal, and formats, which turn its text around; but for line ends and tabs. */
const INVISIBLE = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}]/gu

/** What others say is shown, never obeyed: characters that a terminal would act upon are spelled out. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, character => `\\u{${character.codePointAt(0)!.toString(16)}}`)
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

/** What to do next, for people: on standard error, so that what programs read stays clean. */
export function note(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${visible(line)}\n`)
}

type Cell = string | number | null | undefined

/** Left-aligned columns, as wide as their widest cell; the last is not padded. */
export function tableLines(head: readonly string[], rows: ReadonlyArray<readonly Cell[]>): string[] {
  const cells = [head, ...rows.map(row => row.map(cell => (cell ?? '-').toString()))]
  const widths = head.map((_, column) => Math.max(...cells.map(row => (row[column] ?? '').length)))
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

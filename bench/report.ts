/** What a figure should reach: a ratio or a bound. */
export type Target = { readonly atLeast: number } | { readonly atMost: number }

/** One measured number. */
export interface Figure {
  readonly name: string
  readonly value: number
  /** `µs`, `ms`, `s`, `per s`, `MB`, `KiB/s`, `%`, or `x` for a ratio. */
  readonly unit: string
  readonly target?: Target
}

/** One part of the benchmark. */
export interface Part {
  /** What `--only` calls it. */
  readonly name: string
  readonly title: string
  run(bench: Bench): Promise<void>
}

/** What a part is given: how long to measure each thing, and where its figures go. */
export interface Bench {
  /** About how many seconds each comparison or load lasts. */
  readonly seconds: number
  figure(figure: Figure): void
  /** A line that says how the figures around it were taken. */
  remark(text: string): void
}

export function isMet({ value, target }: Figure): boolean {
  if (target === undefined) return true
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost
}

export function figureLine(figure: Figure): string {
  const { name, value, unit, target } = figure
  const line = `  ${name.padEnd(66)} ${numeral(value).padStart(9)} ${unit}`
  if (target === undefined) return line
  const wanted = 'atLeast' in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`
  return `${line.padEnd(84)} target ${wanted} ${unit}: ${isMet(figure) ? 'MET' : 'MISSED'}`
}

/** Three significant digits, or the whole number where it has more. */
function numeral(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toFixed(Math.min(digits, 4))
}

// A slash after one of these begins a regular expression; after anything else it divides.
const BEFORE_REGEX = /(?:^|[([{,;=:!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void))\s*$/

/**
 * The same text with comments, regular expressions and the insides of string literals blanked by spaces. Line breaks
 * stay, so positions keep their meaning. Code inside `${…}` of a template stays.
 */
export function blankText(source: string): string {
  const out: string[] = []
  // for each open template: how many braces are open inside its current `${…}`
  const templates: number[] = []
  let at = 0
  const blank = (end: number): void => {
    out.push(source.slice(at, end).replace(/[^\n]/g, ' '))
    at = end
  }
  const keep = (length: number): void => {
    out.push(source.slice(at, at + length))
    at += length
  }
  while (at < source.length) {
    const char = source[at]!
    const next = source[at + 1]
    if (char === '/' && next === '/') blank(endOf(source, '\n', at))
    else if (char === '/' && next === '*') blank(endOf(source, '*/', at + 2) + 2)
    else if (char === '/' && BEFORE_REGEX.test(source.slice(Math.max(0, at - 40), at)))
      blank(endOfRegex(source, at))
    else if (char === "'" || char === '"') {
      keep(1)
      blank(endOfString(source, at, char))
      keep(1)
    } else if (char === '`') {
      keep(1)
      templates.push(0)
      blank(endOfTemplateText(source, at))
      if (source[at] === '`') templates.pop()
      keep(source[at] === '`' ? 1 : 2)
    } else if (templates.length > 0 && char === '{') {
      templates[templates.length - 1]!++
      keep(1)
    } else if (templates.length > 0 && char === '}') {
      keep(1)
      if (templates.at(-1)! > 0) templates[templates.length - 1]!--
      else {
        blank(endOfTemplateText(source, at))
        if (source[at] === '`') templates.pop()
        keep(source[at] === '`' ? 1 : 2)
      }
    } else keep(1)
  }
  return out.join('')
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from)
  return end < 0 ? source.length : end
}

function endOfString(source: string, from: number, quote: string): number {
  let at = from
  while (at < source.length && source[at] !== quote && source[at] !== '\n') at += source[at] === '\\' ? 2 : 1
  return at
}

/** Stops at the closing backtick or at the next `${`. */
function endOfTemplateText(source: string, from: number): number {
  let at = from
  while (at < source.length && source[at] !== '`' && !source.startsWith('${', at)) {
    at += source[at] === '\\' ? 2 : 1
  }
  return at
}

function endOfRegex(source: string, from: number): number {
  let inClass = false
  let at = from + 1
  while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
    if (source[at] === '[') inClass = true
    if (source[at] === ']') inClass = false
    at += source[at] === '\\' ? 2 : 1
  }
  at++
  while (/[a-z]/.test(source[at] ?? '')) at++
  return at
}

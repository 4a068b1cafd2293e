import { OstrakaError } from './errors.ts'

/** Nothing of ours is half as deep; deeper text takes long to read and has no meaning. */
const MAX_DEPTH = 64

const BYTE_ORDER_MARK = '\ufeff'

/**
 * JSON as all that comes from outside is read: a name stands once in an object, since readers differ in which of two
 * they take, and none is `__proto__`. A byte order mark before it is ignored (RFC 8259 section 8.1), as editors leave it
 * there. `what` names the text in errors. Errors: `malformed`.
 */
export function parseJson(text: string, what: string): unknown {
  const json = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new OstrakaError(
      'malformed',
      `${what} is no JSON: ${error instanceof Error ? error.message : error}`,
    )
  }
  requireDistinctNames(json, what)
  return value
}

/** The names of an open object, made with its first; null for a list. */
type Open = { names: Set<string> | undefined } | null

/** Of a text that is JSON, so that only objects and their names have to be told apart: once through it, by character. */
function requireDistinctNames(json: string, what: string): void {
  const open: Open[] = []
  let isName = false
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '{':
      case '[':
        isName = json[at] === '{'
        open.push(isName ? { names: undefined } : null)
        if (open.length > MAX_DEPTH) throw new OstrakaError('malformed', `${what} is nested too deep`)
        break
      case '}':
      case ']':
        open.pop()
        isName = false
        break
      case ',':
        isName = open.at(-1) !== null
        break
      case '"': {
        const end = endOfString(json, at)
        if (isName) addName(open.at(-1)!, JSON.parse(json.slice(at, end + 1)) as string, what)
        isName = false
        at = end
      }
    }
  }
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at
}

function addName(object: NonNullable<Open>, name: string, what: string): void {
  object.names ??= new Set()
  const { names } = object
  if (name === '__proto__') throw new OstrakaError('malformed', `${what} has a field named __proto__`)
  if (names.has(name)) {
    throw new OstrakaError('malformed', `${what} has ${JSON.stringify(name)} twice in one object`, {
      field: name,
    })
  }
  names.add(name)
}

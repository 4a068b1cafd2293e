import { OstrakaError } from '../base/index.ts'
import type { Call, JsonSchema } from './route.ts'
import { count, text } from './schemas.ts'

/** One answer lists so many things: of keys, that is some tens of milliseconds of the node's one thread, and a megabyte. */
export const MAX_PAGE = 256

/** The query of a list that is read in pages. */
export const pageQuery: Readonly<Record<string, JsonSchema>> = {
  limit: { ...count, minimum: 1, maximum: MAX_PAGE, default: MAX_PAGE },
  after: { ...text, description: 'The `next` of the page before; absent for the first page.' },
}

/** The schema of `next` in a page. */
export const next: JsonSchema = {
  ...text,
  description: 'Where the next page begins: its `after`. Absent on the last page.',
}

export function pageOf({ query }: Call): { readonly after: string; readonly limit: number } {
  return { after: String(query.after ?? ''), limit: Number(query.limit) }
}

/** A page of a list at hand, whose items have an id each. Errors: `not_found` when the item to go on after is gone. */
export function slicePage<T>(
  items: readonly T[],
  idOf: (item: T) => string,
  call: Call,
): { readonly items: readonly T[]; readonly next: { readonly next?: string } } {
  const { after, limit } = pageOf(call)
  const start = after === '' ? 0 : items.findIndex(item => idOf(item) === after) + 1
  if (after !== '' && start === 0) {
    throw new OstrakaError('not_found', 'the list has nothing of this id to go on after', { after })
  }
  const page = items.slice(start, start + limit)
  const isLast = start + limit >= items.length
  return { items: page, next: isLast ? {} : { next: idOf(page.at(-1)!) } }
}

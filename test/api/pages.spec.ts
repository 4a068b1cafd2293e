import assert from 'node:assert/strict'
import { MAX_PAGE, slicePage } from '../../src/api/pages.ts'
import { Requests } from '../../src/api/requests.ts'
import type { Call } from '../../src/api/route.ts'
import { SystemRng } from '../../src/io/index.ts'

describe('the pages of a list', () => {
  const items = Array.from({ length: 2 * MAX_PAGE + 1 }, (_, n) => `item+${n}/`)
  const pageAfter = (after: string | undefined, limit = MAX_PAGE) =>
    slicePage(items, item => item, {
      query: { limit, ...(after === undefined ? {} : { after }) },
    } as never as Call)

  it('are none longer than asked, and the last names no next one, whether it is full or not', () => {
    assert.deepEqual(pageAfter(undefined, 2), { items: items.slice(0, 2), next: { next: items[1] } })
    assert.deepEqual(pageAfter(items.at(-3), 2), { items: items.slice(-2), next: {} })
    assert.deepEqual(pageAfter(items.at(-2), 2), { items: items.slice(-1), next: {} })
    assert.deepEqual(pageAfter(items.at(-1), 2), { items: [], next: {} })
    assert.throws(() => pageAfter('gone'), { code: 'not_found' })
  })

  it('are joined by the client, whatever characters a cursor has, with what stands beside the list', async () => {
    const requests = new Requests({ api: 'http://127.0.0.1:1', token: 'none' }, new SystemRng())
    const asked: string[] = []
    requests.get = async path => {
      asked.push(path)
      const page = pageAfter(new URL(path, 'http://daemon').searchParams.get('after') ?? undefined)
      return { needed: 2, proposals: page.items, ...page.next }
    }
    const joined = await requests.getPages<{ readonly proposals: readonly string[] }, 'proposals'>(
      '/list',
      'proposals',
    )
    assert.deepEqual(joined, { needed: 2, proposals: items })
    assert.equal(asked.length, 3)
  })
})

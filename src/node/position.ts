import { OstrakaError, Secret, type Store } from '../base/index.ts'
import { type Anchor, LOG_PREFIXES, type LogView, recoverLog, viewLog } from '../control/index.ts'
import { cryptoReady, SigningKey } from '../crypto/index.ts'
import type { Genesis } from '../wire/index.ts'
import { type Entries, REDUCER } from './state.ts'

/** The control log in a stopped node's store. Errors: `storage_corrupt`. */
export async function readStoredLog(store: Pick<Store, 'scan'>, genesis: Genesis): Promise<LogView> {
  await cryptoReady
  const entries: Entries[number][] = []
  for (const prefix of LOG_PREFIXES) entries.push(...(await store.scan(prefix)))
  // reading the log takes no part in it: a key that is nobody's will do
  const key = new SigningKey(new Secret(new Uint8Array(32)))
  return viewLog(recoverLog({ genesis, key, reducer: REDUCER }, entries), 0)
}

/** The newest block in a stopped node's store; null before the first. Errors: `storage_corrupt`. */
export async function storedPosition(store: Pick<Store, 'scan'>, genesis: Genesis): Promise<Anchor | null> {
  const { tip } = await readStoredLog(store, genesis)
  return tip === null ? null : { height: tip.certificate.height, blockId: tip.certificate.blockId }
}

/** Errors: `not_enough_nodes` for a network of one: its log is in no backup, and nobody else has it. */
export function requireOthers(genesis: Genesis): void {
  if (genesis.members.length > 1) return
  const text = 'a backup holds no log, and nobody else has that of a network which one node began'
  throw new OstrakaError('not_enough_nodes', text, { needed: 2, available: 1 })
}

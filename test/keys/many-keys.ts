import { Secret, toHex, utf8 } from '../../src/base/index.ts'
import { LedgerDraft } from '../../src/control/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { type KeyRecord, keyPaths, type VersionRecord, vaultPaths } from '../../src/keys/index.ts'
import { DEFAULT_REFRESH_MS } from '../../src/wire/index.ts'
import type { CeremonyNetwork } from './ceremony-network.ts'

/**
 * Puts keys into the ledger that are like `template` in all but name and id, record for record as the reducer leaves
 * them after a creation; their ids, ascending. Dealing each of them would take a hundred times as long.
 */
export function cloneKey(network: CeremonyNetwork, template: string, count: number): Uint8Array[] {
  const key = network.key(template)
  const version = network.version(template)!
  const { chain, genesis, networkId, records } = network.ledger
  const { height, timeMs, epoch, blockId } = chain
  const draft = new LedgerDraft(records, { genesis, networkId, height, timeMs, epoch, blockId })
  const ids: Uint8Array[] = []
  for (let index = 0; index < count; index++) {
    const name = `clone-${index}`
    const keyId = sha256(utf8(name))
    putKey(draft, { ...key, name, keyId }, { ...version, keyId })
    ids.push(keyId)
  }
  network.ledger = { ...network.ledger, records: draft.records }
  return ids.sort((a, b) => (toHex(a) < toHex(b) ? -1 : 1))
}

/** The records of a key with one version. */
export function putKey(ledger: LedgerDraft, key: KeyRecord, version: VersionRecord): void {
  const { refreshMs = DEFAULT_REFRESH_MS } = ledger.genesis.timing
  ledger.put(keyPaths.keyName(key.keyId), { name: key.name })
  ledger.put(keyPaths.key(key.name), key)
  ledger.put(keyPaths.version(key.keyId, version.version), version)
  ledger.wakeAt(version.timeMs + refreshMs, `refresh/${keyPaths.version(key.keyId, version.version)}`)
}

/** Gives the nodes their shares of clones, so that they can hand them on. */
export function giveShares(network: CeremonyNetwork, template: string, ids: readonly Uint8Array[]): void {
  const { keyId, version, generation, slots } = network.version(template)!
  for (const { slot, peerId } of slots) {
    const { state } = network.node(peerId)
    const share = state.shares.get(vaultPaths.share(keyId, version, generation, slot))!
    for (const id of ids) {
      state.shares.set(vaultPaths.share(id, version, generation, slot), new Secret(share.expose().slice()))
    }
  }
}

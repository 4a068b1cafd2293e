import { equalBytes } from '../../src/base/index.ts'
import { signValue } from '../../src/crypto/index.ts'
import { recordHashOf, shareTreeRoot } from '../../src/keys/index.ts'
import {
  type Complain,
  type Deal,
  type Effect,
  type SealedShare,
  sealedDealingCodec,
} from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

type Forge = (deal: Deal, shares: readonly SealedShare[]) => { deal: Deal; shares: readonly SealedShare[] }

export interface Attack {
  readonly network: CeremonyNetwork
  readonly cheat: CeremonyNetwork['nodes'][number]
  /** What the others dealt. */
  readonly honest: Deal[]
  /** What anyone complained about. */
  readonly complaints: Complain[]
}

/** A network with a 3-of-5 key, whose last holder forges its dealing in the next ceremony. */
export function attacked(seed: string, forge: (honest: readonly Deal[]) => Forge): Attack {
  const network = new CeremonyNetwork(5, seed)
  network.create('k')
  network.run()
  const cheat = network.nodes.at(-1)!
  const honest: Deal[] = []
  const complaints: Complain[] = []
  const shares = new Map<string, readonly SealedShare[]>()
  network.tamper = (effect, node): Effect[] => {
    if (effect.type === 'submit' && effect.transaction.type === 'complain')
      complaints.push(effect.transaction)
    if (node !== cheat) {
      if (effect.type === 'submit' && effect.transaction.type === 'deal') honest.push(effect.transaction)
      return [effect]
    }
    const made = (bytes: Uint8Array): { key: Uint8Array; record: Uint8Array } | undefined => {
      const { value } = sealedDealingCodec.decode(bytes)
      const { ceremony, fromSlot } = value
      const other = shares.get(`${ceremony}/${fromSlot}`)
      if (other === undefined) return undefined
      const signed = signValue(cheat.world.identity, 'sealed-dealing', network.ledger.networkId, {
        ...value,
        shares: other,
      })
      const occasion = { ceremony, dealer: cheat.world.identity.publicKey, fromSlot }
      return { key: recordHashOf(occasion, shareTreeRoot(other)), record: sealedDealingCodec.encode(signed) }
    }
    if (effect.type === 'persist') {
      for (const { key, value } of effect.writes) {
        if (!key.startsWith('keys/record/') || value === null) continue
        const { value: sealed, signer } = sealedDealingCodec.decode(value)
        if (!equalBytes(signer, cheat.world.identity.publicKey)) continue
        const name = `${sealed.ceremony}/${sealed.fromSlot}`
        if (!shares.has(name)) shares.set(name, sealed.shares)
      }
    }
    if (effect.type === 'submit' && effect.transaction.type === 'deal') {
      const { ceremony, fromSlot } = effect.transaction
      const name = `${ceremony}/${fromSlot}`
      const forged = forge(honest.filter(deal => equalBytes(deal.ceremony, ceremony)))(
        effect.transaction,
        shares.get(name)!,
      )
      shares.set(name, forged.shares)
      return [{ type: 'submit', transaction: { ...forged.deal, root: shareTreeRoot(forged.shares) } }]
    }
    if (effect.type === 'dht-put') return [{ ...effect, ...made(effect.record) }]
    if (effect.type === 'send' && effect.message.type === 'record') {
      const record = made(effect.message.record)?.record ?? effect.message.record
      return [{ ...effect, message: { type: 'record', record } }]
    }
    return [effect]
  }
  return { network, cheat, honest, complaints }
}

export function refresh(network: CeremonyNetwork): void {
  const { policyRevision: _, ...key } = network.key('k')
  network.submit(network.principal, {
    type: 'change-key',
    nonce: network.rng.bytes(16),
    name: 'k',
    change: 'refresh',
    version: key.activeVersion,
    generation: network.version('k')!.generation,
  })
  network.run()
}

/** The shares that a cheat seals: garbage of the right length. */
export const garbage = (network: CeremonyNetwork, shares: readonly SealedShare[]): SealedShare[] =>
  shares.map(({ slot, sealed }) => ({ slot, sealed: network.rng.bytes(sealed.length) }))

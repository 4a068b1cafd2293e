import type { PeerId } from '../base/index.ts'
import type { Io } from '../io/index.ts'
import type { NodeAddress } from '../node/index.ts'
import type { Genesis } from '../wire/index.ts'

/** What this file reads of a running node. */
interface Members {
  members(): readonly NodeAddress[]
  isMember(peerId: PeerId): boolean
}

/** Whom the transport may speak with. */
export interface Membership {
  members(): Iterable<PeerId>
  isMember(peerId: PeerId): boolean
}

/**
 * The members as the control log has them. Until the node has read its log, the founders; and until it finds itself
 * among the members, also the peers that it was told to begin with: a newcomer must ask someone, and whatever it is
 * told is certified.
 */
export function membershipOf(
  genesis: Genesis,
  bootstrap: ReadonlyMap<PeerId, unknown>,
  self: PeerId,
  node: () => Members | undefined,
): Membership {
  const founders = new Set(genesis.members.map(member => member.peerId))
  const isKnown = (peerId: PeerId): boolean => node()?.isMember(peerId) ?? founders.has(peerId)
  return {
    isMember: peerId => isKnown(peerId) || (bootstrap.has(peerId) && !isKnown(self)),
    members() {
      const members = new Set(
        node()
          ?.members()
          .map(member => member.peerId) ?? founders,
      )
      return members.has(self) ? members : new Set([...members, ...bootstrap.keys()])
    },
  }
}

/** Lets the transport drop who is removed and dial who is admitted, where the log says that they listen. */
export function followMembers(
  io: Pick<Io, 'peerId' | 'membersChanged' | 'learnAddress'>,
  node: Members & { onMembers(listener: () => void): () => void },
): void {
  const known = new Map<PeerId, string>()
  const follow = (): void => {
    io.membersChanged()
    for (const { peerId, addresses } of node.members()) {
      const text = addresses.join(' ')
      if (peerId === io.peerId || text === '' || known.get(peerId) === text) continue
      known.set(peerId, text)
      io.learnAddress(peerId, addresses)
    }
  }
  node.onMembers(follow)
  follow()
}

import { OstrakaError } from '../base/index.ts'
import { edwards25519 } from './edwards25519.ts'
import type { Group, GroupName } from './group.ts'
import { ristretto255 } from './ristretto255.ts'
import { secp256k1 } from './secp256k1.ts'
import { toy } from './toy.ts'

const GROUPS: Readonly<Record<GroupName, Group>> = { edwards25519, ristretto255, secp256k1, toy }

/** The group of that name; `unsupported` for any other text. */
export function groupByName(name: string): Group {
  if (!Object.hasOwn(GROUPS, name)) throw new OstrakaError('unsupported', 'no such group', { name })
  return GROUPS[name as GroupName]
}

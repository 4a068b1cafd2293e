import type { KeyJson } from '../../src/api/index.ts'
import { isOstrakaError, OstrakaError, type Rng, Secret } from '../../src/base/index.ts'
import { SigningKey } from '../../src/crypto/index.ts'
import type { KeyKind, PolicyRule } from '../../src/wire/index.ts'
import type { Asking } from './asking.ts'
import { type AcknowledgedKey, acknowledged } from './keyring.ts'

/** Creates a key; when an answer was lost on the way, the key that it made is this one. */
export async function create(
  asking: Asking,
  name: string,
  kind: KeyKind,
  size: { readonly threshold: number; readonly shares: number },
): Promise<AcknowledgedKey> {
  const json = await asking.askPatiently(async client => {
    try {
      return await client.createKey({ name, kind, ...size })
    } catch (error) {
      // names are the load's own: only its earlier attempt can have taken this one
      if (!isOstrakaError(error, 'name_taken')) throw error
      return whenActive(await client.key(name))
    }
  })
  return acknowledged(json)
}

/** Errors: `not_ready` while the earlier attempt's ceremony goes on. */
function whenActive(key: KeyJson): KeyJson {
  if (key.state === 'active' || key.state === 'degraded') return key
  throw new OstrakaError('not_ready', `${key.name} is ${key.state}`)
}

/** Replaces the key's policy with one rule for a principal that nobody has. */
export async function setPolicy(asking: Asking, key: AcknowledgedKey, rng: Rng): Promise<void> {
  const rules: readonly PolicyRule[] = [
    { principal: new SigningKey(new Secret(rng.bytes(32))).publicKey, operations: ['sign'] },
  ]
  const revision = key.policyRevision
  const policy = await asking.askPatiently(async client => {
    try {
      return await client.setPolicy(key.name, revision, rules)
    } catch (error) {
      if (!isOstrakaError(error, 'conflict')) throw error
      const standing = await client.policy(key.name)
      if (standing.revision === revision + 1) return standing
      throw new OstrakaError('not_ready', 'this daemon has not heard of the earlier attempt')
    }
  })
  key.policyRevision = policy.revision
  key.rules = rules
}

/** Makes new shares of the key's secret. */
export async function refresh(asking: Asking, key: AcknowledgedKey): Promise<void> {
  const before = key.generation
  const json = await asking.askPatiently(async client => {
    const standing = await client.key(key.name)
    // an earlier attempt whose answer was lost
    if (standing.generation > before) return standing
    try {
      return await client.refreshKey(key.name)
    } catch (error) {
      if (!isOstrakaError(error, 'conflict')) throw error
      throw new OstrakaError('not_ready', 'the earlier attempt’s ceremony goes on')
    }
  })
  key.generation = json.generation
}

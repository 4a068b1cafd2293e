import type { Secret } from '../base/index.ts'

/** `keys/share/<key>/` or `keys/subshare/<dealing>/`. */
const SUBJECT = /^(?:[^/]*\/){3}/

/**
 * Secrets by their paths in the vault. Those of one key or one dealing are found without a look at the others: a node may
 * hold shares of 100,000 keys.
 */
export class SecretMap extends Map<string, Secret> {
  readonly #bySubject = new Map<string, Set<string>>()

  override set(path: string, secret: Secret): this {
    const subject = subjectOf(path)
    const paths = this.#bySubject.get(subject)
    if (paths === undefined) this.#bySubject.set(subject, new Set([path]))
    else paths.add(path)
    return super.set(path, secret)
  }

  override delete(path: string): boolean {
    const subject = subjectOf(path)
    const paths = this.#bySubject.get(subject)
    paths?.delete(path)
    if (paths?.size === 0) this.#bySubject.delete(subject)
    return super.delete(path)
  }

  override clear(): void {
    this.#bySubject.clear()
    super.clear()
  }

  /** The keys or dealings that there are secrets of. */
  subjects(): string[] {
    return [...this.#bySubject.keys()]
  }

  /** The paths that start with `prefix`, which names the key or the dealing at least. */
  under(prefix: string): string[] {
    return [...(this.#bySubject.get(subjectOf(prefix)) ?? [])].filter(path => path.startsWith(prefix))
  }
}

function subjectOf(path: string): string {
  const subject = SUBJECT.exec(path)?.[0]
  if (subject === undefined) throw new RangeError('a path in the vault has three segments before its last')
  return subject
}

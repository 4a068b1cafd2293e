import { isOstrakaError, type Rng, type Secret, type Store } from '../base/index.ts'
import { changeKeystore, type Logger } from '../io/index.ts'
import { claimDatabase } from '../node/index.ts'
import { type NodeSecrets, nodeFiles } from './node-directory.ts'

/** What this file reads of a daemon's options. */
interface Claimant {
  readonly dir: string
  readonly passphrase: Secret
  readonly acceptsVoteRisk?: boolean
}

/**
 * Ties keystore and database together for one more run, so that a lost or older database is noticed. A full disk keeps
 * neither from running as they are: reads go on. Errors: `storage_corrupt`, `storage_full` after a loss.
 */
export async function claim(
  options: Claimant,
  disk: { readonly store: Store; readonly rng: Rng },
  { database }: NodeSecrets,
  isAlone: boolean,
  logger: Logger,
): Promise<void> {
  const { dir, passphrase, acceptsVoteRisk = false } = options
  const { rng } = disk
  const { mark, isLost } = await claimDatabase(disk.store, database, { rng, isAlone, acceptsVoteRisk })
  const text =
    'the database is not the one that this node ran with last: it catches up before it votes or serves'
  if (isLost) logger.error({ code: 'storage_corrupt', acceptsVoteRisk }, text)
  try {
    await changeKeystore(nodeFiles(dir).keystore, passphrase, content => ({ ...content, database: mark }))
  } catch (error) {
    // the database is ahead of the keystore then, which is no loss
    if (!isOstrakaError(error, 'storage_full') || database === undefined || isLost) throw error
    logger.warn({ code: error.code }, 'this run is not marked in the keystore: the disk is full')
  }
}

import type { Command } from 'commander'
import { exampleText } from '../connection.ts'
import { print, shellWord } from '../output.ts'
import { PASSPHRASE, passphraseSources } from '../passphrases.ts'

interface BackupOptions {
  readonly dir: string
  readonly out: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

interface RestoreOptions {
  readonly dir: string
  readonly in: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

/** Under `ostraka node`. */
export function registerBackups(node: Command): void {
  node
    .command('backup')
    .description(
      'write who a stopped node is, and how far its log was, into one encrypted file; no shares, no votes',
    )
    .requiredOption('--dir <dir>', 'the node’s directory')
    .requiredOption('--out <file>', 'the backup; sealed under the keystore’s passphrase')
    .option('--passphrase-file <file>', PASSPHRASE)
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka node backup --dir /var/lib/ostraka --out node.backup']))
    .action(backUp)
  node
    .command('restore')
    .description('make a node’s directory of its backup; it catches up before it votes or uses shares')
    .requiredOption('--in <file>', 'the backup')
    .requiredOption('--dir <dir>', 'a directory that is empty or not there')
    .option('--passphrase-file <file>', PASSPHRASE)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      exampleText([
        'ostraka node restore --in node.backup --dir /var/lib/ostraka',
        'ostraka node run --dir /var/lib/ostraka',
      ]),
    )
    .action(restore)
}

async function backUp(options: BackupOptions): Promise<void> {
  const { readPassphrase } = await import('../../io/index.ts')
  const { backUpNode } = await import('../backup.ts')
  const passphrase = await readPassphrase(passphraseSources(options.passphraseFile, 'Passphrase: '))
  const { dir, out } = options
  const made = await backUpNode(dir, out, passphrase, Date.now()).finally(() => passphrase.wipe())
  print({ ...made, out }, options.json, () => [
    `${out} holds ${made.peerId} as of height ${made.height}, without shares and votes`,
  ])
}

async function restore(options: RestoreOptions): Promise<void> {
  const { readPassphrase, SystemRng } = await import('../../io/index.ts')
  const { restoreNode } = await import('../backup.ts')
  const passphrase = await readPassphrase(passphraseSources(options.passphraseFile, 'Passphrase: '))
  const { dir, in: file } = options
  const made = await restoreNode(file, dir, passphrase, new SystemRng()).finally(() => passphrase.wipe())
  print({ ...made, dir }, options.json, () => [
    `${made.peerId} is restored in ${dir}: now run ostraka node run --dir ${shellWord(dir)}; never both it and the old one`,
  ])
}

import type { Command } from 'commander'
import { exampleText } from '../connection.ts'
import { print } from '../output.ts'
import { VERSION } from '../software.ts'

export function registerVersion(program: Command): void {
  program
    .command('version')
    .description('this program’s version, and what it runs on')
    .option('--json', 'print JSON')
    .addHelpText('after', exampleText(['ostraka version']))
    .action(({ json }: { readonly json?: boolean }) => {
      const told = {
        version: VERSION,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
      }
      print(told, json, () => [`ostraka ${VERSION}, Node ${process.version}, ${told.platform}`])
    })
}

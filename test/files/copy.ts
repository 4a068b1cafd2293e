import * as files from '../../src/files/index.ts'

/** A program of its own for what happens between processes: `copy.ts HOW IN OUT`. */
const [how, from, to] = process.argv.slice(2) as [
  'secret' | 'public' | 'replace' | 'new' | 'small',
  string,
  string,
]
if (how === 'secret') await files.writeStream(to, files.openInput(from))
else if (how === 'replace') await files.replaceFile(to, files.openInput(from))
else if (how === 'public') await files.writeWhole(to, await files.readWhole(from, 1024))
else if (how === 'new') files.writeNew(to, files.readSmallFile(from))
else process.stdout.write(files.readSmallFile(from, Number(to)))

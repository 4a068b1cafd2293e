#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { beginAsDaemon, compileCacheDir } from './runtime.ts'

const [, , command, subcommand] = process.argv
if (command === 'node' && subcommand === 'run') beginAsDaemon()
// commands are short: stripping types and compiling anew on each start would be most of their time
const cache = compileCacheDir()
if (cache !== undefined) enableCompileCache(cache)
const { run } = await import('./program.ts')
await run(process.argv)

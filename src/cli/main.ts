#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { beginAsDaemon, compileCacheDir } from './runtime.ts'

const [, , command, subcommand] = process.argv
if (command === 'node' && subcommand === 'run') beginAsDaemon()
// commands are short: stripping types and compiling anew on each start would be most of their time
const cache = compileCacheDir()
if (cache !== undefined) enableCompileCache(cache)
const { endUncaught, run } = await import('./program.ts')
process.on('uncaughtException', endUncaught)
await run(process.argv)

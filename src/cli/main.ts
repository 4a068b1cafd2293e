#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// commands are short: stripping types and compiling anew on each start would be most of their time
enableCompileCache()
const { run } = await import('./program.ts')
await run(process.argv)

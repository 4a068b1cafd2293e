#!/usr/bin/env node
// Starts the command line: the compiled program where there is one (`npm run build`, and every installed package), else the
// sources, whose types Node strips. Git and editors wait for it: it does as little as it can.
'use strict'
const { existsSync, readdirSync, statSync } = require('node:fs')
const { enableCompileCache } = require('node:module')
const { homedir } = require('node:os')
const { isAbsolute, join } = require('node:path')

const SOURCES = join(__dirname, '../src')
const BUNDLE = join(__dirname, '../dist/cli/ostraka.cjs')

/** Whether a source has changed since the build: nobody should run an old program without knowing. */
function isStale() {
  if (!existsSync(SOURCES)) return false
  const builtMs = statSync(BUNDLE).mtimeMs
  return readdirSync(SOURCES, { recursive: true }).some(
    file => statSync(join(SOURCES, file)).mtimeMs > builtMs,
  )
}

/** As `compileCacheDir` of src/cli/runtime.ts: a cache that is enabled later does not hold the bundle. */
function cacheDir() {
  const { XDG_CACHE_HOME: cacheHome } = process.env
  if (cacheHome !== undefined && isAbsolute(cacheHome)) return join(cacheHome, 'ostraka')
  try {
    return join(homedir(), '.cache', 'ostraka')
  } catch {
    return undefined
  }
}

/** Where a package beside this one holds the Node that nodes need; undefined on platforms that it has none for. */
function ownNode() {
  try {
    return require.resolve(`node-${process.platform}-${process.arch}/bin/node`)
  } catch {
    return undefined
  }
}

/** Runs on another Node, as if this one were it: `npm install --global` leaves the choice to the host's PATH. */
function runOn(node) {
  const { spawn } = require('node:child_process')
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.once('exit', code => {
    process.exitCode = code ?? 1
  })
}

function start() {
  if (process.argv.length === 3 && ['--version', '-V'].includes(process.argv[2])) {
    process.stdout.write(`${require('../package.json').version}\n`)
    return
  }
  // libp2p and types in the sources want a newer Node than this
  const node = enableCompileCache === undefined ? ownNode() : undefined
  if (node !== undefined) {
    runOn(node)
    return
  }
  const cache = cacheDir()
  if (cache !== undefined) enableCompileCache?.(cache)
  if (existsSync(BUNDLE) && !isStale()) require(BUNDLE)
  else import('../src/cli/main.ts')
}

start()

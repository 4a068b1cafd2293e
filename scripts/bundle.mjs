import { posix, relative, resolve } from 'node:path'
import { build } from 'esbuild'
import * as secp256k1 from 'tiny-secp256k1'

const ROOT = resolve(import.meta.dirname, '..')

/** In the folder of the compiled command line: what the bundle leaves out lies beside it. */
const OUT = 'dist/cli/ostraka.cjs'

/** What a daemon is made of. A client that imports it statically is a mistake; what it imports when called stays outside. */
const OUTSIDE =
  /^src\/(?:io|node|sim)\/|^src\/api\/server\.ts$|^src\/cli\/(?:main|attestor|audit-verify|backup|daemon|founding|testnet\/(?:adding|index|layout))\.ts$/

/**
 * Modules that come compiled to WebAssembly, each as what stands for it in the bundle: nine tenths of what a start would cost, and
 * most commands leave cryptography to the daemon. The module itself stays in node_modules and is loaded when it is first used.
 */
const WHEN_USED = {
  'libsodium-wrappers-sumo': `
    const load = () => require('libsodium-wrappers-sumo')
    const ready = { then: (done, failed) => load().ready.then(done, failed) }
    module.exports = new Proxy({}, { get: (_, name) => (name === 'ready' ? ready : load()[name]) })`,
  'tiny-secp256k1': Object.keys(secp256k1)
    .map(name => `exports.${name} = (...args) => require('tiny-secp256k1').${name}(...args)`)
    .join('\n'),
}

const loadWhenUsed = {
  name: 'load WebAssembly when it is used',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(?:${Object.keys(WHEN_USED).join('|')})$`)
    onResolve({ filter }, ({ path, namespace }) =>
      namespace === 'when-used' ? { path, external: true } : { path, namespace: 'when-used' },
    )
    onLoad({ filter: /.*/, namespace: 'when-used' }, ({ path }) => ({ contents: WHEN_USED[path] }))
  },
}

const leaveOutside = {
  name: 'leave what a daemon is made of outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir, importer, kind }) => {
      const file = relative(ROOT, resolve(resolveDir, path)).replaceAll('\\', '/')
      if (!OUTSIDE.test(file)) return undefined
      if (kind !== 'dynamic-import')
        return { errors: [{ text: `${relative(ROOT, importer)} brings ${file} into the client's bundle` }] }
      const compiled = file.replace(/^src/, 'dist').replace(/\.ts$/, '.js')
      const beside = posix.relative(posix.dirname(OUT), compiled)
      return { path: beside.startsWith('.') ? beside : `./${beside}`, external: true }
    })
  },
}

// One file, because a start costs what Node must find, read and compile. The modules in it run when they are first imported.
// An argument names another file than the usual one; it belongs two folders under package.json, as the compiled tree does.
await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/cli/bundle.ts'],
  outfile: process.argv[2] ?? OUT,
  bundle: true,
  platform: 'node',
  // CommonJS loads faster than modules, and what stays outside only where it is used
  format: 'cjs',
  target: 'node20.19',
  plugins: [leaveOutside, loadWhenUsed],
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href" },
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
})

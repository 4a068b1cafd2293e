import type { Mutant } from './mutant-list.ts'

/** Of the doors to the host: HTTP, invites, files, terminals. */
export const HOST_MUTANTS: readonly Mutant[] = [
  {
    name: 'HTTP: reads need no credential',
    file: 'src/api/guard.ts',
    find: '      if (isSelfSigned(request, route) || (route.showsKey === true && isPublicKey(port, key))) return\n',
    replace: '      return\n',
    specs: ['test/api/guard.spec.ts'],
  },
  {
    name: 'HTTP: a rebound name is served',
    file: 'src/api/guard.ts',
    find: '      requireOwnHost(browser, socket.localAddress, this.#options.hosts)\n',
    replace: '',
    specs: ['test/api/guard.spec.ts'],
  },
  {
    name: 'HTTP: nobody is asked to slow down',
    file: 'src/api/rates.ts',
    find: '    if (bucket.tokens < 1) throw overloaded(Math.ceil(((1 - bucket.tokens) * 1000) / perSecond))\n',
    replace: '',
    specs: ['test/api/guard.spec.ts'],
  },
  {
    name: 'HTTP: a signed read is good for any path',
    file: 'src/api/auth.ts',
    find: '  if (request.method !== method || request.target !== target) {',
    replace: '  if (false) {',
    specs: ['test/api/guard.spec.ts'],
  },
  {
    name: 'HTTP: a body may have a name twice',
    file: 'src/base/json.ts',
    find: '  if (names.has(name)) {',
    replace: '  if (false) {',
    specs: ['test/base/json.spec.ts'],
  },
  {
    name: 'HTTP: a wrong method is no such route',
    file: 'src/api/refusals.ts',
    find: '    if (allow.length === 0) return',
    replace: '    if (allow.length >= 0) return',
    specs: ['test/api/conformance.spec.ts'],
  },
  {
    name: 'base64: what does not decode exactly is taken',
    file: 'src/base/base64.ts',
    find: '  if (canonical === text) return new Uint8Array(bytes)\n',
    replace: '  if (bytes.length >= 0) return new Uint8Array(bytes)\n',
    specs: ['test/base/bytes.spec.ts', 'test/cli/cctv-age.spec.ts'],
  },
  {
    name: 'age: a file’s author sets how much the network works',
    file: 'src/cli/age/trials.ts',
    find: '        if (tried + batch.length > MAX_TRIALS) throw tooMany(trials.length, this.#identities.length)\n',
    replace: '',
    specs: ['test/cli/rewrap.spec.ts'],
  },
  {
    name: 'testnet: a directory without a marker is cleared',
    file: 'src/cli/testnet/marker.ts',
    find: '    requireTestnet(dir)\n    removeMade(dir)\n',
    replace: '    rmSync(dir, { recursive: true })\n    mkdirSync(dir)\n',
    specs: ['test/cli/testnet-marker.spec.ts'],
  },
  {
    name: 'logs: peers’ texts reach the terminal raw',
    file: 'src/io/logger.ts',
    find: '  return `${visible([clock',
    replace: '  return `${String([clock',
    specs: ['test/io/logger.spec.ts'],
  },
  {
    name: 'passphrase: a daemon keeps it in its environment',
    file: 'src/cli/runtime.ts',
    find: '  const isShown = process.env[PASSPHRASE_VARIABLE] !== undefined\n',
    replace: '  const isShown = false\n',
    specs: ['test/e2e/by-hand.spec.ts'],
  },
  {
    name: 'joining: whoever has seen an invite used may use it',
    file: 'src/control/membership.ts',
    find: '  checkAcceptance(ledger, transaction, peerId)\n',
    replace: '',
    specs: ['test/control/membership.spec.ts'],
  },
]

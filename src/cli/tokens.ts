import { createToken, PrincipalVault, principalNamed, readPrincipalSeed } from '../api/index.ts'
import { peerIdOf, toBase64 } from '../base/index.ts'
import { isReadable } from '../files/index.ts'
import { nodeFiles, openNode } from './node-directory.ts'

/** The word that names the node's own principal. */
const OWN = 'node'

export interface TokenRequest {
  readonly dir: string
  /** `node`, a principal file, or a public key whose seed the node holds already. */
  readonly principal: string
  readonly ttlMs: number
  readonly passphraseFile?: string
}

export interface IssuedToken {
  readonly token: string
  readonly principal: string
  readonly expires: string
  readonly node: string
}

/**
 * Makes a token of one node. A principal file's seed is sealed into the node's directory, which needs the node's
 * passphrase; a running daemon takes both up by itself. Errors: `wrong_passphrase`, `unauthorized`, `malformed`.
 */
export async function issueToken(request: TokenRequest): Promise<IssuedToken> {
  const { readPassphrase, SystemRng } = await import('../io/index.ts')
  const passphrase = await readPassphrase({
    file: request.passphraseFile,
    env: process.env,
    prompt: {
      question: `Passphrase of ${request.dir}: `,
      terminal: { input: process.stdin, output: process.stderr },
    },
  })
  const files = nodeFiles(request.dir)
  const { identity, identitySeed, storageKey } = await openNode(request.dir, passphrase)
  passphrase.wipe()
  const vault = new PrincipalVault(files.principals, storageKey)
  // a node lends its own principal as any other: the seed is in the vault once a token for it exists
  let principal = identity.publicKey
  if (request.principal === OWN) vault.add(identitySeed, new SystemRng())
  else if (isReadable(request.principal)) {
    const seed = readPrincipalSeed(request.principal)
    principal = vault.add(seed, new SystemRng())
    seed.wipe()
  } else {
    principal = await principalNamed(request.principal)
    vault.signingKeyOf(principal)
  }
  identitySeed.wipe()
  storageKey.wipe()
  const nowMs = Date.now()
  const token = createToken(files.tokens, principal, request.ttlMs, nowMs)
  return {
    token,
    principal: toBase64(principal),
    expires: new Date(nowMs + request.ttlMs).toISOString(),
    node: peerIdOf(identity.publicKey),
  }
}

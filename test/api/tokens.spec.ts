import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createToken,
  PrincipalVault,
  principalNamed,
  readPrincipal,
  TokenRegister,
  writePrincipal,
} from '../../src/api/index.ts'
import { Secret, SeededRng, toBase64, toHex } from '../../src/base/index.ts'
import { cryptoReady, SigningKey } from '../../src/crypto/index.ts'

describe('tokens and principals', () => {
  const rng = new SeededRng('tokens')
  const principal = new Uint8Array(32).fill(3)
  let dir: string

  before(() => cryptoReady)
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-tokens-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('a token file holds no token, and only its owner reads it', () => {
    const path = join(dir, 'tokens.json')
    const token = createToken(path, principal, 1000, 0)
    assert.ok(!readFileSync(path, 'utf8').includes(token))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(new TokenRegister(path).principalOf(token, 999), principal)
  })

  it('a token ends with its time to live, and its file forgets it', () => {
    const path = join(dir, 'tokens.json')
    const token = createToken(path, principal, 1000, 0)
    assert.throws(() => new TokenRegister(path).principalOf(token, 1000), { code: 'unauthorized' })
    createToken(path, principal, 1000, 2000)
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { tokens: unknown[] }).tokens.length, 1)
  })

  it('a running register sees tokens that come and go', () => {
    const path = join(dir, 'tokens.json')
    const register = new TokenRegister(path)
    assert.throws(() => register.principalOf('ost_x', 0), { code: 'unauthorized' })
    const token = createToken(path, principal, 100_000, 0)
    assert.deepEqual(register.principalOf(token, 5000), principal)
    rmSync(path)
    assert.throws(() => register.principalOf(token, 10_000), { code: 'unauthorized' })
  })

  it('a token file that cannot be read keeps no revoked token alive', () => {
    const path = join(dir, 'tokens.json')
    const token = createToken(path, principal, 100_000, 0)
    const register = new TokenRegister(path)
    assert.deepEqual(register.principalOf(token, 0), principal)
    writeFileSync(path, '{"tokens": [')
    utimesSync(path, 1, 1)
    assert.throws(() => register.principalOf(token, 5000), { code: 'internal' })
    assert.throws(() => register.principalOf(token, 5500), { code: 'unauthorized' })
    assert.throws(() => register.principalOf(token, 10_000), { code: 'internal' })
    rmSync(path)
    const fresh = createToken(path, principal, 100_000, 0)
    assert.deepEqual(register.principalOf(fresh, 15_000), principal)
  })

  it('a principal file gives its key back, and refuses to be overwritten', async () => {
    const path = join(dir, 'p.json')
    const seed = new Secret(rng.bytes(32))
    const { publicKey } = writePrincipal(path, seed)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(readPrincipal(path).publicKey, publicKey)
    assert.throws(() => writePrincipal(path, seed), { code: 'conflict' })
    for (const name of [path, toHex(publicKey), toBase64(publicKey)]) {
      assert.deepEqual(await principalNamed(name), publicKey)
    }
    await assert.rejects(principalNamed('nobody'), { code: 'malformed' })
  })

  it('a vault lends what was put into it, and nobody else can read the seed', () => {
    const seed = new Secret(rng.bytes(32))
    const storageKey = new Secret(rng.bytes(32))
    const publicKey = new PrincipalVault(dir, storageKey).add(seed, rng)
    const again = new PrincipalVault(dir, storageKey).signingKeyOf(publicKey)
    assert.deepEqual(again.publicKey, new SigningKey(seed).publicKey)
    const text = readFileSync(join(dir, `${toHex(publicKey)}.json`), 'utf8')
    assert.ok(!text.includes(toBase64(seed.expose())))
    const other = new PrincipalVault(dir, new Secret(rng.bytes(32)))
    assert.throws(() => other.signingKeyOf(publicKey), { code: 'storage_corrupt' })
    assert.throws(() => other.signingKeyOf(principal), { code: 'unauthorized' })
  })
})

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { schnorr } from '@noble/curves/secp256k1.js'
import { runCli, runHere } from './running.ts'

describe('verify (issue 10, item 17)', function () {
  this.timeout(90_000)

  let dir: string

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'ostraka-verify-'))
  })
  after(() => rmSync(dir, { recursive: true }))

  const file = (name: string, bytes: string | Uint8Array): string => {
    writeFileSync(join(dir, name), bytes)
    return join(dir, name)
  }

  it('knows good signatures of both kinds from bad ones, offline', async () => {
    const message = Buffer.from('a release')
    const signed = file('message', message)
    const ed25519 = generateKeyPairSync('ed25519')
    const edKey = ed25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
    const secret = new Uint8Array(32).fill(9)
    for (const [kind, publicKey, signature] of [
      ['ed25519', edKey, sign(null, message, ed25519.privateKey)],
      ['secp256k1', schnorr.getPublicKey(secret), schnorr.sign(message, secret)],
    ] as const) {
      const made = file('signature', signature)
      const forms = [
        publicKey,
        Buffer.from(publicKey).toString('hex'),
        `${Buffer.from(publicKey).toString('base64')}\n`,
      ]
      const verify = (path: string, key: string | Uint8Array, ...more: string[]) =>
        runHere([
          'verify',
          'k',
          path,
          '--signature',
          made,
          '--public-key',
          file('key', key),
          '--json',
          ...more,
        ])
      const { write } = process.stdout
      process.stdout.write = () => true
      try {
        for (const form of forms) assert.equal((await verify(signed, form)).status, 0)
        assert.equal((await verify(signed, publicKey, '--kind', kind)).status, 0)
        const other = kind === 'ed25519' ? 'secp256k1' : 'ed25519'
        assert.equal((await verify(signed, publicKey, '--kind', other)).status, 3)
      } finally {
        process.stdout.write = write
      }
      const changed = await verify(file('changed', 'another release'), publicKey)
      assert.deepEqual([changed.status, JSON.parse(changed.stderr).code], [3, 'bad_signature'])
      assert.equal((await verify(signed, 'no key')).status, 1)
    }
    const { status, stdout } = await runCli([
      ...['verify', 'k', signed, '--signature', join(dir, 'signature')],
      ...['--public-key', file('key', schnorr.getPublicKey(secret))],
    ])
    assert.equal(status, 0)
    assert.match(stdout, /^valid: k, secp256k1, public key /)
  })
})

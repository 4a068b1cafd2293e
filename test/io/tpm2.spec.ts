import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, isOstrakaError, toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { measurePlatform, Tpm2Attestor } from '../../src/io/index.ts'
import { platformMeasurement, verifyQuote } from '../../src/trust/index.ts'
import { readAttestationKey } from '../../src/trust/tpm-structures.ts'
import type { Tpm2Evidence } from '../../src/wire/index.ts'
import { SoftwareTpm, whyNoTpm } from './swtpm.ts'

const program = { measure: async () => sha256(utf8('program')) }
const challenge = sha256(utf8('challenge'))

describe('the tpm2 attestor over a software TPM', function () {
  this.timeout(60_000)
  let tpm: SoftwareTpm
  let keyFile: string

  before(async function () {
    const missing = whyNoTpm()
    if (missing !== undefined) {
      console.log(`      SKIPPED: ${missing}`)
      return this.skip()
    }
    tpm = await SoftwareTpm.start()
    keyFile = join(tpm.directory, 'tpm2.json')
  })

  after(() => tpm?.stop())

  const attestor = (more: { readonly pcrs?: readonly number[] } = {}): Tpm2Attestor =>
    new Tpm2Attestor({ program, keyFile, tcti: tpm.tcti, ...more })

  /** Whether tpm2_checkquote takes it: an implementation that is not ours. */
  const theirVerdict = (evidence: Tpm2Evidence, over: Uint8Array): boolean => {
    const key = readAttestationKey(evidence.attestationKey)
    assert.equal(key.type, 'ecdsa-p256')
    const { x, y } = key as { readonly x: Uint8Array; readonly y: Uint8Array }
    const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
    const jwk = { kty: 'EC', crv: 'P-256', x: base64url(x), y: base64url(y) }
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    writeFileSync(join(tpm.directory, 'key.pem'), pem)
    writeFileSync(join(tpm.directory, 'quote'), evidence.quote)
    writeFileSync(join(tpm.directory, 'signature'), evidence.signature)
    const files = ['-u', 'key.pem', '-m', 'quote', '-s', 'signature', '-g', 'sha256', '-q', toHex(over)]
    return tpm.run('tpm2_checkquote', ...files).status === 0
  }

  const ourVerdict = (evidence: Tpm2Evidence, over: Uint8Array): boolean => {
    try {
      verifyQuote(evidence, over)
      return true
    } catch (error) {
      assert.ok(isOstrakaError(error, 'bad_attestation') || isOstrakaError(error, 'malformed'), String(error))
      return false
    }
  }

  it('quotes what the PCRs hold, over the challenge, and tpm2_checkquote agrees', async () => {
    const evidence = await attestor().attest(challenge)
    const quote = verifyQuote(evidence, challenge)
    assert.deepEqual(quote.pcrs, [0, 2, 4, 7])
    const { measurement } = await measurePlatform(undefined, tpm.tcti)
    assert.deepEqual(platformMeasurement(quote.selection, quote.pcrDigest), measurement)
    assert.ok(theirVerdict(evidence, challenge))
  })

  it('decides as tpm2_checkquote does, whatever byte is changed', async () => {
    const evidence = await attestor().attest(challenge)
    const other = sha256(utf8('other'))
    assert.deepEqual([ourVerdict(evidence, other), theirVerdict(evidence, other)], [false, false])
    for (const field of ['quote', 'signature'] as const) {
      for (let at = 0; at < evidence[field].length; at += 7) {
        const changed = evidence[field].slice()
        changed[at]! ^= 0x40
        const bad = { ...evidence, [field]: changed }
        assert.equal(ourVerdict(bad, challenge), false, `${field} byte ${at}`)
        assert.equal(theirVerdict(bad, challenge), false, `${field} byte ${at}, by tpm2_checkquote`)
      }
    }
  })

  it('a host that boots something else measures otherwise, under the same key', async () => {
    const before = await attestor().attest(challenge)
    const platform = (await measurePlatform(undefined, tpm.tcti)).measurement
    tpm.extend(4, toHex(sha256(utf8('another boot loader'))))
    const after = await attestor().attest(challenge)
    assert.deepEqual(after.attestationKey, before.attestationKey)
    const { selection, pcrDigest } = verifyQuote(after, challenge)
    assert.notDeepEqual(platformMeasurement(selection, pcrDigest), platform)
  })

  it('asks for the PCRs that it is told to', async () => {
    const quote = verifyQuote(await attestor({ pcrs: [23] }).attest(challenge), challenge)
    assert.deepEqual(quote.pcrs, [23])
    const { values } = await measurePlatform([23, 0, 23], tpm.tcti)
    assert.deepEqual([...values.keys()], [0, 23])
  })

  it('leaves nothing transient in the TPM, and takes requests that come at once in turn', async () => {
    const one = attestor()
    const quotes = await Promise.all([1, 2, 3, 4].map(fill => one.attest(new Uint8Array(32).fill(fill))))
    for (const [at, evidence] of quotes.entries()) verifyQuote(evidence, new Uint8Array(32).fill(at + 1))
    assert.equal(tpm.run('tpm2_getcap', 'handles-transient').stdout, '')
    assert.equal(tpm.run('tpm2_getcap', 'handles-loaded-session').stdout, '')
    const handle = fromHex(JSON.parse(readFileSync(keyFile, 'utf8')).handle.slice(2))
    assert.equal(tpm.run('tpm2_getcap', 'handles-persistent').stdout, `- 0x${toHex(handle).toUpperCase()}\n`)
  })

  it('keeps no key in the TPM that it cannot note, as on a full disk', async () => {
    const before = tpm.run('tpm2_getcap', 'handles-persistent').stdout
    const nowhere = join(tpm.directory, 'no such directory', 'tpm2.json')
    const forgetful = new Tpm2Attestor({ program, keyFile: nowhere, tcti: tpm.tcti })
    await assert.rejects(forgetful.attest(challenge), { code: 'ENOENT' })
    assert.equal(tpm.run('tpm2_getcap', 'handles-persistent').stdout, before)
  })

  it('a TPM that has lost the key, and one that is not there, are told apart from a bad quote', async () => {
    const { handle } = JSON.parse(readFileSync(keyFile, 'utf8'))
    assert.equal(tpm.run('tpm2_evictcontrol', '-C', 'o', '-c', handle).status, 0)
    await assert.rejects(attestor().attest(challenge), error => {
      assert.ok(isOstrakaError(error, 'unreachable'))
      assert.match(error.message, /cleared or replaced/)
      return true
    })
    const nowhere = new Tpm2Attestor({
      program,
      keyFile: `${keyFile}.2`,
      tcti: 'swtpm:host=127.0.0.1,port=1',
    })
    await assert.rejects(nowhere.attest(challenge), error => isOstrakaError(error, 'unreachable'))
    assert.ok(!existsSync(`${keyFile}.2`))
  })
})

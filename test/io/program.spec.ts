import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { concat, fromHex, isOstrakaError, toHex, utf8 } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { MeasuredAttestor, measureProgram } from '../../src/io/index.ts'

describe('the measurement of an installed program', () => {
  let root: string

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'ostraka-program-'))
    mkdirSync(join(root, 'src', 'inner'), { recursive: true })
    writeFileSync(join(root, 'package.json'), '{"version":"1.0.0"}')
    writeFileSync(join(root, 'src', 'main.ts'), 'main')
    writeFileSync(join(root, 'src', 'inner', 'part.ts'), 'part')
    writeFileSync(join(root, 'node'), 'runtime')
  })

  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const measure = async (at = root): Promise<string> => {
    const { measurement } = await measureProgram({ root: at, code: 'src', runtime: join(at, 'node') })
    return toHex(measurement)
  }

  it('is the RFC 6962 root over paths and hashes, computed by hand', async () => {
    const leaf = (path: string, content: string): Uint8Array => {
      // { hash: bytes(32), path: text }, keys in dag-cbor's order: by length, then by bytes
      const name = utf8(path)
      const text = concat(new Uint8Array([0x60 + name.length]), name)
      const hash = concat(fromHex('5820'), sha256(utf8(content)))
      const map = concat(fromHex('a2'), fromHex('64'), utf8('hash'), hash, fromHex('64'), utf8('path'), text)
      return sha256(new Uint8Array([0]), map)
    }
    const node = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(new Uint8Array([1]), left, right)
    const expected = node(
      node(leaf('package.json', '{"version":"1.0.0"}'), leaf('src/inner/part.ts', 'part')),
      node(leaf('src/main.ts', 'main'), leaf('runtime', 'runtime')),
    )
    assert.equal(await measure(), toHex(expected))
  })

  it('is the same wherever the program lies, and whenever its files were written', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'ostraka-copy-'))
    cpSync(root, copy, { recursive: true })
    assert.equal(await measure(copy), await measure())
    rmSync(copy, { recursive: true })
  })

  it('is another one when a byte, a name, a version, the lockfile or the runtime is another one', async () => {
    const seen = new Set([await measure()])
    const changes: (() => void)[] = [
      () => writeFileSync(join(root, 'src', 'inner', 'part.ts'), 'pars'),
      () => writeFileSync(join(root, 'src', 'inner', 'another.ts'), ''),
      () => writeFileSync(join(root, 'package.json'), '{"version":"1.0.1"}'),
      () => writeFileSync(join(root, 'package-lock.json'), '{}'),
      () => writeFileSync(join(root, 'node'), 'another runtime'),
    ]
    for (const change of changes) {
      change()
      seen.add(await measure())
    }
    assert.equal(seen.size, changes.length + 1)
  })

  it('refuses code that stands elsewhere', async () => {
    symlinkSync('/etc/hostname', join(root, 'src', 'link.ts'))
    await assert.rejects(measure(), error => isOstrakaError(error, 'unsupported'))
  })

  it('is taken once: what changes on the disk of a running process is not what runs', async () => {
    const attestor = new MeasuredAttestor({ root, code: 'src', runtime: join(root, 'node') })
    const before = await attestor.measure()
    writeFileSync(join(root, 'src', 'main.ts'), 'changed')
    assert.deepEqual(await attestor.attest(), { type: 'measured', program: before })
    const restarted = new MeasuredAttestor({ root, code: 'src', runtime: join(root, 'node') })
    assert.notDeepEqual(await restarted.measure(), before)
  })

  it('of this very program is found without being told where it is', async () => {
    const attestor = new MeasuredAttestor()
    assert.equal((await attestor.measure()).length, 32)
  })
})

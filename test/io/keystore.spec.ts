import assert from 'node:assert/strict'
import { fstatSync, openSync } from 'node:fs'
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Secret } from '../../src/base/index.ts'
import {
  createKeystore,
  type KeystoreContent,
  LOWEST_COST,
  openKeystore,
  readPassphrase,
  saveKeystore,
} from '../../src/io/index.ts'
import type { Terminal } from '../../src/io/passphrase.ts'
import { bytesOf, failsWith } from './contracts/world.ts'
import { temporaryDirectory } from './network.ts'

const secret = (text: string): Secret => new Secret(bytesOf(text))
const exposed = (value: Secret | undefined): string => Buffer.from(value?.expose() ?? []).toString('utf8')

const content: KeystoreContent = {
  identitySeed: new Secret(new Uint8Array(32).fill(0x61)),
  storageKey: new Secret(new Uint8Array(32).fill(0x62)),
  principals: [{ name: 'operator', seed: new Secret(new Uint8Array(32).fill(0x63)) }],
  tokens: [{ name: 'local', token: secret('a-bearer-token') }],
}

describe('keystore', () => {
  let directory: string
  let path: string
  beforeEach(async () => {
    directory = await temporaryDirectory()
    path = join(directory, 'keystore.json')
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('is written over what a crash left of an earlier attempt', async () => {
    await writeFile(`${path}.${process.pid}.tmp`, 'half a keystore')
    await createKeystore(path, secret('correct horse'), content, LOWEST_COST)
    assert.equal(exposed((await openKeystore(path, secret('correct horse'))).identitySeed), 'a'.repeat(32))
    assert.deepEqual(await readdir(directory), ['keystore.json'])
  })

  it('returns what it was given, to the right passphrase', async () => {
    await createKeystore(path, secret('correct horse'), content, LOWEST_COST)
    const opened = await openKeystore(path, secret('correct horse'))
    assert.equal(exposed(opened.identitySeed), 'a'.repeat(32))
    assert.equal(exposed(opened.storageKey), 'b'.repeat(32))
    assert.deepEqual(
      opened.principals.map(({ name, seed }) => [name, exposed(seed)]),
      [['operator', 'c'.repeat(32)]],
    )
    assert.deepEqual(
      opened.tokens?.map(({ name, token }) => [name, exposed(token)]),
      [['local', 'a-bearer-token']],
    )
  })

  it('refuses a wrong passphrase, and a file that was changed anywhere', async () => {
    await createKeystore(path, secret('correct horse'), content, LOWEST_COST)
    await failsWith(openKeystore(path, secret('incorrect horse')), 'wrong_passphrase')
    const file = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...file, kdf: { ...file.kdf, n: file.kdf.n * 2 } }))
    await failsWith(openKeystore(path, secret('correct horse')), 'wrong_passphrase')
    const flipped = Buffer.from(file.ciphertext, 'base64')
    flipped[0] = (flipped[0] ?? 0) ^ 1
    await writeFile(path, JSON.stringify({ ...file, ciphertext: flipped.toString('base64') }))
    await failsWith(openKeystore(path, secret('correct horse')), 'wrong_passphrase')
  })

  it('is readable by its owner only, and shows nothing', async () => {
    await createKeystore(path, secret('correct horse'), content, LOWEST_COST)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    const text = await readFile(path, 'utf8')
    for (const clear of ['aaaa', 'operator', 'bearer']) assert.ok(!text.includes(clear))
    assert.deepEqual(await readdir(directory), ['keystore.json'])
  })

  it('is not overwritten by creation, but replaced when saved', async () => {
    await createKeystore(path, secret('first'), content, LOWEST_COST)
    await failsWith(createKeystore(path, secret('second'), content, LOWEST_COST), 'conflict')
    await saveKeystore(path, secret('second'), { ...content, principals: [] }, LOWEST_COST)
    await failsWith(openKeystore(path, secret('first')), 'wrong_passphrase')
    assert.deepEqual((await openKeystore(path, secret('second'))).principals, [])
  })

  it('refuses costs below the floor and above reason, on either side', async () => {
    for (const cost of [
      { n: 2 ** 11, r: 8, p: 1 },
      { n: 2 ** 12 + 1, r: 8, p: 1 },
      { n: 2 ** 12, r: 1, p: 1 },
      { n: 2 ** 30, r: 8, p: 1 },
    ]) {
      await failsWith(saveKeystore(path, secret('x'), content, cost), 'malformed')
    }
    await createKeystore(path, secret('x'), content, LOWEST_COST)
    const file = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...file, kdf: { ...file.kdf, n: 2 ** 30 } }))
    await failsWith(openKeystore(path, secret('x')), 'malformed')
  })

  it('tells a missing file from one that is no keystore', async () => {
    await failsWith(openKeystore(path, secret('x')), 'not_found')
    await writeFile(path, '{}')
    await failsWith(openKeystore(path, secret('x')), 'malformed')
  })
})

describe('readPassphrase', () => {
  it('takes a file before the environment, without its last line break', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'passphrase')
    await writeFile(file, 'from the file \r\n')
    const env = { OSTRAKA_PASSPHRASE: 'from the environment' }
    assert.equal(exposed(await readPassphrase({ file, env })), 'from the file ')
    await writeFile(file, '\n')
    await failsWith(readPassphrase({ file }), 'malformed')
    await rm(directory, { recursive: true })
    await failsWith(readPassphrase({ file }), 'not_found')
  })

  it('takes the environment’s, and removes it from there', async () => {
    const env: Record<string, string | undefined> = { OSTRAKA_PASSPHRASE: 'from the environment' }
    assert.equal(exposed(await readPassphrase({ env })), 'from the environment')
    assert.deepEqual(env, {})
    await failsWith(readPassphrase({ env }), 'not_found')
  })

  it('takes systemd’s credential before what the environment shows, and a file that is named before both', async () => {
    const directory = await temporaryDirectory()
    const env = { CREDENTIALS_DIRECTORY: directory, OSTRAKA_PASSPHRASE: 'from the environment' }
    assert.equal(exposed(await readPassphrase({ env: { ...env } })), 'from the environment')
    await writeFile(join(directory, 'passphrase'), 'from the credential\n')
    assert.equal(exposed(await readPassphrase({ env: { ...env } })), 'from the credential')
    await writeFile(join(directory, 'named'), 'from the file')
    const file = join(directory, 'named')
    assert.equal(exposed(await readPassphrase({ file, env: { ...env } })), 'from the file')
    await rm(directory, { recursive: true })
  })

  it('takes an inherited descriptor’s to its end, and closes it', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'inherited')
    await writeFile(path, 'from the descriptor\n')
    const descriptor = openSync(path, 'r')
    const env = { OSTRAKA_PASSPHRASE_FD: String(descriptor), OSTRAKA_PASSPHRASE: 'from the environment' }
    assert.equal(exposed(await readPassphrase({ env })), 'from the descriptor')
    assert.throws(() => fstatSync(descriptor), { code: 'EBADF' })
    for (const none of ['none', '7777']) {
      await failsWith(readPassphrase({ env: { OSTRAKA_PASSPHRASE_FD: none } }), 'malformed')
    }
    await rm(directory, { recursive: true })
  })

  it('asks on a terminal without echo, and honours erasing and giving up', async () => {
    const ask = (typed: string): { answer: Promise<Secret>; shown: string[]; raw: boolean[] } => {
      const shown: string[] = []
      const raw: boolean[] = []
      const input = {
        isTTY: true,
        setRawMode: (isRaw: boolean) => raw.push(isRaw),
        on: (_event: string, listener: (chunk: Buffer) => void) =>
          queueMicrotask(() => listener(Buffer.from(typed))),
        off: () => {},
        resume: () => {},
        pause: () => {},
      } as unknown as Terminal['input']
      const output = { write: (text: string) => shown.push(text) }
      return {
        answer: readPassphrase({ prompt: { question: 'Passphrase: ', terminal: { input, output } } }),
        shown,
        raw,
      }
    }
    const asked = ask('sé\u007fecretx\u007f\r')
    assert.equal(exposed(await asked.answer), 'secret')
    assert.deepEqual(asked.shown, ['Passphrase: ', '\n'])
    assert.deepEqual(asked.raw, [true, false])
    await failsWith(ask('se\u0003').answer, 'not_found')
  })
})

import assert from 'node:assert/strict'
import { appendFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AttestationJson } from '../../src/api/index.ts'
import { SoftwareTpm, whyNoTpm } from '../io/swtpm.ts'
import { eventually, TEST_TIMEOUT_MS, Testnet } from './testnet.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TAMPERED = 'node-3'
const OTHERWISE_BOOTED = 'node-2'

/** A copy of this program with one comment more; its dependencies are the same. */
function tamperedCopy(directory: string): string {
  mkdirSync(directory)
  cpSync(join(ROOT, 'src'), join(directory, 'src'), { recursive: true })
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(directory, name))
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  appendFileSync(join(directory, 'src', 'keys', 'slots.ts'), '// not what was released\n')
  return join(directory, 'src', 'cli', 'main.ts')
}

describe('attestation of real processes', function () {
  this.timeout(TEST_TIMEOUT_MS)
  let net: Testnet
  let program: string
  let publicKey: string
  const tpms: SoftwareTpm[] = []

  before(async () => {
    net = await Testnet.start()
    const sizes = { threshold: 3, shares: 4 }
    const key = await net.createKey('node-1', { name: 'steady', kind: 'ed25519', ...sizes })
    publicKey = key.publicKey
  })

  after(async () => {
    await net?.stop()
    for (const tpm of tpms) await tpm.stop()
  })

  const command = (...args: string[]) => {
    const { status, stdout, stderr } = net.ostraka('node-1', ...args)
    assert.equal(status, 0, String(stderr))
    return String(stdout)
  }
  const policy = (...args: string[]): string =>
    command('attest', 'policy', ...args, '--operator-file', net.state.operator)

  const attestation = (): Promise<AttestationJson> => net.client('node-1').attestation()
  const memberNamed = async (name: string) =>
    (await attestation()).members.find(({ peerId }) => peerId === net.node(name).peerId)!

  const holders = async (name: string): Promise<ReadonlySet<string>> =>
    new Set((await net.client('node-1').key(name)).holders.map(({ peerId }) => peerId))

  const signs = async (): Promise<void> => {
    assert.equal(await net.signs('node-1', 'steady'), publicKey)
  }

  it('every node attests the program that this very command measures', async () => {
    program = JSON.parse(command('attest', 'measure', '--json')).program
    await eventually('all have attested', async () => {
      const { members } = await attestation()
      return members.every(({ method, measurements }) => method === 'measured' && measurements[0] === program)
    })
    const told = await net.client('node-1').peers()
    assert.ok(told.every(({ measurements }) => measurements[0] === program.slice(0, 16)))
    assert.equal((await attestation()).policy.method, 'none')
  })

  it('a node with a changed file is told apart, and is not chosen for new keys', async () => {
    await net.restartAs(TAMPERED, { main: tamperedCopy(net.file('tampered')) })
    await eventually('it attests what it runs', async () => {
      const [measured] = (await memberNamed(TAMPERED)).measurements
      return measured !== undefined && measured !== program
    })
    policy('allow', program)
    policy('require', 'measured', '--max-age', '40')
    assert.equal((await memberNamed(TAMPERED)).standing, 'unlisted')
    const listed = JSON.parse(command('member', 'list', '--json')).members
    const states = listed.map((member: { attestation: string }) => member.attestation).sort()
    assert.deepEqual(states, ['accepted', 'accepted', 'accepted', 'accepted', 'unlisted'])
    const sizes = { threshold: 3, shares: 5 }
    await net.createKey('node-1', { name: 'fresh', kind: 'ristretto255', ...sizes })
    assert.equal((await holders('fresh')).size, 4)
    assert.ok(!(await holders('fresh')).has(net.node(TAMPERED).peerId))
  })

  it('the slot that it held moves to an accepted node, under the same public key', async () => {
    await eventually('it holds nothing more', async () => {
      const now = await holders('steady')
      return now.size === 4 && !now.has(net.node(TAMPERED).peerId)
    })
    await signs()
    await net.keepsUp('node-1')
    const { warnings } = await net.client(TAMPERED).status()
    assert.deepEqual(warnings, ['this node is given no slots: its attestation is unlisted'])
  })

  it('a mistaken policy moves nothing, says so, and is taken back', async () => {
    // a member that was slow to come back, on a busy machine, is suspended for some epochs and not counted
    await eventually('all members count', async () => (await attestation()).eligible === 5)
    const before = await net.client('node-1').key('steady')
    const printed = policy('deny', program)
    assert.match(printed, /accepted {5}0 of 5 members\ntoo few: slots stay where they are/)
    const { epoch } = await attestation()
    await eventually('two epochs pass', async () => (await attestation()).epoch > epoch + 1)
    assert.match((await net.client('node-1').status()).warnings.join('\n'), /accepts 0 of 5 members/)
    const refused = net.ostraka('node-1', ...['key', 'create', 'late', '--kind', 'ed25519'])
    assert.equal(refused.status, 6)
    assert.match(String(refused.stderr), /^not_enough_nodes:/)
    policy('allow', program)
    const after = await net.client('node-1').key('steady')
    assert.deepEqual([after.generation, after.holders], [before.generation, before.holders])
  })

  it('an operator’s word is needed for the policy', () => {
    const stranger = net.file('stranger.json')
    command('principal', 'new', '--out', stranger)
    const args = ['attest', 'policy', 'require', 'none', '--operator-file', stranger]
    assert.match(String(net.ostraka('node-1', ...args).stderr), /^forbidden:/)
  })

  describe('by TPM', () => {
    let platform: string

    before(async function () {
      const missing = whyNoTpm()
      if (missing !== undefined) {
        console.log(`      SKIPPED: ${missing}`)
        return this.skip()
      }
      const starts = net.state.nodes.map(async ({ name }, at) => {
        const tpm = await SoftwareTpm.start()
        tpms[at] = tpm
        const loader = name === OTHERWISE_BOOTED ? 'another boot loader' : 'the boot loader'
        tpm.extend(4, tpm.sha256(loader))
        await net.restartAs(name, { runOptions: ['--attest', 'tpm2', '--tpm2-tcti', tpm.tcti] })
      })
      await Promise.all(starts)
    })

    it('every node has its key in its own TPM, and quotes its platform', async () => {
      const measured = command('attest', 'measure', '--tpm2', '--tpm2-tcti', tpms[0]!.tcti, '--json')
      platform = JSON.parse(measured).platform
      await eventually('all have quoted', async () =>
        (await attestation()).members.every(({ method }) => method === 'tpm2'),
      )
      const { members } = await attestation()
      const { tcti } = tpms[0]!
      const here = [
        'attest',
        'measure',
        '--tpm2',
        '--tpm2-tcti',
        tcti,
        '--dir',
        net.node('node-1').dir,
        '--json',
      ]
      const own = members.find(({ peerId }) => peerId === net.node('node-1').peerId)!
      assert.equal(JSON.parse(command(...here)).attestationKey, own.attestationKey)
      assert.equal(new Set(members.map(({ attestationKey }) => attestationKey)).size, 5)
      const others = members.filter(({ measurements }) => measurements[1] !== platform)
      assert.deepEqual(
        others.map(({ peerId }) => peerId),
        [net.node(OTHERWISE_BOOTED).peerId],
      )
      assert.ok(members.every(({ measurements }) => measurements[0] === program))
    })

    it('the node that booted something else loses its slots, and gets none', async () => {
      policy('allow', platform)
      policy('require', 'tpm2')
      assert.equal((await memberNamed(OTHERWISE_BOOTED)).standing, 'unlisted')
      assert.equal((await memberNamed(TAMPERED)).standing, 'accepted')
      await eventually('its slots have moved', async () => {
        const now = await holders('steady')
        return now.size === 4 && !now.has(net.node(OTHERWISE_BOOTED).peerId)
      })
      await net.createKey('node-1', { name: 'booted', kind: 'x25519', threshold: 3, shares: 5 })
      assert.equal((await holders('booted')).size, 4)
      assert.ok(!(await holders('booted')).has(net.node(OTHERWISE_BOOTED).peerId))
      await signs()
    })

    it('a node that falls back to measuring alone is too weak; with its TPM’s key it is back', async () => {
      await net.restartAs('node-5', { runOptions: ['--attest', 'measured'] })
      await eventually('it is weak', async () => (await memberNamed('node-5')).standing === 'weak')
      const { attestationKey } = await memberNamed('node-5')
      const back = ['--attest', 'tpm2', '--tpm2-tcti', tpms[4]!.tcti]
      await net.restartAs('node-5', { runOptions: back })
      await eventually('it is back', async () => (await memberNamed('node-5')).standing === 'accepted')
      assert.equal((await memberNamed('node-5')).attestationKey, attestationKey)
    })
  })
})

import assert from 'node:assert/strict'
import { scalarOfSecret } from '../../src/api/dealing-client.ts'
import { openExport } from '../../src/api/export-client.ts'
import type { ExportJson } from '../../src/api/json.ts'
import { isOstrakaError, Secret, toBase64, toHex } from '../../src/base/index.ts'
import { cryptoReady, groupByName } from '../../src/crypto/index.ts'
import { encodePublicKey, suiteOf } from '../../src/keys/index.ts'
import { exportedSharesCodec, type KeyKind } from '../../src/wire/index.ts'
import { ExportNetwork } from '../keys/export-network.ts'
import { exportedJson } from './exported.ts'

await cryptoReady

const KINDS: readonly KeyKind[] = ['ed25519', 'secp256k1', 'ristretto255', 'x25519']

/** What a daemon would answer with. */
function collected(network: ExportNetwork, id: Uint8Array, kind: KeyKind): ExportJson {
  const outcome = network.collect(id)
  if (!outcome.ok) throw outcome.error
  return exportedJson(outcome.value, kind)
}

async function refusal(run: Promise<unknown>) {
  const error = await run.then(
    () => assert.fail('it was not refused'),
    (thrown: unknown) => thrown,
  )
  if (isOstrakaError(error)) return error
  throw error
}

const oneTimeOf = (network: ExportNetwork): Secret => new Secret(network.oneTime.secretKey.expose().slice())

describe('an exported secret', () => {
  for (const kind of KINDS) {
    it(`${kind}: is what an import takes for the same public key`, async () => {
      const network = new ExportNetwork(`client ${kind}`)
      const json = collected(network, network.inUse('k', kind), kind)
      const exported = await openExport(oneTimeOf(network), network.ledger.networkId, json)
      assert.equal(exported.form, kind === 'ed25519' ? 'scalar' : 'native')
      assert.equal(exported.secret.length, 32)
      const scalar = await scalarOfSecret(kind, exported.secret, exported.form)
      const publicKey = groupByName(suiteOf(kind).group).multiplyBase(scalar.expose())
      assert.equal(toBase64(encodePublicKey(kind, publicKey)), json.publicKey)
    })
  }

  it('comes together although one holder seals nonsense, who is named when too few are left', async () => {
    const network = new ExportNetwork('culprits')
    const json = collected(network, network.inUse('k'), 'ed25519')
    const liar = json.holders[0]!
    // a holder’s own signature over a share of another slot: it opens, but fits nothing
    const other = network.holders.find(({ peerId }) => peerId === liar.peerId)!
    const { networkId } = network.ledger
    const { signValue, sealTogether } = await import('../../src/crypto/index.ts')
    const { exportInfo, exportOccasion } = await import('../../src/keys/index.ts')
    const honest = network.answer(other, Uint8Array.from(Buffer.from(json.proposal.id, 'hex')), 0, 'x').shares
      .value
    const { keyId, version, generation } = network.version('k')!
    const context = { networkId, keyId, version, generation, proposal: honest.proposal }
    const nonsense = new Secret(groupByName('edwards25519').scalarFromInt(7))
    const { identity } = other.state.world
    const { encapsulation, ciphertexts } = sealTogether(
      exportOccasion(context, identity.publicKey),
      [{ recipient: network.oneTime.publicKey, info: exportInfo(context, liar.slot), plaintext: nonsense }],
      nonsense,
      network.rng,
    )
    const bad = signValue(identity, 'export', networkId, {
      ...honest,
      encapsulation,
      shares: [{ slot: liar.slot, sealed: ciphertexts[0]! }],
    })
    const isLiars = (text: string) => {
      const { signer } = exportedSharesCodec.decode(Uint8Array.from(Buffer.from(text, 'base64')))
      return toHex(signer) === toHex(bad.signer)
    }
    const answers = [
      toBase64(exportedSharesCodec.encode(bad)),
      ...json.answers.filter(text => !isLiars(text)),
    ]
    await openExport(oneTimeOf(network), networkId, { ...json, answers })
    const error = await refusal(
      openExport(oneTimeOf(network), networkId, { ...json, answers: answers.slice(0, 2) }),
    )
    assert.equal(error.code, 'insufficient_shares')
    assert.deepEqual(error.details, { needed: 2, answered: 1, culprits: [liar.peerId] })
  })

  it('is refused when the daemon gives another public key, or the key is not the one-time key', async () => {
    const network = new ExportNetwork('wrong')
    const json = collected(network, network.inUse('k'), 'ed25519')
    const { networkId } = network.ledger
    const publicKey = toBase64(new Uint8Array(32).fill(1))
    assert.equal(
      (await refusal(openExport(oneTimeOf(network), networkId, { ...json, publicKey }))).code,
      'bad_share',
    )
    const stranger = new Secret(new Uint8Array(32).fill(1))
    const error = await refusal(openExport(stranger, networkId, json))
    assert.equal(error.code, 'insufficient_shares')
    const elsewhere = await refusal(openExport(oneTimeOf(network), new Uint8Array(32), json))
    assert.deepEqual(
      elsewhere.details,
      { needed: 2, answered: 0, culprits: [] },
      'another network’s signatures blame nobody',
    )
  })
})
